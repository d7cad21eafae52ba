"""The last event of a stream that is refused after it began: an error as the protocol has it in mid-stream.

Rule: the official client raises its usual exception with our message, as its source says: OpenAI's on data with
`error`, Anthropic's on the event `error`, Google's on data that begins with `{"error":`, MCP's and A2A's on a JSON-RPC
error, Ollama's on a line with `error`, Amazon's on a message of type `exception`. Cohere's client knows no error in a
stream and gets the end of the message with its documented reason `ERROR`. Where a protocol has nothing, the answer is
cut off.
"""

from __future__ import annotations

import orjson

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.protocols.aws_events import MEDIA_TYPE as AMAZON_EVENTS
from clyra_proxy.genai.protocols.aws_events import write_message
from clyra_proxy.genai.protocols.streams import is_json_lines
from clyra_proxy.verdict import shapes
from clyra_proxy.verdict.protocol import Protocol, is_rest
from clyra_proxy.verdict.refusal import Refusal


def closing_event(protocol: Protocol, refusal: Refusal, exchange: Exchange, request_id: object) -> bytes:
    """The bytes of the event; b"" when the answer is no stream, or nobody could match an error in it."""
    declared = exchange.response.get("content-type") if exchange.response is not None else None
    media = (declared or "").partition(";")[0].strip().lower()
    path = exchange.request.path.partition("?")[0]
    if media == "text/event-stream":
        return _server_sent(protocol, refusal, exchange, request_id, path)
    if is_json_lines(media):
        return orjson.dumps(_line(protocol, refusal)) + b"\n"
    if media == AMAZON_EVENTS:
        return _amazon(refusal)
    if media == "application/json" and protocol is Protocol.GEMINI and path.endswith(":streamGenerateContent"):
        return b",\n" + orjson.dumps(shapes.google(refusal)) + b"\n]"
    return b""


def _server_sent(protocol: Protocol, refusal: Refusal, exchange: Exchange, request_id: object, path: str) -> bytes:
    match protocol:
        case Protocol.OPENAI if path.endswith("/responses"):
            return _event("error", _responses_error(refusal))
        case Protocol.OPENAI:
            return _event("", shapes.openai(refusal))
        case Protocol.GEMINI:
            return _event("", shapes.google(refusal))
        case Protocol.ANTHROPIC:
            return _event("error", shapes.anthropic(refusal))
        case Protocol.MCP:
            asked = request_id if isinstance(request_id, tuple) else (request_id,)
            return b"".join(_event("message", shapes.json_rpc(refusal, id)) for id in asked if id is not None)
        case Protocol.A2A if is_rest(exchange.request):
            return _event("error", shapes.agent(refusal))
        case Protocol.A2A:
            return _event("", shapes.json_rpc(refusal, request_id))
        case Protocol.COHERE if path.endswith("/v1/chat"):
            return _event("stream-end", _cohere_end(refusal))
        case Protocol.COHERE:
            delta = {"error": refusal.message, "finish_reason": "ERROR"}
            return _event("message-end", {"type": "message-end", "id": refusal.verdict.id, "delta": delta})
    return _event("error", {"error": shapes.problem(refusal)})


def _event(name: str, data: shapes.Shape) -> bytes:
    head = b"event: " + name.encode("ascii") + b"\n" if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


def _responses_error(refusal: Refusal) -> shapes.Shape:
    return {
        "type": "error",
        "code": refusal.reason.value,
        "message": refusal.message,
        "param": refusal.shown.get("pointer"),
        "sequence_number": 0,
        **shapes.openai(refusal),
    }


def _line(protocol: Protocol, refusal: Refusal) -> shapes.Shape:
    if protocol is Protocol.COHERE:
        return _cohere_end(refusal)
    return shapes.ollama(refusal) if protocol is Protocol.OLLAMA else {"error": shapes.problem(refusal)}


def _cohere_end(refusal: Refusal) -> shapes.Shape:
    answer = {"text": "", "generation_id": refusal.verdict.id, "finish_reason": "ERROR", "error": refusal.message}
    return {"is_finished": True, "event_type": "stream-end", "finish_reason": "ERROR", "response": answer}


def _amazon(refusal: Refusal) -> bytes:
    headers = {
        ":exception-type": "modelStreamErrorException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return write_message(headers, orjson.dumps({"message": refusal.message, "clyra": refusal.members}))
