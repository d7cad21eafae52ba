"""What a Content-Type says, as far as SchemaLock cares (RFC 9110 section 8.3, RFC 6838 section 4.2.8).

Rule: a parameter that is given twice says nothing, since one reader takes the first and another the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """How a body is framed into JSON-like values."""

    JSON = "json"
    NDJSON = "ndjson"
    EVENTS = "events"
    MULTIPART = "multipart"
    FORM = "form"
    CSV = "csv"
    OTHER = "other"
    NONE = "none"  # no Content-Type at all


_KINDS = {
    "application/json": Kind.JSON,
    "text/json": Kind.JSON,
    "application/x-ndjson": Kind.NDJSON,
    "application/ndjson": Kind.NDJSON,
    "application/jsonl": Kind.NDJSON,
    "application/x-jsonl": Kind.NDJSON,
    "application/jsonlines": Kind.NDJSON,
    "application/x-json-stream": Kind.NDJSON,
    "application/stream+json": Kind.NDJSON,  # Cohere, Spring; no structured syntax suffix in spite of its look
    "application/x-ldjson": Kind.NDJSON,
    "application/ldjson": Kind.NDJSON,
    "text/event-stream": Kind.EVENTS,
    "multipart/form-data": Kind.MULTIPART,
    "application/x-www-form-urlencoded": Kind.FORM,
    "text/csv": Kind.CSV,
}
_UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class Media:
    """essence: `type/subtype`, lower case. utf8: the charset parameter is absent or means UTF-8. boundary: as given.

    headed: false where CSV is said to have no header record (RFC 4180 section 3).
    """

    essence: str
    kind: Kind
    utf8: bool
    boundary: str = ""
    headed: bool = True


@lru_cache(maxsize=1024)
def parse_media(content_type: str) -> Media:
    """Read a Content-Type field value; never fails (what cannot be read is OTHER)."""
    essence, _, parameters = content_type.partition(";")
    essence = essence.strip().lower()
    if not essence:
        return Media("", Kind.NONE, True)
    kind = _KINDS.get(essence)
    if kind is None:
        kind = Kind.JSON if essence.endswith("+json") else Kind.OTHER
    if not parameters.strip():
        return Media(essence, kind, True)
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    utf8 = _parameter(message, "charset", "twice").strip().lower() in _UTF8
    headed = _parameter(message, "header", "absent").strip().lower() != "absent"
    return Media(essence, kind, utf8, _parameter(message, "boundary", ""), headed)


def _parameter(message: Message, name: str, repeated: str) -> str:
    """The value of a parameter, "" when it is absent; `repeated` for one that comes twice or is in a form of its own
    (RFC 2231)."""
    found = [value for key, value in message.get_params([], "content-type")[1:] if key.lower() == name]
    if not found:
        return ""
    return found[0] if len(found) == 1 and isinstance(found[0], str) else repeated


def covers(pattern: str, essence: str) -> bool:
    """True when a media range (`type/subtype`, `type/*`, `*/*`, lower case) covers an essence."""
    if pattern in (essence, "*/*", "*"):
        return True
    return pattern.endswith("/*") and essence.startswith(pattern[:-1])
