"""Generic APIs: JSON, JSON lines, CSV and forms, with rows at a declared or a found place.

Guarantees: a declared place (`generic-json:/records`) must be there; without one `detection` looks. Answers: results
that come in the order of the rows get an error object at the index of a refused row; otherwise the destination's
object gets a member `rejected`. Some rows refused is status 207 (RFC 4918), everything refused 422 with RFC 9457
details: senders take both as the last word and do not try again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Operation, Rejection, Reply, Row
from clyra_proxy.activation.profiles import detection
from clyra_proxy.activation.profiles.answers import document_of, reply_of
from clyra_proxy.activation.profiles.declaration import Media
from clyra_proxy.activation.profiles.elements import Element, find_elements
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.graphql_rows import graphql_rows
from clyra_proxy.activation.profiles.json_body import MISSING, Tokens, dump, look, tokens_of
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.activation.profiles.replacing import put
from clyra_proxy.activation.profiles.search_bulk import bulk_rows
from clyra_proxy.exchange import RequestHead
from clyra_proxy.policy.deleting import names_deleting
from clyra_proxy.schemalock.media import Kind, parse_media

REJECTED = "clyra-rejected-rows"
"""Header of answers to generic APIs: positions of the refused rows."""
_MOST_LISTED = 100
OTHER = "other"
"""Id of the endpoint of writes to paths that a destination's file does not name."""
_PATCH = "application/json-patch+json"
_FILES = ("image/", "audio/", "video/", "font/")
_FILE_TYPES = frozenset({"application/octet-stream", "application/pdf", "application/zip"})
_RESULTS = ("results", "result", "records", "rows", "items", "data", "responses", "outcomes")
_KINDS = {
    Kind.JSON: Media.JSON,
    Kind.NDJSON: Media.NDJSON,
    Kind.CSV: Media.CSV,
    Kind.FORM: Media.FORM,
    Kind.NONE: Media.JSON,
}


class GenericEndpoint(DeclaredEndpoint):
    """Any write. `place`: where its rows are, None to look for them."""

    place: Tokens | None = None
    _patches = False

    def _media(self, head: RequestHead) -> Media:
        declared = super()._media(head)
        if declared is not Media.DETECTED:
            return declared
        media = parse_media(head.get("content-type") or "")
        kind, essence = media.kind, media.essence
        self._patches = essence == _PATCH
        if kind in _KINDS:
            return _KINDS[kind]
        if self.shape.id == OTHER and _is_file(essence):
            return Media.NONE
        raise unreadable(Unreadable.MEDIA_TYPE)

    def elements(self, document: Any) -> Sequence[Element]:
        if self.media in (Media.CSV, Media.NDJSON):
            return super().elements(document)
        if self.place is not None:
            return find_elements(document, (self.place,), None)
        return find_elements(document, detection.containers(document), ())

    def _document(self, body: bytes) -> Any:
        document = super()._document(body)
        return _patched(document) if self._patches and isinstance(document, list) else document

    def each(self) -> tuple[Tokens, ...]:
        if len(self._elements) != 1 or not self._elements[0].whole:
            return ()
        return detection.listed(self._elements[0].value, deleting=self.operation() is Operation.DELETE)

    def operation(self) -> Operation:
        otherwise = detection.operation_of(self.call.method, self.call.segments)
        called = look(self.sent.document, ("method",))  # JSON-RPC; elsewhere it may be any field
        if isinstance(called, str) and names_deleting(called):
            return Operation.DELETE
        return detection.row_operation(self.sent.document, otherwise)

    def target(self) -> str:
        return detection.target_of(self.call.segments)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        batch = super().read(head, body)
        if (rows := graphql_rows(self.sent.document, batch.rows)) is not None:
            self.writes = bool(rows)
            return replace(batch, rows=rows)
        elements = self.sent.elements
        if self.media is Media.NDJSON and (bulk := bulk_rows(elements)) is not None:
            return replace(batch, rows=bulk, all_or_none=True)
        if self.call.method == "POST" and detection.say_nothing(elements):
            return batch
        return replace(batch, rows=tuple(self._hinted(row, elements[row.index]) for row in batch.rows))

    def _hinted(self, row: Row, value: Any) -> Row:
        operation = detection.row_operation(value, row.operation)
        key = row.key or (self.call.segments[-1] if self.call.method != "POST" and self.call.segments else "")
        return row if operation is row.operation and key == row.key else row._replace(operation=operation, key=key)

    def refused(self, batch: Batch, rejections: Sequence[Rejection]) -> Answer:
        if (told := super().refused(batch, rejections)) is not None:
            return told  # another write of a destination whose refusals are known
        detail = rejections[0].message if rejections else "The request was refused by policy."
        body = {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": detail,
            "errors": _errors(batch, rejections),
        }
        return Answer(422, dump(body), {"content-type": "application/problem+json", **_listed(rejections)})

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        if not rejections or not 200 <= answer.status < 300:
            return answer
        document = document_of(answer)
        errors = _errors(batch, rejections)
        headers = {**answer.headers, **_listed(rejections)}
        headers.pop("content-length", None)
        if document is MISSING and answer.body.strip():
            return replace(answer, status=207, headers=headers)  # a text: its header tells
        told = _told(document, batch, rejections, errors)
        if document is MISSING:
            headers["content-type"] = "application/json"
        return Answer(207, dump(told), headers)

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        return reply_of(None, self.compiled.destination.limited, answer, batch)


