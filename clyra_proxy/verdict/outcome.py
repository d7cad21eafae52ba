"""What a reason means on the wire: HTTP status, whether asking again helps, WebSocket close code.

A status is chosen so that a sender's own retry logic does the right thing: 4xx for what the sender must change,
503 with Retry-After for what passes by itself, 502 for what the upstream did wrong (RFC 9110 section 15).
"""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.verdict.reasons import Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """status: of the denial. retry_after: seconds after which asking again can help; None when it cannot."""

    status: int
    retry_after: int | None = None
    close_code: int = 1008
    jsonrpc_code: int = -32050  # JSON-RPC 2.0 leaves -32000 to -32099 to implementations

    @property
    def anthropic_type(self) -> str:
        return _ANTHROPIC_TYPES.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")

    @property
    def google_status(self) -> str:
        return _GOOGLE_STATUSES.get(self.status, "INTERNAL" if self.status >= 500 else "INVALID_ARGUMENT")


_ANTHROPIC_TYPES = {403: "permission_error", 407: "authentication_error", 413: "request_too_large"}
_GOOGLE_STATUSES = {403: "PERMISSION_DENIED", 407: "UNAUTHENTICATED", 413: "OUT_OF_RANGE", 503: "UNAVAILABLE"}

_NOT_JSON = Outcome(422, close_code=1007, jsonrpc_code=-32700)
_NOT_VALID = Outcome(422, close_code=1007, jsonrpc_code=-32600)
_TOO_LARGE = Outcome(413, close_code=1009)
_FORBIDDEN = Outcome(403)
_BAD_UPSTREAM = Outcome(502, close_code=1014)

_OUTCOMES: dict[Reason, Outcome] = {
    Reason.JSON_SYNTAX: _NOT_JSON,
    Reason.JSON_ENCODING: _NOT_JSON,
    Reason.JSON_DUPLICATE_KEY: _NOT_JSON,
    Reason.JSON_DEPTH: _NOT_JSON,
    Reason.JSON_NUMBER_RANGE: _NOT_JSON,
    Reason.JSON_TRAILING: _NOT_JSON,
    Reason.JSON_INCOMPLETE: _NOT_JSON,
    Reason.SCHEMA_VIOLATION: _NOT_VALID,
    Reason.SCHEMA_NOT_STREAMABLE: _TOO_LARGE,
    Reason.SCHEMA_DRIFT: _NOT_VALID,
    Reason.SCHEMA_UNKNOWN_ROUTE: _NOT_VALID,
    Reason.ROW_INVALID: _NOT_VALID,
    Reason.BODY_TOO_LARGE: _TOO_LARGE,
    Reason.CODING_BOMB: _TOO_LARGE,
    Reason.CODING_UNSUPPORTED: Outcome(415, close_code=1003),
    Reason.FRAMING_INVALID: Outcome(400, close_code=1002),
    Reason.MEDIA_TYPE: Outcome(415, close_code=1003),
    Reason.DESTINATION_UNKNOWN: _FORBIDDEN,
    Reason.DESTINATION_PRIVATE: _FORBIDDEN,
    Reason.HOST_MISMATCH: _FORBIDDEN,
    Reason.TLS_UNVERIFIED: _BAD_UPSTREAM,
    Reason.PROTOCOL_DENIED: _FORBIDDEN,
    Reason.SELF_CONNECT: _FORBIDDEN,
    Reason.OPAQUE: _FORBIDDEN,
    Reason.IDENTITY_REQUIRED: Outcome(407),
    Reason.IDENTITY_REJECTED: Outcome(407),
    Reason.CHECK_ERROR: Outcome(500, close_code=1011),
    Reason.CHECK_TIMEOUT: Outcome(503, retry_after=1, close_code=1013),
    Reason.OVERFLOW: Outcome(503, retry_after=1, close_code=1013),
    Reason.EVIDENCE_UNAVAILABLE: Outcome(503, retry_after=5, close_code=1013),
    Reason.HALTED: Outcome(503, retry_after=30, close_code=1013),
    Reason.SHUTTING_DOWN: Outcome(503, retry_after=1, close_code=1012),
}


def of(reason: Reason, *, in_response: bool = False) -> Outcome:
    """The outcome of a reason. in_response: the upstream's answer is at fault, so a 4xx becomes 502."""
    outcome = _OUTCOMES[reason]
    if in_response and outcome.status < 500:
        return Outcome(502, close_code=outcome.close_code)
    return outcome
