"""A state store that fails is never a pass: every inspector that needs it fails closed, in the mode of its rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clyra_proxy.exchange import Destination, Exchange, RequestHead
from clyra_proxy.genai.findings import conclude
from clyra_proxy.genai.inspection import Caller, Inspection
from clyra_proxy.genai.judge import inspect_all
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.state.sqlite import SqliteState
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Action, Mode, Phase
from tests.genai.budgets import support as budgets
from tests.genai.tools import support as tools

WHO = Caller("bot", session="s", auth="proxy")
ASKED = tools.asked(tools.call("send"), caller=WHO)
LISTED = tools.listed(tools.tool("send"), caller=WHO)
MODEL = budgets.asked(system="be kind", caller=WHO)


def _judged(inspection: Inspection, state: SqliteState, mode: Mode, modes: dict[str, Mode]) -> tuple[Action, Action]:
    route = Route("r", "d", True, EvidenceClass.QUEUED, mode, modes)
    head, destination = RequestHead((), "POST", "/"), Destination("h", 1, "https")
    exchange = Exchange("x", "127.0.0.1", 1, destination, head, route, "0" * 64, 1)
    inspectors = (tools.inspector("", state), budgets.inspector(budgets.limits("{name: b, calls: 5}"), state))
    report = inspect_all(inspectors, inspection)
    assert report.failures
    judgement = conclude(report, exchange, Phase.REQUEST_BODY, lambda _: None, editable=True)
    exchange.findings.extend(judgement.findings)
    verdict = decide(exchange)
    return verdict.action, verdict.would_action


@pytest.fixture(params=["missing folder", "broken file"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteState:
    if request.param == "missing folder":
        return SqliteState(tmp_path / "missing" / "state")
    path = tmp_path / "state"
    path.write_bytes(b"no database" * 1000)
    return SqliteState(path)


@pytest.mark.parametrize("inspection", [ASKED, LISTED, MODEL], ids=["call", "list", "model"])
def test_enforced_rules_fail_closed(inspection: Inspection, broken: SqliteState) -> None:
    assert _judged(inspection, broken, Mode.ENFORCE, {}) == (Action.BLOCK, Action.BLOCK)


@pytest.mark.parametrize("inspection", [ASKED, LISTED, MODEL], ids=["call", "list", "model"])
def test_rules_in_shadow_only_say_so(inspection: Inspection, broken: SqliteState) -> None:
    assert _judged(inspection, broken, Mode.SHADOW, {}) == (Action.ALLOW, Action.BLOCK)


@pytest.mark.parametrize("family", ["budget", "loop", "drift"])
def test_one_enforced_family_is_enough(family: str, broken: SqliteState) -> None:
    found = _judged(MODEL, broken, Mode.SHADOW, {family: Mode.ENFORCE})
    assert found == (Action.BLOCK, Action.BLOCK)


def test_what_needs_no_state_is_still_said(broken: SqliteState) -> None:
    denied = tools.inspector("rules: [{name: no, action: deny, tools: [send]}]", broken)
    report = inspect_all((denied,), replace(ASKED, exchange="y"))
    assert [signal.rule for _, signal in report.signals] == ["tools.denied"]
    assert report.failures == [("tools", "StateError")]
