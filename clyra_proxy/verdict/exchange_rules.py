"""The rules that any exchange may meet, as rows of the rule catalogue (`clyra_proxy.verdict.rules`).

Bodies and their schemas, destinations, callers, and what goes wrong in the proxy itself.
"""

from __future__ import annotations

from clyra_proxy.verdict.model import Action, Severity
from clyra_proxy.verdict.reasons import Reason

_BLOCK, _MARK = Action.BLOCK, Action.MARK
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL

ROWS: tuple[tuple[str, Reason, Action, Severity, str], ...] = (
    ("json.syntax", Reason.JSON_SYNTAX, _BLOCK, _HIGH, "The body is not one JSON text (RFC 8259)."),
    ("json.encoding", Reason.JSON_ENCODING, _BLOCK, _HIGH, "Not UTF-8, a byte order mark, or a lone surrogate."),
    ("json.duplicate_key", Reason.JSON_DUPLICATE_KEY, _BLOCK, _HIGH, "The same key twice in one object."),
    ("json.depth", Reason.JSON_DEPTH, _BLOCK, _HIGH, "Nested deeper than `max_depth`."),
    ("json.number_range", Reason.JSON_NUMBER_RANGE, _BLOCK, _MEDIUM, "A number two parsers may read differently."),
    ("json.trailing", Reason.JSON_TRAILING, _BLOCK, _HIGH, "Something follows the JSON value."),
    ("json.incomplete", Reason.JSON_INCOMPLETE, _BLOCK, _HIGH, "The body ended inside the JSON value."),
    ("schema.violation", Reason.SCHEMA_VIOLATION, _BLOCK, _HIGH, "The document does not satisfy its schema."),
    (
        "schema.not_streamable",
        Reason.SCHEMA_NOT_STREAMABLE,
        _BLOCK,
        _MEDIUM,
        "Too large to hold, and its schema cannot be applied piece by piece.",
    ),
    ("schema.drift", Reason.SCHEMA_DRIFT, _MARK, _MEDIUM, "Differs from the locked schema."),
    (
        "schema.unknown_route",
        Reason.SCHEMA_UNKNOWN_ROUTE,
        _MARK,
        _MEDIUM,
        "No operation of the API description matches the request.",
    ),
    ("schema.row", Reason.ROW_INVALID, _BLOCK, _HIGH, "A form, CSV or NDJSON row does not satisfy the row schema."),
    ("body.too_large", Reason.BODY_TOO_LARGE, _BLOCK, _HIGH, "Larger than the limit of the route."),
    ("body.coding_bomb", Reason.CODING_BOMB, _BLOCK, _CRITICAL, "Expands beyond the allowed ratio or size."),
    (
        "body.coding_unsupported",
        Reason.CODING_UNSUPPORTED,
        _BLOCK,
        _HIGH,
        "Unknown, stacked or malformed content coding: the body cannot be read.",
    ),
    (
        "body.framing",
        Reason.FRAMING_INVALID,
        _BLOCK,
        _CRITICAL,
        "Ambiguous HTTP framing (RFC 9112 section 6.3); forwarding it could desynchronise the upstream.",
    ),
    ("body.media_type", Reason.MEDIA_TYPE, _BLOCK, _MEDIUM, "The content type is not allowed on this route."),
    (
        "egress.destination",
        Reason.DESTINATION_UNKNOWN,
        _BLOCK,
        _HIGH,
        "The destination is on no allow-list. `enforcement.egress: balanced` asks for a mark instead of a block.",
    ),
    (
        "egress.private_address",
        Reason.DESTINATION_PRIVATE,
        _BLOCK,
        _CRITICAL,
        "A private, link-local, loopback, shared, multicast, reserved or cloud-metadata address.",
    ),
    (
        "egress.host_mismatch",
        Reason.HOST_MISMATCH,
        _BLOCK,
        _HIGH,
        "Tunnel target, TLS server name, Host/:authority and certificate do not name the same host.",
    ),
    (
        "egress.tls_unverified",
        Reason.TLS_UNVERIFIED,
        _BLOCK,
        _CRITICAL,
        "The upstream's certificate does not verify.",
    ),
    ("egress.protocol", Reason.PROTOCOL_DENIED, _BLOCK, _HIGH, "Raw TCP, UDP or a protocol that cannot be read."),
    (
        "egress.self_connect",
        Reason.SELF_CONNECT,
        _BLOCK,
        _HIGH,
        "The proxy was asked to call itself; doing so would recurse until no file descriptor is left.",
    ),
    ("egress.opaque", Reason.OPAQUE, _MARK, _LOW, "Passed through without being read, because policy says so."),
    (
        "identity.required",
        Reason.IDENTITY_REQUIRED,
        _BLOCK,
        _HIGH,
        "Proxy credentials or a client certificate are required and none came.",
    ),
    (
        "identity.rejected",
        Reason.IDENTITY_REJECTED,
        _BLOCK,
        _HIGH,
        "Credentials or a client certificate came and do not verify.",
    ),
    (
        "check.error",
        Reason.CHECK_ERROR,
        _BLOCK,
        _HIGH,
        "A check failed; its declared outcome applies, in the mode of that check or stricter.",
    ),
    (
        "check.timeout",
        Reason.CHECK_TIMEOUT,
        _BLOCK,
        _HIGH,
        "A check did not answer within its budget.",
    ),
    ("check.overflow", Reason.OVERFLOW, _BLOCK, _HIGH, "A bounded queue or buffer is full."),
    (
        "evidence.unavailable",
        Reason.EVIDENCE_UNAVAILABLE,
        _BLOCK,
        _HIGH,
        "The intent record could not be made durable, and policy requires it before the request leaves.",
    ),
    (
        "state.local",
        Reason.STATE_LOCAL,
        _MARK,
        _MEDIUM,
        "The shared store did not answer; limits were counted in this replica alone.",
    ),
    ("halt.active", Reason.HALTED, _BLOCK, _HIGH, "Traffic of this scope is halted."),
)
"""Rule id, reason, action, severity, description."""

FIXED = frozenset(
    {
        "body.framing",
        "egress.tls_unverified",
        "egress.self_connect",
        "identity.required",
        "identity.rejected",
        "halt.active",
    }
)
"""Always enforced, because the proxy itself depends on them."""

NEVER_OFF = frozenset({"check.error", "check.timeout", "check.overflow", "evidence.unavailable"})
"""At least said, because they speak of something that went wrong here."""
