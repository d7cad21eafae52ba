"""What to do about each reason, for the person who sent the request and the one who writes the policy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clyra_proxy.cli.activation_remedies import ACTIVATION_REMEDIES
from clyra_proxy.cli.genai_remedies import GENAI_REMEDIES
from clyra_proxy.verdict.reasons import Reason

_JSON = "Correct the producer of the document; `clyra check FILE` judges a body offline in the same way."
_CODING = "Send the body uncoded, or as gzip, deflate, br or zstd, one coding only."
_LATER = "Send the request again after the time in Retry-After."

REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.JSON_SYNTAX: _JSON,
        Reason.JSON_ENCODING: "Send UTF-8 without a byte order mark, and no lone surrogates.",
        Reason.JSON_DUPLICATE_KEY: "Send each key once; two parsers would read two different documents.",
        Reason.JSON_DEPTH: "Flatten the document, or raise `data_platform.schemalock.limits.max_depth`.",
        Reason.JSON_NUMBER_RANGE: "Send large numbers as text; two parsers may read this one differently.",
        Reason.JSON_TRAILING: "Send one JSON value; for several, use application/x-ndjson.",
        Reason.JSON_INCOMPLETE: "The document ended early: see whether the sender was cut off.",
        Reason.SCHEMA_VIOLATION: "Correct the value at the pointer, or the schema that the route names; try it with "
        "`clyra check FILE --route URL`.",
        Reason.SCHEMA_NOT_STREAMABLE: "Send smaller batches, raise `max_buffer`, or rewrite the schema as "
        "`clyra schema explain` says.",
        Reason.SCHEMA_DRIFT: "Accept the change with `clyra schema accept` if it is meant; else correct the sender.",
        Reason.SCHEMA_UNKNOWN_ROUTE: "Call an operation that the API description has, or add this one to it.",
        Reason.ROW_INVALID: "Correct the row at the number given, or the row schema of the route.",
        Reason.BODY_TOO_LARGE: "Send smaller bodies, or raise `data_platform.schemalock.limits.max_body`.",
        Reason.CODING_BOMB: "Nothing legitimate expands like this; look at who sent it.",
        Reason.CODING_UNSUPPORTED: _CODING,
        Reason.FRAMING_INVALID: "The client or a proxy before us frames messages ambiguously; repair it.",
        Reason.MEDIA_TYPE: "Send a content type the route allows, or add it to `schema.media` of the route.",
        Reason.DESTINATION_UNKNOWN: "Add the host under `destinations:` in the policy if it is wanted.",
        Reason.DESTINATION_PRIVATE: "Set `allow_private: true` on the destination if it is meant to be internal; "
        "metadata services stay refused.",
        Reason.HOST_MISMATCH: "Make tunnel target, TLS server name and Host name the same host.",
        Reason.TLS_UNVERIFIED: "Repair the upstream's certificate, or name its authority in `enforcement.upstream_ca`.",
        Reason.PROTOCOL_DENIED: "Speak HTTP, or give the destination `tls: passthrough`, which is recorded as opaque.",
        Reason.SELF_CONNECT: "The URL names the proxy itself; call the real destination.",
        Reason.OPAQUE: "Nothing, if it is meant: policy passes this destination through unread.",
        Reason.IDENTITY_REQUIRED: "Present an agent id and token: `clyra run --agent ID --token TOKEN -- CMD`.",
        Reason.IDENTITY_REJECTED: "Use the token of this agent; `clyra policy token ID` makes a new one.",
        Reason.CHECK_ERROR: "A check failed inside Clyra: look at the proxy's messages and report it.",
        Reason.CHECK_TIMEOUT: _LATER,
        Reason.OVERFLOW: _LATER,
        Reason.EVIDENCE_UNAVAILABLE: "Look at the recorder with `clyra status`; nothing leaves unrecorded.",
        Reason.STATE_LOCAL: "Bring the shared store back (`enforcement.state`); until then each replica counts alone.",
        Reason.HALTED: "Somebody halted this traffic; ask them, then resume it.",
        **GENAI_REMEDIES,
        **ACTIVATION_REMEDIES,
    }
)


def remedy(reason: str) -> str:
    """What to do; a general word for a reason this version does not know."""
    try:
        return REMEDIES[Reason(reason)]
    except (ValueError, KeyError):
        return "See docs/verdicts.md."