def _patched(changes: list[Any]) -> dict[str, Any]:
    """The fields that a JSON Patch (RFC 6902) changes in one record, by dotted names; what it takes away is null."""
    fields: dict[str, Any] = {}
    for change in changes:
        if not isinstance(change, dict) or not isinstance(change.get("path"), str):
            raise unreadable(Unreadable.WRONG_TYPE)
        if change.get("op") != "test":
            fields[".".join(tokens_of(change["path"]))] = change.get("value")
    return fields


def _told(document: Any, batch: Batch, rejections: Sequence[Rejection], errors: list[dict[str, Any]]) -> Any:
    place = _results_place(document, len(batch.rows) - len(rejections))
    if place is None:
        base = document if isinstance(document, dict) else {} if document is MISSING else {"result": document}
        return {**base, "rejected": errors}
    given, refused = iter(look(document, place)), {error["index"]: error for error in errors}
    every = [
        {"success": False, "error": refused[row.index], "errors": [refused[row.index]]}
        if row.index in refused
        else next(given)
        for row in batch.rows
    ]
    return put(document, place, every)


def _results_place(document: Any, sent: int) -> Tokens | None:
    """Where results stand in the order of the rows: as many as were sent, and at least one."""
    if sent and isinstance(document, list) and len(document) == sent:
        return ()
    if sent and isinstance(document, dict):
        for name in _RESULTS:
            if isinstance(found := document.get(name), list) and len(found) == sent:
                return (name,)
    return None


def _errors(batch: Batch, rejections: Sequence[Rejection]) -> list[dict[str, Any]]:
    pointers = {row.index: row.pointer for row in batch.rows}
    return [
        {
            "index": one.index,
            **({"pointer": pointers[one.index]} if pointers.get(one.index) else {}),
            "code": one.reason,
            "message": one.message,
        }
        for one in rejections
    ]


def _listed(rejections: Sequence[Rejection]) -> Mapping[str, str]:
    if not rejections:
        return {}
    more = ",..." if len(rejections) > _MOST_LISTED else ""
    return {REJECTED: ",".join(str(one.index) for one in rejections[:_MOST_LISTED]) + more}


def _is_file(essence: str) -> bool:
    """Whether a body is a file, which is one thing that is written and has no fields."""
    return essence in _FILE_TYPES or essence.startswith(_FILES)
