"""A refusal in the error object of each protocol.

Sources: RFC 9457; JSON-RPC 2.0 section 5.1; the error sections of the API references of OpenAI, Anthropic, Google
(AIP-193), Amazon (restJson1 errors), Cohere and Ollama. Rule: the message stands where the official clients look for
it, and the machine-readable members stand beside it under `clyra`, or in the place the protocol has for data.
"""

from __future__ import annotations

from clyra_proxy.verdict.protocol import Protocol
from clyra_proxy.verdict.refusal import Refusal

type Shape = dict[str, object]

_AMAZON_TYPES = {
    403: "AccessDeniedException",
    407: "AccessDeniedException",
    413: "ValidationException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


def shape(
    protocol: Protocol, refusal: Refusal, request_id: object, *, rest: bool = False
) -> tuple[bytes, Shape | list[Shape]]:
    """(media type, content). request_id: of a JSON-RPC request, a tuple of those of a batch, None when unknown. rest:
    A2A over plain HTTP."""
    if protocol is Protocol.A2A and rest:
        return b"application/json", agent(refusal)
    if protocol in (Protocol.MCP, Protocol.A2A):
        batch = [json_rpc(refusal, id) for id in request_id] if isinstance(request_id, tuple) else None
        return b"application/json", batch or json_rpc(refusal, request_id)
    if protocol in _SHAPES:
        return b"application/json", _SHAPES[protocol](refusal)
    return b"application/problem+json", problem(refusal)


def problem(refusal: Refusal) -> Shape:
    """RFC 9457: the type is the reason, the instance is the verdict.

    `message` says `detail` again: senders of events (Segment's SDKs and those made from them) take an error without
    `code` and `message` for trouble on the way, and repeat for hours what was refused for good.
    """
    return {
        "type": f"urn:clyra:reason:{refusal.reason}",
        "title": refusal.title,
        "status": refusal.outcome.status,
        "detail": refusal.message,
        "message": refusal.message,
        "instance": f"urn:uuid:{refusal.verdict.id}",
        **refusal.members,
    }


def json_rpc(refusal: Refusal, request_id: object) -> Shape:
    """JSON-RPC 2.0 section 5.1. While the request's id has not been read it is null, and the HTTP status is an error's
    (MCP 2025-06-18, Streamable HTTP): a client cannot match such an answer, and must not wait for another."""
    return {
        "jsonrpc": "2.0",
        "id": request_id if isinstance(request_id, (str, int)) else None,
        "error": {"code": refusal.outcome.jsonrpc_code, "message": refusal.message, "data": refusal.members},
    }


def openai(refusal: Refusal) -> Shape:
    """The error object of the OpenAI API."""
    kind = "server_error" if refusal.outcome.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": refusal.message,
            "type": kind,
            "param": refusal.shown.get("pointer"),
            "code": refusal.reason.value,
            "clyra": refusal.members,
        }
    }


def anthropic(refusal: Refusal) -> Shape:
    """The error object of the Messages API; its request id is the verdict."""
    return {
        "type": "error",
        "error": {"type": refusal.outcome.anthropic_type, "message": refusal.message, "clyra": refusal.members},
        "request_id": refusal.verdict.id,
    }


def google(refusal: Refusal) -> Shape:
    """google.rpc.Status with an ErrorInfo detail (AIP-193); its metadata values are text."""
    return _status(refusal, refusal.reason.value.upper(), "clyra")


def agent(refusal: Refusal) -> Shape:
    """google.rpc.Status as A2A 1.0 has it over plain HTTP: a reason of the protocol's own, ours beside it."""
    return _status(
        refusal, "INTERNAL_ERROR" if refusal.outcome.status >= 500 else "INVALID_REQUEST", "a2a-protocol.org"
    )


def _status(refusal: Refusal, reason: str, domain: str) -> Shape:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": {key: str(value) for key, value in refusal.members.items()},
    }
    status: Shape = {"code": refusal.outcome.status, "message": refusal.message}
    return {"error": {**status, "status": refusal.outcome.google_status, "details": [info]}}


def amazon(refusal: Refusal) -> Shape:
    """The exception of the AWS JSON protocols."""
    return {"__type": amazon_type(refusal), "message": refusal.message, "clyra": refusal.members}


def amazon_type(refusal: Refusal) -> str:
    """The name of the exception that the SDKs raise; they look for it in a header first."""
    status = refusal.outcome.status
    return _AMAZON_TYPES.get(status, "InternalServerException" if status >= 500 else "ValidationException")


def cohere(refusal: Refusal) -> Shape:
    """The error of the Cohere API."""
    return {"id": refusal.verdict.id, "message": refusal.message, "clyra": refusal.members}


def ollama(refusal: Refusal) -> Shape:
    """The error of the Ollama API."""
    return {"error": refusal.message, "clyra": refusal.members}


_SHAPES = {
    Protocol.OPENAI: openai,
    Protocol.ANTHROPIC: anthropic,
    Protocol.GEMINI: google,
    Protocol.BEDROCK: amazon,
    Protocol.COHERE: cohere,
    Protocol.OLLAMA: ollama,
}
