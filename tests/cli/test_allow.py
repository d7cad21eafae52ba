"""`clyra allow` and `clyra genai report` on a real verdict log."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.cli.explain import find_event
from clyra_proxy.cli.main import run
from clyra_proxy.genai.exception_making import Decision as Decided
from clyra_proxy.genai.exception_making import Width, entries_from
from clyra_proxy.genai.exceptions import Exceptions, load_exceptions
from clyra_proxy.genai.inspection import Caller, Inspection, Signal
from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.shadow.rates import interval
from clyra_proxy.telemetry.verdict_log import VerdictLog
from clyra_proxy.verdict.model import Action, Decision, Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES
from tests.support.clyra_command import clyra
from tests.support.exchanges import exchange, violation

IDS = [f"01930000-0000-7000-8000-{number:012d}" for number in range(1, 7)]
TEXT = "a" * 32
POLICY = "extends: observe\ngenai_security:\n  exceptions: allowed.yaml\n"


def finding(rule: str = "injection.direct", action: Action = Action.BLOCK, **detail: str) -> Finding:
    detail = {"patterns": "direct.override,direct.reveal", "provenance": "user", "text": TEXT, **detail}
    made = RULES[rule]
    return Finding(
        "injection",
        rule,
        made.reason,
        action,
        Mode.SHADOW,
        Phase.REQUEST_BODY,
        path="/messages/4/content",
        detail=detail,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "allowed.yaml").write_text("exceptions: []\n")
    log = VerdictLog(tmp_path / "verdicts" / "verdicts.ndjson")
    log.write(exchange(IDS[0], Decision.ALLOW, (finding(), finding("leak.secret", Action.REDACT, kind="aws"))))
    log.write(exchange(IDS[1], Decision.ALLOW, (finding(exception="ex-1"),)))
    log.write(exchange(IDS[2], Decision.BLOCK, (violation(),)))
    log.write(exchange(IDS[3], Decision.ALLOW, (finding("leak.pii", Action.MARK),), agent="other"))
    log.close()
    return tmp_path


def allowed(home: Path, *arguments: str) -> dict[str, Any]:
    done = clyra("allow", *arguments, "--json", home=home)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_policy_of_the_running_proxy_is_taken_and_a_dead_ones_is_not(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.yaml").write_text("extends: observe\ngenai_security:\n  exceptions: there.yaml\n")
    (elsewhere / "there.yaml").write_text("exceptions: []\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        state = {"host": "127.0.0.1", "port": port, "policy": str(elsewhere / "mine.yaml")}
        (home / "run").mkdir()
        (home / "run" / "proxy.json").write_text(json.dumps(state))
        told = allowed(home, "--from", IDS[0], "--no-reload")
        assert (told["file"], told["policy_names_it"]) == (str(elsewhere / "there.yaml"), True)
        assert told["entries"][0]["id"] in (elsewhere / "there.yaml").read_text()
    assert allowed(home, "--list")["file"] == str(home / "allowed.yaml")


def signal() -> Signal:
    return Signal("injection.direct", path="/messages/9/content", detail=finding().detail)


def inspection(agent: str = "hightouch", route: str = "crm/batch") -> Inspection:
    return Inspection(
        Conversation("openai-chat", Direction.REQUEST), Caller(agent), "api.crm.example:443", route, now=time.time()
    )


def test_the_narrowest_exception_is_written_and_covers(home: Path) -> None:
    told = allowed(home, "--from", IDS[0], "--reason", "our own test", "--person", "kim")
    assert {entry["rule"] for entry in told["entries"]} == {"injection.direct", "leak.secret"}
    exceptions = load_exceptions(home / "allowed.yaml")
    direct = next(entry for entry in exceptions.entries if entry.rule == "injection.direct")
    assert direct.text == TEXT
    assert (direct.agent, direct.route, direct.path) == ("hightouch", "crm/batch", "/messages/*/content")
    assert (direct.reason, direct.person, direct.verdict) == ("our own test", "kim", IDS[0])
    assert exceptions.suppress(signal(), inspection()) == direct.id
    assert exceptions.suppress(signal(), inspection(agent="other")) is None
    assert exceptions.suppress(signal(), inspection(route="crm")) is None
    again = allowed(home, "--from", IDS[0])
    assert again["written"] is False
    assert direct.id in again["already"]


@pytest.mark.parametrize(
    ("wider", "covers"),
    [("narrow", (False, False, False)), ("text", (True, False, False)), ("agent", (True, True, False)),
     ("route", (True, True, True))],
)  # fmt: skip
def test_wider_is_wider_step_by_step(wider: str, covers: tuple[bool, ...], home: Path) -> None:
    event = find_event(home / "verdicts" / "verdicts.ndjson", IDS[0])
    decided = Decided("r", "p", time.time(), time.time() + 60, Width(wider))
    exceptions = Exceptions(entries_from(event, decided, frozenset({"injection.direct"})))
    assert exceptions.suppress(signal(), inspection()) is not None
    other_text = Signal("injection.direct", path="/messages/9/content", detail={**finding().detail, "text": "b" * 32})
    new_pattern = Signal(
        "injection.direct", path="/messages/9/content", detail={"patterns": "new", "provenance": "user"}
    )
    assert covers == (
        exceptions.suppress(other_text, inspection()) is not None,
        exceptions.suppress(other_text, inspection(agent="other")) is not None,
        exceptions.suppress(other_text, inspection(agent="other", route="llm")) is not None,
    )
    assert exceptions.suppress(new_pattern, inspection()) is None


def test_dry_run_writes_nothing(home: Path) -> None:
    told = allowed(home, "--from", IDS[0][:30] + IDS[0][30:], "--dry-run", "--rule", "leak.secret")
    assert [entry["rule"] for entry in told["entries"]] == ["leak.secret"]
    assert (home / "allowed.yaml").read_text() == "exceptions: []\n"


def test_a_policy_that_names_no_file_is_told_the_line(home: Path) -> None:
    (home / "policy.yaml").write_text("extends: observe\n")
    done = clyra("allow", "--from", IDS[0], home=home)
    assert done.returncode == 0, done.stderr
    assert "exceptions: exceptions.yaml" in done.stdout
    assert load_exceptions(home / "exceptions.yaml").entries
    (home / "policy.yaml").write_text("extends: observe\ngenai_security:\n  exceptions: exceptions.yaml\n")
    assert clyra("policy", "check", home / "policy.yaml", home=home).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--from", IDS[1]], 2, "nothing an exception could cover"),
        (["--from", IDS[2]], 2, "nothing an exception could cover"),
        (["--from", IDS[5]], 2, "No verdict"),
        ([], 64, "--from"),
        (["--from", IDS[0], "--list"], 64, "--from"),
        (["--from", IDS[0], "--expires", "900d"], 64, "a year"),
        (["--from", IDS[0], "--expires", "2020-01-01"], 64, "a year"),
        (["--from", IDS[0], "--expires", "soon"], 64, "no time"),
        (["--from", IDS[0], "--reason", " "], 64, "reason"),
        (["--remove", "ex-nothing"], 1, "no exception"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["allow", *arguments, "--home", str(home)]) == code
    assert words in capsys.readouterr().err
    assert (home / "allowed.yaml").read_text() == "exceptions: []\n"


def test_list_and_remove(home: Path) -> None:
    assert "no exceptions" in clyra("allow", "--list", home=home).stdout
    made = allowed(home, "--from", IDS[0], "--expires", "2h")["entries"]
    listed = allowed(home, "--list")["exceptions"]
    assert [entry["id"] for entry in listed] == [entry["id"] for entry in made]
    assert not any(entry["expired"] for entry in listed)
    text = (home / "allowed.yaml").read_text()
    (home / "allowed.yaml").write_text(re.sub(r"expires: '?[0-9TZ:-]+'?", "expires: '2020-01-01T00:00:00Z'", text))
    assert clyra("allow", "--list", home=home).stdout.count("EXPIRED") == 2
    renewed = allowed(home, "--from", IDS[0])
    assert len(renewed["entries"]) == 2, "what has ended is made anew"
    assert not any(entry["expired"] for entry in allowed(home, "--list")["exceptions"])
    for entry in made:
        assert allowed(home, "--remove", entry["id"])["removed"]["id"] == entry["id"]
    assert allowed(home, "--list")["exceptions"] == []


def test_the_report_counts_what_enforcing_would_do(home: Path) -> None:
    done = clyra("genai", "report", "--json", home=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["judged"] == 3, "the line without a GenAI check is not counted"
    direct = told["rules"]["injection.direct"]
    assert (direct["would_stop"], direct["suppressed"], direct["samples"]) == (1, 1, [IDS[0]])
    assert direct["patterns"] == {"direct.override": 1, "direct.reveal": 1}
    assert told["rules"]["leak.secret"]["would_change"] == 1
    assert told["rules"]["leak.pii"]["by_action"] == {"mark": 1}
    assert told["rules"]["leak.pii"]["agents"] == {"other": 1}
    assert told["total"]["would_stop"] == 1
    assert direct["share_low"] < 1 / 3 < direct["share_high"]
    shown = clyra("genai", "report", "--rule", "injection.*", "--since", "3650d", home=home).stdout
    assert "injection.direct" in shown
    assert "leak.secret" not in shown
    assert clyra("genai", "report", "--agent", "nobody", home=home).stdout.startswith("No exchange")
    assert clyra("genai", "report", "--log", home / "none", home=home).returncode == 2


@pytest.mark.parametrize(("hits", "of", "low", "high"), [(0, 0, 0, 1), (0, 100, 0, 0.037), (5, 100, 0.0215, 0.1118),
                                                         (100, 100, 0.963, 1)])  # fmt: skip
def test_intervals(hits: int, of: int, low: float, high: float) -> None:
    """Against published values of the Wilson interval."""
    found = interval(hits, of)
    assert found == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(("auth", "agent"), [("proxy", "hightouch"), ("process", ""), ("none", "")])
def test_a_guessed_agent_is_no_condition(home: Path, auth: str, agent: str) -> None:
    """The process behind a connection is looked up beside the exchange: the same one again may go without it."""
    event = find_event(home / "verdicts" / "verdicts.ndjson", IDS[0])
    event["unmapped"]["clyra"]["auth"] = auth
    decided = Decided("ours", "me", time.time(), time.time() + 60, Width.NARROW)
    assert {entry.agent for entry in entries_from(event, decided, frozenset())} == {agent}
