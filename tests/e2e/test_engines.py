"""Policy engines through the whole product: refusal, a person asked, and an engine that is gone and said to be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest

from tests.e2e.approvals.conftest import settle
from tests.support.clyra_command import clyra
from tests.support.engines.asking import opa
from tests.support.engines.server import EngineProcess
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

CEDAR = '@id("local-only") permit(principal, action, resource == Clyra::Destination::"local");\n'


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("engines")
    (folder / "local.cedar").write_text(CEDAR)
    with EngineProcess(folder / "server.log") as server:
        policy = local_policy(
            enforcement={
                "approvals": {"wait_seconds": 0, "retry_after_seconds": 1},
                "engines": {
                    "budget_ms": 8000,
                    "opa": [
                        opa(server.url, "plain/no", name="asks", on_denied="approve", routes=["local/payments"]),
                        opa("http://127.0.0.1:1", name="gone", routes=["local/gone"]),
                    ],
                    "cedar": [{"name": "rules", "policies": [str(folder / "local.cedar")]}],
                },
            }
        )
        policy["destinations"]["local"]["rules"] = [
            {"name": "payments", "paths": ["/payments/**"]},
            {"name": "gone", "paths": ["/gone"]},
        ]
        settle(folder)
        with RunningProxy.start(folder, policy, seconds=180) as running:
            yield running


def test_engines_refuse_hold_and_are_seen(guarded: RunningProxy, upstream: Upstream) -> None:
    with httpx.Client(proxy=guarded.url, trust_env=False, timeout=60) as client:
        assert client.post(f"{upstream.url}/x", json={}).status_code == 200
        held = client.post(f"{upstream.url}/payments/1", json={"amount": 1})
        gone = client.get(f"{upstream.url}/gone")
    assert held.status_code == 202, held.text
    assert held.headers["clyra-approval"]
    assert (gone.status_code, gone.headers["clyra-reason"]) == (503, "engine_unavailable")
    assert [message.path for message in upstream.journal.messages] == ["/x"]
    assert _wait_for(guarded, lambda said: "not asked yet" not in said.values()) == {
        "asks": "answers",
        "gone": "fails: connection",
        "rules": "answers",
    }
    assert "gone  fails: connection" in guarded.clyra("status").stdout
    guarded.home.policy.write_text(guarded.policy.read_text())  # the one that doctor looks at
    doctor = json.loads(guarded.clyra("doctor", "--only", "curl", "--json").stdout)
    told = {one["found"]: one["state"] for one in doctor["house"] if one["name"] == "policy engine"}
    assert told == {"asks: answers": "good", "gone: fails: connection": "fail", "rules: answers": "good"}
    metrics = _metrics(guarded)
    for line in (
        'clyra_engine_answers_total{answer="allow",kind="cedar"}',
        'clyra_engine_answers_total{answer="unavailable",kind="opa"}',
        'clyra_engine_seconds_count{kind="opa"}',
        "clyra_engines_failing",
    ):
        assert line in metrics


def _wait_for(proxy: RunningProxy, settled: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """What `clyra status` says of the engines, once it is settled."""
    deadline = time.monotonic() + 60
    while True:
        (worker,) = json.loads(proxy.clyra("status", "--json").stdout)["workers"]
        if settled(worker["engines"]) or time.monotonic() > deadline:
            said: dict[str, str] = worker["engines"]
            return said


def _metrics(proxy: RunningProxy) -> str:
    """Once the last exchange has been published."""
    deadline = time.monotonic() + 60
    while True:
        with urlopen(f"http://{proxy.health}/metrics") as answer:
            text: str = answer.read().decode()
        if 'answer="unavailable"' in text or time.monotonic() > deadline:
            return text
        time.sleep(0.1)


def test_a_policy_is_checked_and_tested_with_its_cedar_policies(tmp_path: Path) -> None:
    (tmp_path / "rules.cedar").write_text(
        'permit(principal == Clyra::Agent::"billing", action, resource);\n\n'
        '@id("quiet-hours") forbid(principal, action, resource) when { context.request.path like "/closed*" };\n'
    )
    (tmp_path / "policy.yaml").write_text(
        """\
extends: strict
enforcement:
  mode: enforce
  engines:
    cedar:
      - name: rules
        policies: [rules.cedar]
destinations:
  api: {hosts: [api.example.com]}
tests:
  - name: billing may
    request: {url: "https://api.example.com/x", agent: billing}
    expect: {decision: allow}
  - name: a stranger may not
    request: {url: "https://api.example.com/x", agent: stranger}
    expect: {decision: block, rule: engine.denied, status: 403}
  - name: whoever is not known may not
    request: {url: "https://api.example.com/x"}
    expect: {decision: block, rule: engine.denied}
  - name: nobody may there
    request: {url: "https://api.example.com/closed/1", agent: billing}
    expect: {decision: block, reason: engine_denied}
"""
    )
    assert clyra("policy", "check", tmp_path / "policy.yaml").returncode == 0
    tested = clyra("policy", "test", tmp_path / "policy.yaml")
    assert (tested.returncode, "4 of 4 cases pass" in tested.stdout) == (0, True), tested.stdout
    (tmp_path / "rules.cedar").write_text("permit(principal, action, resource);\nforbid(principal action, resource);\n")
    checked = clyra("policy", "check", tmp_path / "policy.yaml")
    assert checked.returncode == 1
    assert "rules.cedar:2" in checked.stdout + checked.stderr
