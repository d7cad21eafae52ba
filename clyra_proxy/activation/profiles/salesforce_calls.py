"""One call inside of a composite request of Salesforce: what it does, to which object and record.

Rule: read from method and URL alone, as the REST API reads a request line; a call that only reads is no row. Reference:
REST API Developer Guide, composite, composite batch, composite graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles.json_body import dump, text_of

_OPERATIONS = {
    "POST": Operation.INSERT,
    "PATCH": Operation.UPDATE,
    "PUT": Operation.UPSERT,
    "DELETE": Operation.DELETE,
}
_READING = frozenset({"GET", "HEAD"})


def only_reads(request: Mapping[str, Any]) -> bool:
    """Whether a call changes nothing."""
    return text_of(request.get("method")).upper() in _READING


def operation_of(request: Mapping[str, Any]) -> Operation:
    """What a call does. An update by an external id is an upsert."""
    operation = _OPERATIONS.get(text_of(request.get("method")).upper(), Operation.UNKNOWN)
    external = operation is Operation.UPDATE and len(_after(_segments(request), "sobjects")) == 3
    return Operation.UPSERT if external else operation


def key_of(request: Mapping[str, Any]) -> str:
    """The record that a call names in its URL, "" when it names none."""
    rest = _after(_segments(request), "sobjects")
    return rest[-1] if len(rest) > 1 else ""


def object_of(request: Mapping[str, Any], body: str) -> str:
    """The object a call is about, by its URL or its first record; "" when neither says. body: name of its input."""
    rest = _after(_segments(request), "sobjects")
    if rest:
        return rest[0]
    given = request.get(body)
    records = given.get("records") if isinstance(given, dict) else None
    first = records[0] if isinstance(records, list) and records else None
    attributes = first.get("attributes") if isinstance(first, dict) else None
    return text_of(attributes.get("type")) if isinstance(attributes, dict) else ""


def listed_ids(request: Mapping[str, Any]) -> list[str]:
    """The records that a call deletes together (`composite/sobjects?ids=001,002`); empty for any other call."""
    path, _, query = text_of(request.get("url")).partition("?")
    if operation_of(request) is not Operation.DELETE or not path.rstrip("/").lower().endswith("/composite/sobjects"):
        return []
    return [id_ for name, value in parse_qsl(query) if name == "ids" for id_ in value.split(",")]


def refers(value: Any, name: str) -> bool:
    """Whether a value refers to the result of the call of that name."""
    text = dump(value).decode("utf-8") if name else ""
    return bool(name) and any(f"@{{{name}{end}" in text for end in ".[}")


def _segments(request: Mapping[str, Any]) -> list[str]:
    return [part for part in text_of(request.get("url")).partition("?")[0].split("/") if part]


def _after(segments: Sequence[str], word: str) -> list[str]:
    return list(segments[segments.index(word) + 1 :]) if word in segments else []
