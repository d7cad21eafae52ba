"""The closed list of reason codes.

A reason code is what a sender's retry logic, a dashboard and an auditor key on: it never changes its meaning,
and nothing outside this list appears in a verdict. Each has one rule in `clyra_proxy.verdict.rules`, where its
description, severity and usual action stand; `docs/verdicts.md` is generated from there.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a finding was made. The value is the wire form; the comment beside it is its meaning."""

    # JSON admission (RFC 8259, I-JSON RFC 7493)
    JSON_SYNTAX = "json_syntax"  # not one JSON text
    JSON_ENCODING = "json_encoding"  # not UTF-8, a byte order mark, or a lone surrogate
    JSON_DUPLICATE_KEY = "json_duplicate_key"  # the same key twice in one object
    JSON_DEPTH = "json_depth"  # nested deeper than allowed
    JSON_NUMBER_RANGE = "json_number_range"  # a number outside the interoperable range
    JSON_TRAILING = "json_trailing"  # something follows the value
    JSON_INCOMPLETE = "json_incomplete"  # the body ended inside the value
    # schema
    SCHEMA_VIOLATION = "schema_violation"  # the document does not satisfy the route's schema
    SCHEMA_NOT_STREAMABLE = "schema_not_streamable"  # too large to buffer, and the schema cannot be cut
    SCHEMA_DRIFT = "schema_drift"  # differs from the locked schema
    SCHEMA_UNKNOWN_ROUTE = "schema_unknown_route"  # no operation in the API description matches
    ROW_INVALID = "row_invalid"  # a form, CSV or NDJSON row does not satisfy the row schema
    # body framing and size
    BODY_TOO_LARGE = "body_too_large"
    CODING_BOMB = "coding_bomb"  # expands beyond the allowed ratio or size
    CODING_UNSUPPORTED = "coding_unsupported"  # unknown, stacked or malformed content coding
    FRAMING_INVALID = "framing_invalid"  # ambiguous HTTP framing (RFC 9112 section 6.3)
    MEDIA_TYPE = "media_type"  # the content type is not allowed on this route
    # egress
    DESTINATION_UNKNOWN = "destination_unknown"
    DESTINATION_PRIVATE = "destination_private"  # private, link-local, loopback or metadata address
    HOST_MISMATCH = "host_mismatch"  # SNI, Host/:authority and certificate disagree
    TLS_UNVERIFIED = "tls_unverified"  # the upstream's certificate does not verify
    PROTOCOL_DENIED = "protocol_denied"  # raw TCP, UDP or an unknown protocol
    SELF_CONNECT = "self_connect"  # the proxy was asked to call itself
    OPAQUE = "opaque"  # passed through without being read, by policy
    # identity
    IDENTITY_REQUIRED = "identity_required"
    IDENTITY_REJECTED = "identity_rejected"
    # what agents say and do
    PROMPT_INJECTION = "prompt_injection"
    INDIRECT_INJECTION = "indirect_injection"
    JAILBREAK = "jailbreak"
    PROMPT_EXTRACTION = "prompt_extraction"
    OBFUSCATED_INSTRUCTION = "obfuscated_instruction"
    SECRET = "secret"  # noqa: S105 - a word
    PERSONAL_DATA = "personal_data"
    CANARY = "canary"
    EXFILTRATION_BUDGET = "exfiltration_budget"
    EXFILTRATION_LINK = "exfiltration_link"
    TOOL_DENIED = "tool_denied"
    TOOL_HIDDEN = "tool_hidden"
    TOOL_ARGUMENTS = "tool_arguments"
    TOOL_POISONED = "tool_poisoned"
    TOOL_CHANGED = "tool_changed"
    TOOL_CHAIN = "tool_chain"
    SERVER_REQUEST = "server_request"  # a tool server asks the client for sampling or elicitation
    OUTPUT_SCHEMA = "output_schema"
    OUTPUT_UNSAFE = "output_unsafe"
    TOKEN_BUDGET = "token_budget"  # noqa: S105 - a word
    COST_BUDGET = "cost_budget"
    RATE_BUDGET = "rate_budget"
    CONCURRENCY_BUDGET = "concurrency_budget"
    MODEL_DENIED = "model_denied"
    LOOP_REPEAT = "loop_repeat"
    LOOP_LIMIT = "loop_limit"
    PROMPT_DRIFT = "prompt_drift"
    TOOLSET_DRIFT = "toolset_drift"
    DETECTOR_FLAGGED = "detector_flagged"
    DETECTOR_UNAVAILABLE = "detector_unavailable"
    BEC_SUSPECTED = "bec_suspected"
    GENAI_UNREADABLE = "genai_unreadable"  # unknown shape, or too large to be looked at
    # what moves rows, and who may let it
    ROW_REJECTED = "row_rejected"
    ROWS_UNREADABLE = "rows_unreadable"
    ROWS_UNATTRIBUTED = "rows_unattributed"
    ROWS_LIMIT = "rows_limit"
    ROWS_SHARE = "rows_share"
    ROWS_DELETES = "rows_deletes"
    NULL_OVERWRITE = "null_overwrite"
    FIELD_DENIED = "field_denied"
    DISTRIBUTION_JUMP = "distribution_jump"
    TENANT_FENCE = "tenant_fence"
    ROWS_VELOCITY = "rows_velocity"
    ROWS_DUPLICATE = "rows_duplicate"
    WRITE_WINDOW = "write_window"
    SQL_MASS_WRITE = "sql_mass_write"
    SQL_DEFINITION = "sql_definition"
    SQL_GRANT = "sql_grant"
    SQL_TRUNCATE = "sql_truncate"
    SQL_MULTIPLE = "sql_multiple"
    SQL_EXPORT = "sql_export"
    SQL_OPAQUE = "sql_opaque"
    SQL_ROWS = "sql_rows"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_REFUSED = "approval_refused"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_SUPERSEDED = "approval_superseded"
    APPROVAL_UNREACHABLE = "approval_unreachable"
    APPROVAL_INVALID = "approval_invalid"
    APPROVAL_FORBIDDEN = "approval_forbidden"
    ENGINE_DENIED = "engine_denied"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    # the house itself
    CHECK_ERROR = "check_error"  # a check raised or returned garbage
    CHECK_TIMEOUT = "check_timeout"
    OVERFLOW = "overflow"  # a bounded queue or buffer is full
    EVIDENCE_UNAVAILABLE = "evidence_unavailable"  # the record could not be made durable
    STATE_LOCAL = "state_local"  # the shared store is away and this replica counts alone
    HALTED = "halted"
