"""One exchange as one line of the verdict log: an OCSF API Activity event (class 6003, OCSF 1.6, security_control).

The standard part lets a SIEM read it without knowing Clyra; everything of ours is under `unmapped.clyra`, where
`tail` and `explain` read it. A line holds metadata alone: never a body, a query string, a header value or a secret.
References: OCSF schema 1.6 `api_activity`, `security_control`; identifiers below are theirs.
"""

from __future__ import annotations

import os
from typing import Any, Final

import orjson

from clyra_proxy import __version__
from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import BodyTally, Exchange
from clyra_proxy.telemetry.redaction import loggable_path, printable
from clyra_proxy.verdict.model import Decision, Finding, Severity, Verdict

CLASS_UID: Final = 6003
CANDIDATE: Final = "candidate"
"""Key in `Exchange.extensions` of what a second policy says of it (`clyra_proxy.candidate`), with `as_json`."""
MOST_FINDINGS: Final = 32
"""Findings written per line; `findings_total` tells when there were more."""

_ACTIVITY: Final = {"POST": 1, "GET": 2, "HEAD": 2, "OPTIONS": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_SEVERITY: Final = {
    Severity.INFO: 1,
    Severity.LOW: 2,
    Severity.MEDIUM: 3,
    Severity.HIGH: 4,
    Severity.CRITICAL: 5,
}
# decision -> (action_id, action, disposition_id, disposition) of the security_control profile
_CONTROL: Final = {
    Decision.ALLOW: (1, "Allowed", 1, "Allowed"),
    Decision.MARK: (3, "Observed", 18, "Tagged"),
    Decision.REDACT: (4, "Modified", 11, "Corrected"),
    Decision.APPROVE: (2, "Denied", 14, "Delayed"),
    Decision.BLOCK: (2, "Denied", 2, "Blocked"),
    Decision.ERROR: (2, "Denied", 27, "Error"),
}
_OBSERVED: Final = (3, "Observed", 15, "Detected")
_PRODUCT: Final = {"name": "Clyra", "vendor_name": "Clyra", "version": __version__}


def render_line(exchange: Exchange, verdict: Verdict, milliseconds: float) -> bytes:
    """The line for a decided exchange, newline included. milliseconds: whole duration of the exchange."""
    try:
        return orjson.dumps(_event(exchange, verdict, milliseconds), option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a lone surrogate or a foreign type somewhere: write it escaped rather than lose the line
        return orjson.dumps(_escaped(_event(exchange, verdict, milliseconds)), option=orjson.OPT_APPEND_NEWLINE)


def render_gap(lost: int, since: float, now: float) -> bytes:
    """A line that says how many lines could not be written between two times (seconds since the epoch)."""
    return orjson.dumps(
        {
            "metadata": {"version": "1.6.0", "product": _PRODUCT, "log_name": "verdicts"},
            "class_uid": CLASS_UID,
            "time": int(now * 1000),
            "severity_id": 4,
            "message": f"{lost} verdict lines could not be written",
            "unmapped": {"clyra": {"gap": lost, "since": int(since * 1000), "pid": os.getpid()}},
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _event(exchange: Exchange, verdict: Verdict, milliseconds: float) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    destination, identity = exchange.destination, exchange.identity
    host = named_host(destination)
    deciding = verdict.deciding
    activity = _ACTIVITY.get(request.method, 99)
    severity = _SEVERITY[deciding.severity] if deciding is not None else 1
    shadowed = verdict.would_action > verdict.action
    action_id, action, disposition_id, disposition = _OBSERVED if shadowed else _CONTROL[verdict.decision]
    answer = response if exchange.websocket else exchange.denial or response  # the 101 was sent, whatever came after
    status = exchange.own_status or (answer.status if answer is not None else 0)
    return {
        "metadata": {
            "version": "1.6.0",
            "uid": verdict.id,
            "correlation_uid": exchange.id,
            "product": _PRODUCT,
            "log_name": "verdicts",
            "profiles": ("security_control",),
        },
        "category_uid": 6,
        "class_uid": CLASS_UID,
        "activity_id": activity,
        "type_uid": CLASS_UID * 100 + activity,
        "time": int(exchange.started_at * 1000),
        "duration": round(milliseconds),
        "severity_id": severity,
        "status_id": 1 if exchange.denial is None and not exchange.error else 2,
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "actor": {"app_name": identity.agent, "session": {"uid": identity.session}},
        "api": {"operation": request.method},
        "src_endpoint": {"ip": exchange.client_ip, "port": exchange.client_port},
        "dst_endpoint": {"hostname": host, "port": destination.port, "ip": destination.address},
        "http_request": {
            "http_method": request.method,
            "version": request.http_version,
            "url": {
                "scheme": destination.scheme,
                "hostname": host,
                "port": destination.port,
                "path": loggable_path(request.path),
            },
            "length": exchange.request_body.seen,
        },
        "http_response": {"code": status, "length": exchange.response_body.seen},
        "unmapped": {"clyra": _ours(exchange, verdict, deciding, milliseconds)},
    }


def _ours(exchange: Exchange, verdict: Verdict, deciding: Finding | None, milliseconds: float) -> dict[str, Any]:
    identity, trace = exchange.identity, exchange.trace
    candidate = exchange.extensions.get(CANDIDATE)
    return {
        "verdict": verdict.id,
        "decision": verdict.decision,
        "action": verdict.action.word,
        "would_action": verdict.would_action.word,
        "mode": verdict.mode,
        "rule": deciding.rule if deciding is not None else "",
        "reason": deciding.reason if deciding is not None else "",
        "route": exchange.route.id,
        "agent": identity.agent,
        "auth": identity.auth,
        "tenant": identity.tenant,
        "run": identity.run,
        "findings": [_finding(finding) for finding in verdict.findings[:MOST_FINDINGS]],
        "findings_total": len(verdict.findings),
        "request_coverage": str(verdict.request_coverage),
        "response_coverage": str(verdict.response_coverage),
        "request_body": _body(exchange.request_body),
        "response_body": _body(exchange.response_body),
        "policy_sha256": verdict.policy_sha256,
        "policy_generation": verdict.policy_generation,
        "trace_id": trace.trace_id if trace is not None else "",
        "span_id": trace.span_id if trace is not None else "",
        "intent": exchange.intent_id,
        "websocket": exchange.websocket,
        "copy": exchange.copy,
        "error": printable(exchange.error),
        "ms": round(milliseconds, 3),
        "upstream_ms": round(exchange.upstream_ns / 1e6, 3),
        "check_us": dict(verdict.check_us),
        "pid": _PID[0],
        **({"candidate": candidate.as_json()} if candidate is not None else {}),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "rule": finding.rule,
        "reason": finding.reason,
        "action": finding.action.word,
        "mode": finding.mode,
        "phase": finding.phase,
        "severity": finding.severity,
        "path": finding.path,
        "detail": dict(finding.detail),
        "owasp_llm": finding.owasp_llm,
        "atlas": finding.atlas,
        "error": finding.error,
    }


def _body(tally: BodyTally) -> dict[str, Any]:
    return {
        "seen": tally.seen,
        "released": tally.released,
        "complete": tally.complete,
        "commitment": tally.commitment,
        "media_type": tally.media_type,
    }


def _escaped(value: Any) -> Any:
    """The same event with every string free of surrogates and every foreign scalar as text."""
    if isinstance(value, str):
        return printable(str(value))
    if isinstance(value, dict):
        return {printable(str(key)): _escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return printable(str(value))


_PID = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _PID.__setitem__(0, os.getpid()))
