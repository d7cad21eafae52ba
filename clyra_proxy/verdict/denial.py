"""A denial in the protocol's own shape (RFC 9457 problem+json unless the protocol has its own).

Pure: from a verdict and the request head to status, headers and body. The engine turns it into bytes.
Guarantees: every denial carries the verdict id, the rule id, the reason code and whether asking again can help; no
denial carries a byte of a body (`clyra_proxy.verdict.refusal`), but for the id of a JSON-RPC request, which an answer
must repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from clyra_proxy.exchange import Exchange, OwnAnswer
from clyra_proxy.verdict.closing import closing_event
from clyra_proxy.verdict.model import Verdict
from clyra_proxy.verdict.protocol import Protocol, is_rest, spoken_in
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.refusal import Refusal, refusal_of
from clyra_proxy.verdict.shapes import amazon_type, shape

JSONRPC_ID = "jsonrpc_id"
"""Key in `Exchange.extensions` of the id (text or number) of the JSON-RPC request, a tuple of those of a batch, None
for a message that asks for no answer. Absent while nobody has read it (`clyra_proxy.stream.jsonrpc`)."""

_LONGEST_CLOSE_REASON = 123  # RFC 6455 section 5.5: control frames carry at most 125 bytes, 2 of them the code
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


def build(verdict: Verdict, exchange: Exchange) -> Denial:
    """The denial of `exchange`. verdict: its verdict, normally one that blocks."""
    refusal = refusal_of(verdict)
    if exchange.answer is not None:
        return _own(exchange.answer, refusal)
    protocol = spoken_in(exchange)
    if refusal.reason in _TRANSPORT_REASONS:
        protocol = Protocol.HTTP
    request_id = exchange.extensions.get(JSONRPC_ID)
    rest = is_rest(exchange.request)
    media, content = shape(protocol, refusal, request_id, rest=rest)
    body = b"" if exchange.request.method == "HEAD" else orjson.dumps(content)
    return Denial(
        status=200 if _answers(protocol, exchange, rest=rest) else refusal.outcome.status,
        headers=_headers(refusal, protocol, media, len(body)),
        body=body,
        close_code=refusal.outcome.close_code,
        close_reason=f"{refusal.reason} {verdict.id}"[:_LONGEST_CLOSE_REASON],
        closing=closing_event(protocol, refusal, exchange, request_id),
    )


def _own(answer: OwnAnswer, refusal: Refusal) -> Denial:
    """An answer in the upstream's own shape, which still says whose it is."""
    headers = [*answer.headers, (b"Content-Length", b"%d" % len(answer.body)), *_marks(refusal)]
    return Denial(answer.status, tuple(headers), answer.body)


def _answers(protocol: Protocol, exchange: Exchange, *, rest: bool) -> bool:
    """Whether the denial is a JSON-RPC answer, which is a success of HTTP.

    To an MCP client only when it can match the answer to its call. A2A clients look for the error of a JSON-RPC call in
    an answer of status 200 alone.
    """
    if protocol is Protocol.MCP:
        return JSONRPC_ID in exchange.extensions
    return protocol is Protocol.A2A and not rest


def _headers(refusal: Refusal, protocol: Protocol, media: bytes, length: int) -> tuple[tuple[bytes, bytes], ...]:
    headers = [
        (b"Content-Type", media),
        (b"Content-Length", b"%d" % length),
        (b"Cache-Control", b"no-store"),
        *_marks(refusal),
    ]
    if refusal.outcome.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % refusal.outcome.retry_after))
    elif protocol in (Protocol.OPENAI, Protocol.ANTHROPIC):
        headers.append((b"X-Should-Retry", b"false"))  # their clients repeat what a status of 5xx refuses
    if protocol is Protocol.BEDROCK:
        headers.append((b"X-Amzn-ErrorType", amazon_type(refusal).encode("ascii")))
    if refusal.outcome.status == 407:
        headers.append((b"Proxy-Authenticate", b'Basic realm="clyra", charset="UTF-8"'))
    return tuple(headers)


def _marks(refusal: Refusal) -> tuple[tuple[bytes, bytes], ...]:
    """The fields by which an answer is known as ours."""
    return (
        (b"Clyra-Verdict", refusal.verdict.id.encode("ascii")),
        (b"Clyra-Reason", refusal.reason.value.encode("ascii")),
    )
