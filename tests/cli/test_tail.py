"""`clyra tail` as a real process on a real log."""

from __future__ import annotations

import signal
import subprocess
import time
from datetime import UTC, datetime

import orjson
import pytest

from clyra_proxy.cli.verdict_filter import VerdictFilter, parse_since
from clyra_proxy.telemetry.verdict_log import VerdictLog
from clyra_proxy.verdict.model import Decision, Mode
from tests.support.clyra_command import clyra, clyra_argv, clyra_environment
from tests.support.exchanges import exchange, violation

IDS = [f"01930000-0000-7000-8000-00000000000{n}" for n in range(6)]
NOW = time.time()


@pytest.fixture
def home(tmp_path):
    log = VerdictLog(tmp_path / "verdicts" / "verdicts.ndjson", max_bytes=4000)
    made = [
        exchange(IDS[0]),
        exchange(IDS[1], Decision.BLOCK, (violation(),)),
        exchange(IDS[2], host="api.openai.com", path="/v1/chat/completions?key=abc", agent="writer"),
        exchange(IDS[3], findings=(violation(mode=Mode.SHADOW),)),
        exchange(IDS[4], Decision.ERROR, (violation("egress.failed"),), method="GET", agent="writer"),
        exchange(IDS[5], path="/evil\x1b]0;owned\x07"),
    ]
    for position, one in enumerate(made):
        one.started_at = NOW - 3600 * (5 - position)
        log.write(one)
        log.flush()
    log.close()
    return tmp_path


def ids(done):
    return [orjson.loads(line)["metadata"]["uid"] for line in done.stdout.splitlines()]


def test_a_decision_that_no_verdict_has_is_a_mistake(home):
    done = clyra("tail", "--no-follow", "--decision", "blocked", home=home)
    assert done.returncode == 64
    assert "block, error, would-mark" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("-n", "2"), [4, 5]),
        (("-n", "0"), []),
        (("--decision", "block"), [1]),
        (("-d", "block", "-d", "error"), [1, 4]),
        (("-d", "would-block"), [3]),
        (("--agent", "writer"), [2, 4]),
        (("--agent", "w*", "--decision", "allow"), [2]),
        (("--host", "*.openai.com"), [2]),
        (("--rule", "schema_violation"), [1, 3, 4]),
        (("--rule", "egress.*"), [4]),
        (("--since", "150m"), [3, 4, 5]),
        (("--decision", "allow", "-n", "1"), [5]),
    ],
)
def test_filters_across_rotated_files(home, arguments, wanted):
    done = clyra("tail", "--json", "--no-follow", *arguments, home=home)
    assert done.returncode == 0
    assert ids(done) == [IDS[n] for n in wanted]
    assert (home / "verdicts" / "verdicts.ndjson.1").exists()


def test_a_line_names_all_a_person_needs(home):
    done = clyra("tail", "-F", "-d", "block", home=home)
    (line,) = done.stdout.splitlines()
    for word in ("block", "POST", "api.crm.example/v2/contacts/batch", "schema_violation", "hightouch", IDS[1], "ms"):
        assert word in line
    assert "\x1b" not in line


def test_colour_when_asked_and_never_control_characters_from_the_network(home):
    done = clyra("tail", "-F", home=home, env={"FORCE_COLOR": "1"})
    lines = done.stdout.splitlines()
    assert "\x1b[31mblock" in lines[1]
    assert "\x1b[33mwould-block" in lines[3]
    assert "\x1b]0;" not in done.stdout
    assert "\x07" not in done.stdout
    assert "key=abc" not in done.stdout


def test_follows_new_verdicts_through_rotations(home):
    argv = clyra_argv("tail", "--json", "-n", "1")
    following = subprocess.Popen(argv, env=clyra_environment(home), stdout=subprocess.PIPE, text=True)
    try:
        assert orjson.loads(following.stdout.readline())["metadata"]["uid"] == IDS[5]
        log = VerdictLog(home / "verdicts" / "verdicts.ndjson", max_bytes=4000, keep=50)
        fresh = [f"01930000-0000-7000-8000-0000000001{n:02d}" for n in range(20)]
        for identifier in fresh:
            log.write(exchange(identifier))
            log.flush()
        log.close()
        assert [orjson.loads(following.stdout.readline())["metadata"]["uid"] for _ in fresh] == fresh
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130
    finally:
        following.kill()
        following.wait()
        following.stdout.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400), ("1.5h", 5400), ("2026-11-22T07:00:00+00:00", 3600)],
)
def test_since_takes_ages_and_times(text, seconds):
    now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert parse_since(text, now) == int((now.timestamp() - seconds) * 1000)


@pytest.mark.parametrize(
    ("agents", "route", "auth", "shown"),
    [
        ((), "selftest/queued", "proxy", False),
        (("clyra-selftest",), "selftest/queued", "proxy", True),
        ((), "crm/batch", "proxy", True),
        ((), "selftest/queued", "header", True),
    ],
)
def test_the_self_test_is_shown_only_when_asked_for(agents, route, auth, shown):
    event = {"unmapped": {"clyra": {"agent": "clyra-selftest", "route": route, "auth": auth}}}
    assert VerdictFilter(agents=frozenset(agents)).takes(event) is shown
