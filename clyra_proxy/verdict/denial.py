"""A denial in the protocol's own shape (RFC 9457 problem+json unless the protocol has its own).

Pure: from a verdict and the request head to status, headers and body. The engine turns it into bytes.
Guarantees: every denial carries the verdict id, the rule id, the reason code and whether asking again can help; no
denial carries a byte of a body (a JSON pointer and numbers at most, from the allow-list `_SHOWN_DETAILS`), but for the
id of a JSON-RPC request, which an answer must repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict import outcome
from clyra_proxy.verdict.model import Finding, Phase, Verdict
from clyra_proxy.verdict.outcome import Outcome
from clyra_proxy.verdict.protocol import Protocol, protocol_of
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON

JSONRPC_ID = "jsonrpc_id"
"""Key in `Exchange.extensions` of the id (text or number) of the JSON-RPC request, None for a message that asks for no
answer. Absent while nobody has read it (`clyra_proxy.stream.jsonrpc`)."""

_SHOWN_DETAILS = ("schema_pointer", "row", "limit", "observed", "keyword", "offset")
_LONGEST_SHOWN = 512
_LONGEST_CLOSE_REASON = 123  # RFC 6455 section 5.5: control frames carry at most 125 bytes, 2 of them the code

_RESPONSE_PHASES = frozenset({Phase.RESPONSE_HEAD, Phase.RESPONSE_BODY})
_TRANSPORT_REASONS = frozenset({Reason.IDENTITY_REQUIRED, Reason.IDENTITY_REJECTED, Reason.FRAMING_INVALID})


@dataclass(frozen=True, slots=True)
class Denial:
    """What the client gets instead of the upstream's answer. headers: in order, already encoded.

    close_code, close_reason: the same for a WebSocket that is open already (RFC 6455 section 7.4). closing: the same
    for a stream of events that has begun, as the event that the protocol has for errors; b"" when it has none.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    close_code: int = 1008
    close_reason: str = ""
    closing: bytes = b""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What every shape says, in its own words."""

    verdict: Verdict
    rule: str
    reason: Reason
    outcome: Outcome
    title: str
    message: str
    shown: dict[str, str | int]


def build(verdict: Verdict, exchange: Exchange) -> Denial:
    """The denial of `exchange`. verdict: its verdict, normally one that blocks."""
    facts = _facts(verdict, verdict.deciding)
    protocol = protocol_of(exchange.request, exchange.destination)
    if facts.reason in _TRANSPORT_REASONS:
        protocol = Protocol.HTTP
    answers = protocol is Protocol.MCP and JSONRPC_ID in exchange.extensions
    status = 200 if answers else facts.outcome.status
    media, content = _body(protocol, facts, exchange)
    body = b"" if exchange.request.method == "HEAD" else orjson.dumps(content)
    return Denial(
        status=status,
        headers=_headers(facts, media, len(body)),
        body=body,
        close_code=facts.outcome.close_code,
        close_reason=f"{facts.reason} {verdict.id}"[:_LONGEST_CLOSE_REASON],
    )


def _facts(verdict: Verdict, finding: Finding | None) -> _Facts:
    reason = finding.reason if finding is not None else Reason.CHECK_ERROR
    in_response = finding is not None and finding.phase in _RESPONSE_PHASES
    shown: dict[str, str | int] = {}
    if finding is not None:
        if finding.path:
            shown["pointer"] = finding.path[:_LONGEST_SHOWN]
        for name in _SHOWN_DETAILS:
            if (value := finding.detail.get(name)) is not None:
                shown[name] = value[:_LONGEST_SHOWN] if isinstance(value, str) else value
    rule = finding.rule if finding is not None else "check.error"
    title = BY_REASON[reason].description
    subject = "The response was refused" if in_response else "The request was refused"
    return _Facts(
        verdict=verdict,
        rule=rule,
        reason=reason,
        outcome=outcome.of(reason, in_response=in_response),
        title=title,
        message=f"{subject} by Clyra: {title} Rule {rule}{_place(shown)}, verdict {verdict.id}.",
        shown=shown,
    )


def _place(shown: dict[str, str | int]) -> str:
    row, pointer = shown.get("row"), shown.get("pointer")
    return (f", row {row}" if row is not None else "") + (f", at {pointer}" if pointer is not None else "")


def _headers(facts: _Facts, media: bytes, length: int) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"Content-Type", media),
        (b"Content-Length", b"%d" % length),
        (b"Cache-Control", b"no-store"),
        (b"Clyra-Verdict", facts.verdict.id.encode("ascii")),
        (b"Clyra-Reason", facts.reason.value.encode("ascii")),
    ]
    if facts.outcome.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % facts.outcome.retry_after))
    if facts.outcome.status == 407:
        headers.append((b"Proxy-Authenticate", b'Basic realm="clyra", charset="UTF-8"'))
    return tuple(headers)


def _body(protocol: Protocol, facts: _Facts, exchange: Exchange) -> tuple[bytes, dict[str, object]]:
    if protocol is Protocol.MCP:
        return b"application/json", _json_rpc(facts, exchange.extensions.get(JSONRPC_ID))
    if protocol is Protocol.OPENAI:
        return b"application/json", _openai(facts)
    if protocol is Protocol.ANTHROPIC:
        return b"application/json", _anthropic(facts)
    if protocol is Protocol.GEMINI:
        return b"application/json", _gemini(facts)
    return b"application/problem+json", _problem(facts)


def _members(facts: _Facts) -> dict[str, object]:
    """The machine-readable part, the same in every shape."""
    retry_after = facts.outcome.retry_after
    members: dict[str, object] = {
        "code": facts.reason.value,
        "rule": facts.rule,
        "verdict": facts.verdict.id,
        "retry": "no" if retry_after is None else "later",
    }
    if retry_after is not None:
        members["retry_after"] = retry_after
    members.update(facts.shown)
    return members


def _problem(facts: _Facts) -> dict[str, object]:
    """RFC 9457: the type is the reason, the instance is the verdict."""
    return {
        "type": f"urn:clyra:reason:{facts.reason}",
        "title": facts.title,
        "status": facts.outcome.status,
        "detail": facts.message,
        "instance": f"urn:uuid:{facts.verdict.id}",
        **_members(facts),
    }


def _json_rpc(facts: _Facts, request_id: object) -> dict[str, object]:
    """JSON-RPC 2.0 section 5.1. While the request's id has not been read it is null, and the HTTP status is an error's
    (MCP 2025-06-18, Streamable HTTP): a client cannot match such an answer, and must not wait for another."""
    return {
        "jsonrpc": "2.0",
        "id": request_id if isinstance(request_id, (str, int)) else None,
        "error": {"code": facts.outcome.jsonrpc_code, "message": facts.message, "data": _members(facts)},
    }


def _openai(facts: _Facts) -> dict[str, object]:
    kind = "server_error" if facts.outcome.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": facts.message,
            "type": kind,
            "param": facts.shown.get("pointer"),
            "code": facts.reason.value,
            "clyra": _members(facts),
        }
    }


def _anthropic(facts: _Facts) -> dict[str, object]:
    return {
        "type": "error",
        "error": {"type": facts.outcome.anthropic_type, "message": facts.message, "clyra": _members(facts)},
        "request_id": facts.verdict.id,
    }


def _gemini(facts: _Facts) -> dict[str, object]:
    """google.rpc.Status with an ErrorInfo detail (AIP-193); its metadata values are text."""
    return {
        "error": {
            "code": facts.outcome.status,
            "message": facts.message,
            "status": facts.outcome.google_status,
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": facts.reason.value.upper(),
                    "domain": "clyra",
                    "metadata": {key: str(value) for key, value in _members(facts).items()},
                }
            ],
        }
    }
