"""`clyra shadow` and `clyra policy promote` on a real verdict log: counted, reviewed, refused, promoted, kept."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from clyra_proxy.policy.fingerprint import policy_hash
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.telemetry.verdict_log import VerdictLog
from tests.shadow.lines import DAY_MS, OTHER, finding, line
from tests.support.clyra_command import clyra
from tests.support.recorder_process import running_recorder

RULE = "schema.violation"
POLICY = "# what we agreed on\nenforcement:\n  mode: shadow  # until June\n  candidate: {policy: candidate.yaml}\n"
CANDIDATE = "# the next one\nenforcement:\n  mode: enforce\n"
STEP_MS = 8 * DAY_MS // 1200


def write(home: Path, lines: list[dict[str, Any]]) -> None:
    log = VerdictLog(home / "verdicts" / "verdicts.ndjson")
    for one in lines:
        log.write_line(orjson.dumps({**one, "metadata": {"uid": one["unmapped"]["clyra"]["verdict"]}}) + b"\n")
    log.close()


def hash_of(file: Path) -> str:
    loaded = load_with_source(file)
    return policy_hash(loaded.document, loaded.base_dir)


def traffic(home: Path, *, blocked: int = 1, before: str = "") -> list[dict[str, Any]]:
    """1,200 exchanges in eight days under the home's policy; `blocked` of them would have been, all by both."""
    live, candidate = hash_of(home / "policy.yaml"), hash_of(home / "candidate.yaml")
    lines = []
    for number in range(1200):
        found = (finding(RULE),) if number < blocked else ()
        word = {"relation": "stricter" if found else "agree", "differs": bool(found), "rules": [RULE] * len(found)}
        said = {"policy_sha256": candidate, "unasked": [], **word}
        policy = before if before and number == 600 else live
        at = 1_800_000_000_000 + number * STEP_MS + DAY_MS
        lines.append(line(number, *found, policy=policy, at=at, candidate=said))
    return lines


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "candidate.yaml").write_text(CANDIDATE)
    return tmp_path


def asked(home: Path, *arguments: str, code: int = 0) -> Any:
    done = clyra(*arguments, "--json", home=home)
    assert done.returncode == code, done.stderr or done.stdout
    return json.loads(done.stdout) if done.stdout else None


PROMOTE = ("--since", "2027-01-01", "--no-reload")


def test_a_report_says_what_would_have_been(home: Path) -> None:
    write(home, traffic(home, blocked=3))
    told = asked(home, "shadow", "report", "--confidence", "0.99")
    rule = told["rules"][RULE]
    assert (told["exchanges"], rule["seen"], rule["would_block"]["exchanges"]) == (1200, 1200, 3)
    assert rule["would_block"]["share_low"] < 3 / 1200 < rule["would_block"]["share_high"]
    assert rule["would_block"]["samples"] == ["v-000002", "v-000001", "v-000000"]
    (candidate,) = told["candidates"].values()
    assert (candidate["compared"], candidate["stricter_rules"]) == (1200, {RULE: 3})
    table = clyra("shadow", "report", home=home).stdout
    assert RULE in table
    assert "0.25%" in table
    assert "stricter 3" in table
    assert asked(home, "shadow", "report", "--policy", OTHER[:8])["exchanges"] == 0


def test_a_rule_is_promoted_once_it_was_reviewed(home: Path) -> None:
    write(home, traffic(home))
    refused = asked(home, "policy", "promote", RULE, *PROMOTE, code=1)
    failing = [one["name"] for one in refused["gates"][0]["conditions"] if not one["passed"]]
    assert (failing, refused["promoted"]) == (["unreviewed"], False)
    assert (home / "policy.yaml").read_text() == POLICY
    asked(home, "shadow", "review", "v-000000", "--right", "--reason", "a broken client")
    assert asked(home, "policy", "promote", RULE, *PROMOTE, "--dry-run")["passed"] is True
    assert (home / "policy.yaml").read_text() == POLICY
    told = asked(home, "policy", "promote", RULE, *PROMOTE)
    assert told["promoted"] is True
    text = (home / "policy.yaml").read_text()
    assert text == POLICY.replace("  mode: shadow", f"  rules:\n    {RULE}: enforce\n  mode: shadow")
    assert told["sha256_after"] == hash_of(home / "policy.yaml")
    (kept,) = [json.loads(one) for one in (home / "shadow" / "promotions.ndjson").read_text().splitlines()]
    assert (kept["what"], kept["forced"], kept["sha256_after"]) == ([RULE], False, told["sha256_after"])


