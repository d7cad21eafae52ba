"""What a reason means on the wire: HTTP status, whether asking again helps, WebSocket close code.

A status is chosen so that a sender's own retry logic does the right thing: 4xx for what the sender must change,
503 with Retry-After for what passes by itself, 502 for what the upstream did wrong (RFC 9110 section 15).
"""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.verdict.genai_rules import GENAI_REASONS
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


_ANTHROPIC_TYPES = {
    403: "permission_error",
    407: "authentication_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
_GOOGLE_STATUSES = {
    403: "PERMISSION_DENIED",
    407: "UNAUTHENTICATED",
    413: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}

_NOT_JSON = Outcome(422, close_code=1007, jsonrpc_code=-32700)
_NOT_VALID = Outcome(422, close_code=1007, jsonrpc_code=-32600)
_TOO_LARGE = Outcome(413, close_code=1009)
_FORBIDDEN = Outcome(403)
_BUDGET = Outcome(403)  # not 429: SDKs retry that at once, and waiting seconds does not help
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
    Reason.PROMPT_INJECTION: _FORBIDDEN,
    Reason.INDIRECT_INJECTION: _FORBIDDEN,
    Reason.JAILBREAK: _FORBIDDEN,
    Reason.PROMPT_EXTRACTION: _FORBIDDEN,
    Reason.OBFUSCATED_INSTRUCTION: _FORBIDDEN,
    Reason.SECRET: _FORBIDDEN,
    Reason.PERSONAL_DATA: _FORBIDDEN,
    Reason.CANARY: _FORBIDDEN,
    Reason.EXFILTRATION_BUDGET: _FORBIDDEN,
    Reason.EXFILTRATION_LINK: _FORBIDDEN,
    Reason.TOOL_DENIED: _FORBIDDEN,
    Reason.TOOL_HIDDEN: _FORBIDDEN,
    Reason.TOOL_ARGUMENTS: _NOT_VALID,
    Reason.TOOL_POISONED: _FORBIDDEN,
    Reason.TOOL_CHANGED: _FORBIDDEN,
    Reason.TOOL_CHAIN: _FORBIDDEN,
    Reason.SERVER_REQUEST: _FORBIDDEN,
    Reason.OUTPUT_SCHEMA: _NOT_VALID,
    Reason.OUTPUT_UNSAFE: _FORBIDDEN,
    Reason.TOKEN_BUDGET: _BUDGET,
    Reason.COST_BUDGET: _BUDGET,
    Reason.RATE_BUDGET: Outcome(429, retry_after=10, close_code=1013),
    Reason.CONCURRENCY_BUDGET: Outcome(429, retry_after=1, close_code=1013),
    Reason.MODEL_DENIED: _FORBIDDEN,
    Reason.LOOP_REPEAT: _FORBIDDEN,
    Reason.LOOP_LIMIT: _FORBIDDEN,
    Reason.PROMPT_DRIFT: _FORBIDDEN,
    Reason.TOOLSET_DRIFT: _FORBIDDEN,
    Reason.DETECTOR_FLAGGED: _FORBIDDEN,
    Reason.DETECTOR_UNAVAILABLE: Outcome(503, retry_after=5, close_code=1013),
    Reason.BEC_SUSPECTED: _FORBIDDEN,
    Reason.GENAI_UNREADABLE: _NOT_VALID,
    Reason.ROW_REJECTED: _NOT_VALID,
    Reason.ROWS_UNREADABLE: _NOT_VALID,
    Reason.ROWS_UNATTRIBUTED: _FORBIDDEN,
    Reason.ROWS_LIMIT: _FORBIDDEN,
    Reason.ROWS_SHARE: _FORBIDDEN,
    Reason.ROWS_DELETES: _FORBIDDEN,
    Reason.NULL_OVERWRITE: _FORBIDDEN,
    Reason.FIELD_DENIED: _FORBIDDEN,
    Reason.DISTRIBUTION_JUMP: _FORBIDDEN,
    Reason.TENANT_FENCE: _FORBIDDEN,
    Reason.ROWS_VELOCITY: Outcome(429, retry_after=1, close_code=1013),
    Reason.ROWS_DUPLICATE: _FORBIDDEN,
    Reason.WRITE_WINDOW: _FORBIDDEN,
    Reason.SQL_MASS_WRITE: _FORBIDDEN,
    Reason.SQL_DEFINITION: _FORBIDDEN,
    Reason.SQL_GRANT: _FORBIDDEN,
    Reason.SQL_TRUNCATE: _FORBIDDEN,
    Reason.SQL_MULTIPLE: _FORBIDDEN,
    Reason.SQL_EXPORT: _FORBIDDEN,
    Reason.SQL_OPAQUE: _FORBIDDEN,
    Reason.SQL_ROWS: _FORBIDDEN,
    Reason.APPROVAL_REQUIRED: _FORBIDDEN,
    Reason.APPROVAL_REFUSED: _FORBIDDEN,
    Reason.APPROVAL_EXPIRED: _FORBIDDEN,
    Reason.APPROVAL_SUPERSEDED: _FORBIDDEN,
    Reason.APPROVAL_UNREACHABLE: Outcome(503, retry_after=5, close_code=1013),
    Reason.APPROVAL_INVALID: _FORBIDDEN,
    Reason.APPROVAL_FORBIDDEN: _FORBIDDEN,
    Reason.ENGINE_DENIED: _FORBIDDEN,
    Reason.ENGINE_UNAVAILABLE: Outcome(503, retry_after=5, close_code=1013),
    Reason.CHECK_ERROR: Outcome(500, close_code=1011),
    Reason.CHECK_TIMEOUT: Outcome(503, retry_after=1, close_code=1013),
    Reason.OVERFLOW: Outcome(503, retry_after=1, close_code=1013),
    Reason.EVIDENCE_UNAVAILABLE: Outcome(503, retry_after=5, close_code=1013),
    Reason.STATE_LOCAL: Outcome(503, retry_after=5, close_code=1013),
    Reason.HALTED: Outcome(503, retry_after=30, close_code=1013),
}


def of(reason: Reason, *, in_response: bool = False) -> Outcome:
    """The outcome of a reason. in_response: the upstream's answer is at fault, so a 4xx becomes 502.

    Not so for what a model or a tool server says: client libraries repeat a call that ended in 5xx, and each repetition
    is paid for.
    """
    outcome = _OUTCOMES[reason]
    if in_response and outcome.status < 500 and reason not in GENAI_REASONS:
        return Outcome(502, close_code=outcome.close_code)
    return outcome
