"""The approval packet as it goes to the recorder: who, what, why it is risky, what a person sees, until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clyra_proxy.approvals.call import SUPERSEDES, Call
from clyra_proxy.approvals.classification import Requirement
from clyra_proxy.approvals.display import Line, body_lines, clean_line, query_lines
from clyra_proxy.approvals.facts import ActionFacts
from clyra_proxy.evidence.event import ENGINE
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.verdict.model import Finding
from clyra_proxy.verdict.reasons import Reason

MOST_RISKS = 32


def packet_document(
    exchange: Exchange,
    call: Call,
    requirement: Requirement,
    lines: list[Line],
    findings: Iterable[Finding],
    settings: Approvals,
) -> dict[str, Any]:
    """What is handed to the recorder. lines: see `summary`."""
    every = list(findings)
    document: dict[str, Any] = {
        **call.claims(),
        "exchange": exchange.id,
        "action_class": requirement.action_class.value,
        "rule": requirement.name,
        "need": requirement.need,
        "role": requirement.role,
        "summary": [list(line) for line in lines],
        "risks": [_risk(finding) for finding in _worst_first(every)[:MOST_RISKS]],
        "risks_total": len(every),
        "decide_within_s": settings.decide_within_seconds,
        "valid_s": settings.valid_seconds,
        "wait": "inline" if settings.wait_seconds else "deferred",
        "verdict": _verdict(exchange, requirement),
    }
    return document | _more(exchange, requirement)


def _more(exchange: Exchange, requirement: Requirement) -> dict[str, Any]:
    """Amount, trace, and what is taken back, where there are such."""
    found: dict[str, Any] = {}
    if requirement.amount is not None:
        found["amount"] = {"value": requirement.amount[0], "currency": requirement.amount[1]}
    if exchange.trace is not None:
        trace = exchange.trace
        found["trace"] = {"trace_id": trace.trace_id, "span_id": trace.span_id, "flags": trace.flags}
    if superseded := exchange.request.get(SUPERSEDES):
        found["supersedes"] = superseded[:64]
    return found


def summary(exchange: Exchange, call: Call, requirement: Requirement, facts: ActionFacts, payload: bytes) -> list[Line]:
    """The lines that a person reads, the most important first."""
    identity = exchange.identity
    lines = [
        clean_line("action", f"{call.act['method']} {call.act['host']}{call.act['target']}"),
        clean_line("asked by", f"{identity.agent} ({identity.auth})"),
    ]
    told = (
        ("tenant", identity.tenant),
        ("run", identity.run),
        ("tool", ", ".join(facts.tools)),
        ("tool", "may be called: the payload could not be read" if facts.unreadable else ""),
        ("operation", ", ".join(sorted(facts.operations))),
        ("target", ", ".join(sorted(facts.targets))),
        ("rows", str(facts.rows) if facts.rows else ""),
        ("amount", " ".join(requirement.amount) if requirement.amount else ""),
        ("rule", requirement.name),
    )
    lines += [clean_line(label, value) for label, value in told if value]
    return lines + query_lines(exchange.request.path) + body_lines(payload, requirement.show)


def _verdict(exchange: Exchange, requirement: Requirement) -> dict[str, Any]:
    deciding = requirement.asked_by[0] if requirement.asked_by else None
    return {
        "decision": "require_approval",
        "reason": str(deciding.reason if deciding else Reason.APPROVAL_REQUIRED),
        "rule": deciding.rule if deciding else "approval.required",
        "policy_sha256": exchange.policy_sha256,
        "engine": ENGINE,
        "mode": "enforce",
        "eval_us": 0,
    }


def _risk(finding: Finding) -> dict[str, Any]:
    return {"rule": finding.rule[:128], "reason": str(finding.reason)}


def _worst_first(findings: list[Finding]) -> list[Finding]:
    order = ("critical", "high", "medium", "low", "info")
    return sorted(findings, key=lambda finding: order.index(finding.severity.value))