def test_the_candidate_takes_the_policys_place(home: Path) -> None:
    write(home, traffic(home))
    assert asked(home, "policy", "promote", "--candidate", *PROMOTE, code=1)["promoted"] is False
    asked(home, "shadow", "review", "v-000000", "--right", "--rule", "candidate")
    assert asked(home, "policy", "promote", "--candidate", *PROMOTE)["promoted"] is True
    assert (home / "policy.yaml").read_text() == CANDIDATE


def test_another_policy_in_between_shuts_the_gate_and_force_is_kept(home: Path) -> None:
    write(home, traffic(home, blocked=0, before=OTHER))
    refused = asked(home, "policy", "promote", RULE, *PROMOTE, "--min-exchanges", "1", "--min-days", "0", code=1)
    assert "policy unchanged" in [one["name"] for one in refused["gates"][0]["conditions"] if not one["passed"]]
    assert clyra("policy", "promote", RULE, *PROMOTE, "--force", home=home).returncode == 64
    told = asked(home, "policy", "promote", RULE, *PROMOTE, "--force", "--reason", "an attack is under way")
    assert (told["passed"], told["promoted"]) == (False, True)
    kept = json.loads((home / "shadow" / "promotions.ndjson").read_text())
    assert (kept["forced"], kept["reason"]) == (True, "an attack is under way")


WRONG = {
    "neither": (["policy", "promote"], 64),
    "both": (["policy", "promote", RULE, "--candidate"], 64),
    "no such rule": (["policy", "promote", "leek.secret"], 64),
    "a rule that is fixed": (["policy", "promote", "halt.active"], 64),
    "no log": (["policy", "promote", RULE], 2),
    "a report without a log": (["shadow", "report"], 2),
    "a review without a word": (["shadow", "review", "v-1"], 64),
}


@pytest.mark.parametrize(("arguments", "code"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_is_said(home: Path, arguments: list[str], code: int) -> None:
    done = clyra(*arguments, home=home)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def promotions_in_log(home: Path) -> list[dict[str, Any]]:
    """By way of a sealed bundle that verifies."""
    bundle = json.loads(clyra("seal", "--json", home=home).stdout)["path"]
    assert "Verdict: prefix" in clyra("verify", bundle, home=home).stdout  # nobody outside has confirmed its end
    with zipfile.ZipFile(bundle) as members:
        found = [json.loads(one) for one in members.read("records.jsonl").splitlines()]
    return [record["data"] for record in found if record["typ"] == "pef.promotion"]


def test_what_people_did_is_in_the_evidence(home: Path) -> None:
    write(home, traffic(home))
    with running_recorder(home):
        said = asked(
            home, "shadow", "review", "v-000000", "--right", "--rule", RULE, "--person", "Ada", "--reason", "x"
        )
        told = asked(home, "policy", "promote", RULE, *PROMOTE)
        assert (said["evidence"], told["evidence"]) == ("recorded", "recorded")
        review, promotion = promotions_in_log(home)
    assert (review["verdict"], review["rules"], review["right"], review["reason"]) == ("v-000000", [RULE], True, "x")
    assert review["actor"].startswith("Ada (")
    assert (promotion["what"], promotion["rules"], promotion["forced"]) == ("rules", [RULE], False)
    assert (promotion["before_sha256"], promotion["after_sha256"]) == (told["sha256_before"], told["sha256_after"])
    for record, name in ((review, "reviews"), (promotion, "promotions")):
        line = (home / "shadow" / f"{name}.ndjson").read_bytes().removesuffix(b"\n")
        assert record["line_sha256"] == hashlib.sha256(line).hexdigest()


def test_while_the_recorder_is_away_the_record_waits(home: Path) -> None:
    write(home, traffic(home))
    force = ("--force", "--reason", "now")
    assert asked(home, "policy", "promote", RULE, *PROMOTE, *force)["evidence"] == "folder"
    with running_recorder(home):
        pass
    assert asked(home, "policy", "promote", "leak.secret", *PROMOTE, *force)["evidence"] == "waiting"
    (spool,) = (home / "spool" / "evidence").glob("*.spool")
    waiting = json.loads(spool.read_bytes().partition(b" ")[2])["data"]
    assert (waiting["forced"], waiting["reason"], waiting["rules"]) == (True, "now", ["leak.secret"])
    assert any("unchanged" in one or "exchanges" in one for one in waiting["failing"])
