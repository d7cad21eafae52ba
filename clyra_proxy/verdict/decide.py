"""All findings -> one decision.

Guarantees: the action is the highest that an enforcing finding asks for; shadow findings only raise `would_action`;
a failed check shows as `error` unless a sound finding already asks for more; nothing here can raise on a well-formed
exchange. The verdict has the exchange's id: one exchange, one verdict, one log line, one record.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Action, Decision, Finding, Mode, Verdict

_NO_TIMES: Mapping[str, int] = MappingProxyType({})
_NO_FINDINGS: tuple[Finding, ...] = ()
_DECISIONS = {action: Decision(action.word) for action in Action}


def decide(exchange: Exchange) -> Verdict:
    """The verdict on what is known of `exchange` now; call again when more is known. Changes nothing."""
    findings = collect_findings(exchange)
    if findings:
        decision, action, would = weigh(findings)
    else:
        decision, action, would = Decision.ALLOW, Action.ALLOW, Action.ALLOW
    route = exchange.route
    times = exchange.check_ns
    return Verdict(
        id=exchange.id,
        decision=decision,
        action=action,
        would_action=would,
        findings=findings,
        request_coverage=exchange.request_coverage,
        response_coverage=exchange.response_coverage,
        policy_sha256=exchange.policy_sha256,
        policy_generation=exchange.policy_generation,
        mode=route.mode,
        check_us={check: spent // 1000 for check, spent in times.items()} if times else _NO_TIMES,
    )


def weigh(findings: tuple[Finding, ...]) -> tuple[Decision, Action, Action]:
    """Decision, action and would-be action of some findings."""
    sound = failed = would = Action.ALLOW
    any_error = False
    for finding in findings:
        if finding.mode is Mode.OFF:
            continue
        would = max(would, finding.action)
        any_error = any_error or finding.error
        if not finding.enforced:
            continue
        if finding.error:
            failed = max(failed, finding.action)
        else:
            sound = max(sound, finding.action)
    action = max(sound, failed)
    if any_error and (sound < failed or sound <= Action.MARK):
        return Decision.ERROR, action, would
    return _DECISIONS[action], action, would


def collect_findings(exchange: Exchange) -> tuple[Finding, ...]:
    """Findings of the exchange and of its two gates, each once, in that order."""
    gates = [gate for gate in (exchange.request_gate, exchange.response_gate) if gate is not None and gate.findings]
    if not gates:
        return tuple(exchange.findings) if exchange.findings else _NO_FINDINGS
    collected = list(exchange.findings)
    seen = {id(finding) for finding in collected}
    for gate in gates:
        for finding in gate.findings:
            if id(finding) not in seen:
                seen.add(id(finding))
                collected.append(finding)
    return tuple(collected)
