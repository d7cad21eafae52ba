"""`clyra genai test` through a real proxy, and what `clyra threats analyze` reads from the evidence of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.genai.conftest import SECURITY
from tests.support.proxy import RunningProxy, local_policy

WELL_KNOWN = "prompt-injection,secrets"


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy of its own: its evidence holds nothing but rehearsals."""
    policy = local_policy(genai_security=SECURITY)
    with RunningProxy.start(tmp_path_factory.mktemp("rehearsed"), policy) as running:
        yield running


def rehearse(proxy: RunningProxy, *words: str) -> tuple[int, dict[str, Any]]:
    done = proxy.clyra("genai", "test", "--home", str(proxy.home.root), "--json", *words, seconds=110)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_attack_pack_goes_through_the_running_proxy(rehearsed: RunningProxy) -> None:
    code, card = rehearse(rehearsed, "--attack-vectors", WELL_KNOWN, "--at-least", "50")
    assert card["through"].startswith("the running proxy")
    assert set(card["vectors"]) == {"prompt-injection", "secrets"}
    total = card["total"]
    assert total["unseen"] == total["leaked"] == 0
    assert total["found"] == total["stopped"] > total["attacks"] / 2
    assert code == (1 if total["false_alarm"] else 0)
    stopped = [trial for trial in card["trials"] if trial["result"] == "stopped"]
    assert all(trial["owasp_llm"] and trial["atlas"] and trial["verdict"] for trial in stopped)
    agents = {line["actor"]["app_name"] for line in rehearsed.verdicts()}
    assert agents == {"clyra-rehearsal"}


def test_exit_codes_say_whether_enough_was_found(rehearsed: RunningProxy) -> None:
    words = ("--attack-vectors", "unsafe-output", "--protocols", "openai")
    code, card = rehearse(rehearsed, *words, "--at-least", "0")
    assert code == 0
    assert set(card["vectors"]) == {"unsafe-output"}
    assert {trial["protocol"] for trial in card["trials"]} == {"openai"}
    for wrong in (("--attack-vectors", "prompt-injections"), ("--protocols", "smtp")):
        done = rehearsed.clyra("genai", "test", *wrong)
        assert done.returncode == 64
        assert "prompt-injection" in done.stderr or "openai" in done.stderr


def test_without_a_running_proxy_one_of_its_own_is_used(tmp_path: Path, rehearsed: RunningProxy) -> None:
    (tmp_path / "home").mkdir()
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nextends: observe\n")
    words = ("--home", str(tmp_path / "home"), "--policy", str(policy), "--attack-vectors", "prompt-injection")
    done = rehearsed.clyra("genai", "test", "--json", "--protocols", "openai", *words, seconds=110)
    card = json.loads(done.stdout)
    assert card["through"].startswith("a proxy of its own")
    assert card["total"]["unseen"] == card["total"]["stopped"] == 0
    assert card["total"]["found"] == card["total"]["shadow"] > 0


def test_the_evidence_shows_threats_by_time_agent_and_technique(rehearsed: RunningProxy) -> None:
    rehearse(rehearsed, "--attack-vectors", "prompt-injection", "--agent", "second-agent", "--at-least", "0")
    sealed = json.loads(rehearsed.clyra("seal", "--json", check=True, seconds=110).stdout)
    bundle = next(str(value) for value in sealed.values() if str(value).endswith(".zip"))
    told = json.loads(rehearsed.clyra("threats", "analyze", bundle, "--json", check=True).stdout)
    assert told["threats"]["exchanges"] == sum(row["exchanges"] for row in told["by_agent"])
    assert {row["agent"] for row in told["by_agent"]} == {"clyra-rehearsal", "second-agent"}
    techniques = {row["id"]: row for row in told["by_technique"]}
    assert techniques["AML.T0057"]["name"] == "LLM Data Leakage"
    assert techniques["AML.T0051.000"]["tactics"] == ["Execution"]
    assert {"LLM01:2025", "LLM01:v1.1", "LLM02:2025"} <= {row["id"] for row in told["by_risk"]}
    assert sum(sum(hour["threats"].values()) for hour in told["over_time"]) >= told["threats"]["exchanges"]
    assert told["sources"][0]["verdict"]
    lines = rehearsed.clyra("threats", "analyze", bundle, check=True).stdout
    assert "by technique" in lines
    assert "second-agent" in lines
    only = json.loads(rehearsed.clyra("threats", "analyze", "--agent", "second-agent", "--json", check=True).stdout)
    assert {row["agent"] for row in only["by_agent"]} == {"second-agent"}
