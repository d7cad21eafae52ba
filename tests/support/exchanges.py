"""Exchanges as the domain sees them, for tests that need one without an engine."""

from __future__ import annotations

from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead, ResponseHead, TraceContext
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.verdict.model import (
    Action,
    Coverage,
    Decision,
    Finding,
    Mode,
    Phase,
    Seen,
    Severity,
    Verdict,
)
from clyra_proxy.verdict.reasons import Reason

ROUTE = Route("crm/batch", "crm", True, EvidenceClass.REQUIRED, Mode.ENFORCE)


def violation(rule: str = "schema.violation", mode: Mode = Mode.ENFORCE) -> Finding:
    return Finding(
        check="schema",
        rule=rule,
        reason=Reason.SCHEMA_VIOLATION,
        action=Action.BLOCK,
        mode=mode,
        phase=Phase.REQUEST_BODY,
        severity=Severity.HIGH,
        path="/records/12/email",
        detail={"keyword": "format", "row": 12, "schema_pointer": "/properties/email/format"},
        owasp_llm=("LLM05",),
    )


def verdict(identifier: str, decision: Decision, findings: tuple[Finding, ...] = ()) -> Verdict:
    action = Action.ALLOW if decision in (Decision.ALLOW,) else Action.BLOCK
    would = max((finding.action for finding in findings), default=action)
    return Verdict(
        id=identifier,
        decision=decision,
        action=action,
        would_action=max(action, would),
        findings=findings,
        request_coverage=Coverage(Seen.STREAMED),
        response_coverage=Coverage(Seen.FULL),
        policy_sha256="ab" * 32,
        policy_generation=3,
        mode=Mode.ENFORCE,
        check_us={"schema": 41, "egress": 2},
    )


def exchange(
    identifier: str = "01930000-0000-7000-8000-000000000001",
    decision: Decision = Decision.ALLOW,
    findings: tuple[Finding, ...] = (),
    *,
    method: str = "POST",
    host: str = "api.crm.example",
    path: str = "/v2/contacts/batch",
    agent: str = "hightouch",
) -> Exchange:
    """A finished, decided exchange."""
    made = Exchange(
        id=identifier,
        client_ip="127.0.0.1",
        client_port=40312,
        destination=Destination(host, 443, "https", authority=host, sni=host, address="192.0.2.10"),
        request=RequestHead(((b"host", host.encode()),), method, path, "HTTP/1.1"),
        route=ROUTE,
        policy_sha256="ab" * 32,
        policy_generation=3,
        response=ResponseHead((), 200, "HTTP/1.1"),
        identity=Identity(agent, "proxy", "acme", "s-1", "r-1"),
        trace=TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"),
    )
    made.verdict = verdict(identifier, decision, findings)
    made.finished = True
    made.upstream_ns = 12_000_000
    return made
