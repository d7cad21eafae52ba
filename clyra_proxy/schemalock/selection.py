"""Which schema of an API description a body falls under, and what it means when there is none.

Rules: a route, a status or a media type that the description does not declare is said so, for policy to decide on; a
quarantined schema is said so too; only a declared body without a schema is free. Media types match exactly, then by
range (`text/*`, `*/*`); a JSON media type (`application/json`, `+json`) that is not declared falls under the one JSON
type that is, since whoever reads it will read JSON. References: OpenAPI 3.1.1 section 4.8.14.1, RFC 6839 section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from clyra_proxy.schemalock.openapi import ApiDescription, Body, MediaEntry, Operation


class Outcome(StrEnum):
    """What the description says about a body."""

    SCHEMA = "schema"  # this schema holds
    FREE = "free"  # declared, without a schema
    UNKNOWN_ROUTE = "unknown_route"  # no operation for this method and path
    UNKNOWN_STATUS = "unknown_status"  # the operation declares no such response
    UNKNOWN_MEDIA = "unknown_media"  # the body's media type is not declared
    NO_BODY = "no_body"  # the operation declares no body here
    QUARANTINED = "quarantined"  # declared, but its schema cannot be used


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer for one body. operation: None for an unknown route. entry: set for SCHEMA, FREE, QUARANTINED."""

    outcome: Outcome
    operation: Operation | None = None
    entry: MediaEntry | None = None


_UNKNOWN_ROUTE = Selection(Outcome.UNKNOWN_ROUTE)


def select_request(api: ApiDescription, method: str, path: str, media_type: str) -> Selection:
    """For a request body. media_type: the Content-Type value, parameters allowed, "" when absent."""
    operation = api.find(method, path)
    if operation is None:
        return _UNKNOWN_ROUTE
    if operation.request is None:
        return Selection(Outcome.NO_BODY, operation)
    return _by_media(operation, operation.request, media_type)


def select_response(api: ApiDescription, method: str, path: str, status: int, media_type: str) -> Selection:
    """For the body of a response of this status to the request `method path`."""
    operation = api.find(method, path)
    if operation is None:
        return _UNKNOWN_ROUTE
    body = operation.response(status)
    if body is None:
        return Selection(Outcome.UNKNOWN_STATUS, operation)
    return _by_media(operation, body, media_type)


def _by_media(operation: Operation, body: Body, media_type: str) -> Selection:
    if body.fault is not None:
        return Selection(Outcome.QUARANTINED, operation)
    if not body.entries:
        return Selection(Outcome.NO_BODY, operation)
    entry = match_media(body.entries, media_type)
    if entry is None:
        return Selection(Outcome.UNKNOWN_MEDIA, operation)
    if entry.fault is not None:
        return Selection(Outcome.QUARANTINED, operation, entry)
    return Selection(Outcome.FREE if entry.schema is None else Outcome.SCHEMA, operation, entry)


def match_media(entries: tuple[MediaEntry, ...], media_type: str) -> MediaEntry | None:
    """The entry a Content-Type falls under, or None."""
    wanted = media_type.partition(";")[0].strip().lower()
    kind = wanted.partition("/")[0]
    if not wanted:
        return None
    for pattern in (wanted, f"{kind}/*", "*/*"):
        for entry in entries:
            if entry.media == pattern:
                return entry
    if is_json(wanted):
        json_entries = [entry for entry in entries if is_json(entry.media)]
        if len(json_entries) == 1:
            return json_entries[0]
    return None


def is_json(media: str) -> bool:
    """True for `application/json` and any type with the `+json` suffix (parameters already removed)."""
    return media == "application/json" or media.endswith("+json")
