"""The action is the highest enforced one; shadow only says what it would do; failed checks show as errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Action, Decision, Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES
from tests.support.judging import exchange_to, route_under

ENFORCING = route_under("extends: balanced")
RULE = RULES["schema.violation"]


def finding(action: Action, mode: Mode, error: bool = False) -> Finding:
    rule = RULES["check.error"] if error else RULE
    return Finding("schema", rule.id, rule.reason, action, mode, Phase.REQUEST_BODY, error=error)


E, S, O = Mode.ENFORCE, Mode.SHADOW, Mode.OFF  # noqa: E741
BLOCK, MARK, ALLOW, APPROVE = Action.BLOCK, Action.MARK, Action.ALLOW, Action.APPROVE


@pytest.mark.parametrize(
    ("findings", "decision", "action", "would"),
    [
        ([], Decision.ALLOW, ALLOW, ALLOW),
        ([(BLOCK, E, False)], Decision.BLOCK, BLOCK, BLOCK),
        ([(BLOCK, S, False)], Decision.ALLOW, ALLOW, BLOCK),
        ([(BLOCK, O, False)], Decision.ALLOW, ALLOW, ALLOW),
        ([(MARK, E, False), (BLOCK, S, False)], Decision.MARK, MARK, BLOCK),
        ([(MARK, E, False), (APPROVE, E, False)], Decision.APPROVE, APPROVE, APPROVE),
        ([(BLOCK, E, True)], Decision.ERROR, BLOCK, BLOCK),
        ([(BLOCK, S, True)], Decision.ERROR, ALLOW, BLOCK),
        ([(BLOCK, O, True)], Decision.ALLOW, ALLOW, ALLOW),
        ([(MARK, E, True)], Decision.ERROR, MARK, MARK),
        ([(BLOCK, E, True), (BLOCK, E, False)], Decision.BLOCK, BLOCK, BLOCK),
        ([(BLOCK, E, True), (APPROVE, E, False)], Decision.ERROR, BLOCK, BLOCK),
        ([(BLOCK, S, True), (MARK, E, False)], Decision.ERROR, MARK, BLOCK),
        ([(BLOCK, S, True), (BLOCK, E, False)], Decision.BLOCK, BLOCK, BLOCK),
    ],
)
def test_ladder(findings: list[tuple[Action, Mode, bool]], decision: Decision, action: Action, would: Action) -> None:
    exchange = exchange_to(ENFORCING)
    exchange.findings.extend(finding(*one) for one in findings)
    verdict = decide(exchange)
    assert (verdict.decision, verdict.action, verdict.would_action) == (decision, action, would)


FINDINGS = st.lists(st.builds(finding, st.sampled_from(list(Action)), st.sampled_from(list(Mode)), st.booleans()))


@given(FINDINGS)
def test_whatever_is_found(findings: list[Finding]) -> None:
    exchange = exchange_to(ENFORCING)
    exchange.findings.extend(findings)
    verdict = decide(exchange)
    enforced = [one.action for one in findings if one.mode is Mode.ENFORCE]
    acting = [one.action for one in findings if one.mode is not Mode.OFF]
    assert verdict.action == max(enforced, default=Action.ALLOW)
    assert verdict.would_action == max(acting, default=Action.ALLOW)
    assert verdict.would_action >= verdict.action
    if not any(one.error and one.mode is not Mode.OFF for one in findings):
        assert verdict.decision.value == verdict.action.word
    if verdict.action >= Action.APPROVE:
        assert verdict.deciding is not None
        assert verdict.deciding.action == verdict.action
        assert verdict.deciding.enforced


@given(FINDINGS)
def test_shadow_findings_never_change_the_action(findings: list[Finding]) -> None:
    with_shadow, without = exchange_to(ENFORCING), exchange_to(ENFORCING)
    with_shadow.findings.extend(findings)
    without.findings.extend(one for one in findings if one.enforced)
    assert decide(with_shadow).action == decide(without).action


def test_the_verdict_is_about_the_exchange() -> None:
    exchange = exchange_to(ENFORCING)
    exchange.check_ns = {"schema": 12_345, "egress": 999}
    verdict = decide(exchange)
    assert verdict.id == exchange.id
    assert verdict.check_us == {"schema": 12, "egress": 0}
    assert verdict.mode is Mode.ENFORCE
    assert decide(exchange_to(route_under("extends: observe"))).mode is Mode.SHADOW
    mixed = route_under("enforcement: {rules: {json: enforce}}")
    assert decide(exchange_to(mixed)).mode is Mode.ENFORCE


def test_findings_of_a_gate_count_once() -> None:
    class Gate:
        findings: list[Finding] = []  # noqa: RUF012

    exchange = exchange_to(ENFORCING)
    shared, own = finding(MARK, E), finding(BLOCK, E)
    gate = Gate()
    gate.findings = [shared, own]
    exchange.findings.append(shared)
    exchange.request_gate = gate  # type: ignore[assignment]
    assert decide(exchange).findings == (shared, own)
    assert decide(exchange).action is BLOCK
