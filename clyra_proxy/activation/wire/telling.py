"""From row signals to findings: one finding a signal, with counts and positions, never a value.

A signal about rows that are taken out asks for `redact` (a part is kept back, the rest goes on); where single rows
cannot be kept back it asks for what the rule asks for; policy `on_bad_rows: mark` lowers it to a mark.
"""

from __future__ import annotations

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.wire.judging import Report
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.activation import OnBadRows
from clyra_proxy.stream.watch import check_error
from clyra_proxy.verdict.model import Action, Finding, Phase
from clyra_proxy.verdict.rules import RULES, mode_of_failure


def findings_of_report(report: Report, exchange: Exchange) -> list[Finding]:
    """What could not be read, and what failed."""
    findings: list[Finding] = []
    if report.unreadable:
        finding = RULES["rows.unreadable"].finding(
            exchange.route, Phase.REQUEST_BODY, check="activation", detail={"why": report.unreadable}
        )
        findings.extend([finding] if finding is not None else [])
    for inspector, why in report.failures:
        mode = mode_of_failure(exchange.route, "activation")
        findings.append(check_error(inspector, Action.BLOCK, mode, Phase.REQUEST_BODY, why))
    return findings


def finding_of(
    inspector: str, signal: RowSignal, exchange: Exchange, state: ActivationState, *, single: bool
) -> Finding | None:
    """The finding of one signal, None when its rule is off on the route. single: its rows alone are kept back."""
    rule = RULES[signal.rule]
    action = rule.action if signal.action is None else signal.action
    if signal.rows and action is Action.BLOCK:
        if state.compiled.settings.on_bad_rows is OnBadRows.MARK:
            action = Action.MARK
        elif single:
            action = Action.REDACT
    detail: dict[str, str | int] = dict(signal.detail)
    path = signal.path
    if signal.rows and state.batch is not None:
        detail |= {"row": signal.rows[0], "rows": len(signal.rows), "of": len(state.batch.rows)}
        path = path or state.batch.rows[signal.rows[0]].pointer
    if signal.retry_after > 0:
        detail["retry_after"] = max(1, round(signal.retry_after + 0.499))
    return rule.finding(exchange.route, Phase.REQUEST_BODY, check=inspector, path=path, action=action, detail=detail)
