"""An endpoint made from its declaration: reading rows, taking some out, answering for them.

Guarantees: as `clyra_proxy.activation.profile.Endpoint`. One object serves one request: what `read` saw is what the
answers are told from. `without` reads its own result again and gives nothing unless exactly the other rows are in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.model import NOBODY, Answer, Attribution, Batch, Operation, Rejection, Reply
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import line_rows
from clyra_proxy.activation.profiles.answers import holds, merge, refuse, reply_of
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.declaration import Attributed, Condition, Media
from clyra_proxy.activation.profiles.elements import (
    ArrayElements,
    Element,
    cuts_of,
    find_elements,
    repeated,
    sent_values,
)
from clyra_proxy.activation.profiles.facts import Sent
from clyra_proxy.activation.profiles.file_parts import find_file, form_fields
from clyra_proxy.activation.profiles.form_body import parse_embedded
from clyra_proxy.activation.profiles.json_body import Tokens, look, parse, text_of, tokens_of
from clyra_proxy.activation.profiles.json_rows import texts_at, word_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.activation.profiles.spans import without_elements, written_without
from clyra_proxy.exchange import RequestHead
from clyra_proxy.schemalock.media import Kind, parse_media


class DeclaredEndpoint:
    """One request of one destination."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str]) -> None:
        self.compiled = compiled
        self.shape = compiled.shape
        self.call = call
        self.captures = captures
        self.id = f"{compiled.destination.id}.{self.shape.id}"
        self.writes = self.shape.writes
        self.amends = False  # whether answers to it are told anew for rows refused earlier (`merged` with none now)
        self.takes_none = False
        self.answers_always = compiled.answer is not None and compiled.answer.always
        self.sent = Sent()
        self.media = self.shape.media
        self._elements: Sequence[Element] = []
        self._done_to: Sequence[str] = ()  # keys of the records, where one change is done to several
        self._boundary = ""  # of the form in which CSV is sent as a file

    # reading

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self._open(head, body)
        operation = self.operation()
        rows = self.compiled.reading.rows(self.sent.document, self._elements, operation, self.captures)
        if self._done_to:
            rows = tuple(row._replace(key=key or row.key) for row, key in zip(rows, self._done_to, strict=True))
        return self._batch(head, rows=rows)

    def _open(self, head: RequestHead, body: bytes) -> None:
        self.media = self._media(head)
        self.sent.document = self._document(body)
        self._elements = self.elements(self.sent.document)
        split = next((name for name in self.shape.split if name in self.call.query), "")
        if split and len(self._elements) == 1 and self._elements[0].whole:
            self._done_to = self._listed(split)
            self._elements = list(self._elements) * len(self._done_to)  # the same change to each
        elif places := self.each():
            self._elements, self._done_to = repeated(self._elements, places)
        self.sent.elements = sent_values(self._elements)

    def each(self) -> tuple[Tokens, ...]:
        """Where rows list the records that they are done to; empty where a row is one record."""
        return self.compiled.reading.each

    def elements(self, document: Any) -> Sequence[Element]:
        """The rows in a document."""
        if self.media in (Media.CSV, Media.NDJSON):
            return ArrayElements((), document, [""] * len(document))
        return find_elements(document, self.compiled.reading.containers, self.compiled.reading.single)

    def _media(self, head: RequestHead) -> Media:
        """The declared one, but forms where a form is sent; CSV may be a file of one. Raises UnreadableError for other
        charsets than UTF-8."""
        media = parse_media(head.get("content-type") or "")
        if not media.utf8:
            raise unreadable(Unreadable.ENCODING)
        if media.kind is Kind.MULTIPART and self._takes_files():
            self._boundary = media.boundary
            return Media.FORM
        if (media.kind is Kind.MULTIPART) < self.shape.as_file or (
            media.kind is Kind.MULTIPART and self.shape.media is not Media.CSV
        ):
            raise unreadable(Unreadable.MEDIA_TYPE)
        self._boundary = media.boundary if media.kind is Kind.MULTIPART else ""
        if self.shape.media is Media.JSON and media.kind is Kind.FORM:
            return Media.FORM
        return self.shape.media

    def _takes_files(self) -> bool:
        """Whether one record may come with files, as a multipart form."""
        one = self.shape.single is not None and not self.shape.rows
        return one and self.shape.media in (Media.JSON, Media.DETECTED)

    def _document(self, body: bytes) -> Any:
        if self.media is Media.CSV:
            start, end = self._rows_at(body)
            return line_rows.csv_rows(body[start:end], self.delimiter())[1]
        if self.media is Media.NDJSON:
            return line_rows.ndjson_rows(body)
        if self.media is Media.FORM and self._boundary:
            return form_fields(body, self._boundary)
        if self.media is Media.FORM:
            return parse_embedded(body, self.shape.embedded)
        if self.media is Media.NONE or not body.strip():
            return self._query()
        return parse(body)

    def _rows_at(self, body: bytes) -> tuple[int, int]:
        """Where CSV stands in the body. Raises UnreadableError."""
        if not self._boundary:
            return 0, len(body)
        file = find_file(body, self._boundary)
        return file.start, file.end

    def _query(self) -> dict[str, Any]:
        query: dict[str, Any] = {**self.call.query, **self.call.all_values}
        query |= {name: self._listed(name) for name in self.shape.split if name in query}
        if isinstance(text := query.get(self.shape.embedded), str):
            query[self.shape.embedded] = parse(text.encode("utf-8", "replace"))
        return query

    def _listed(self, name: str) -> list[str]:
        """The values of a parameter that is a list with commas, and may stand several times."""
        given = self.call.all_values.get(name) or [self.call.query[name]]
        return [word for text in given for word in text.split(",")]

    def delimiter(self) -> str:
        """Of CSV; "" when the header must tell."""
        return ""

    def operation(self) -> Operation:
        """What the request does to its rows, where it says so once for all."""
        given = self.shape.operation
        return given if isinstance(given, Operation) else word_of(self.sent.document, given)

    def _batch(self, head: RequestHead, **rest: Any) -> Batch:
        targets = self.row_targets()
        several = dict.fromkeys(targets)
        one = len(several) < 2
        return Batch(
            profile=self.compiled.destination.id,
            target=self.target() if one else ",".join(filter(None, several)),
            targets=() if one else tuple(targets),
            all_or_none=self._asked(self.shape.all_or_none),
            attribution=self._attribution(),
            idempotency_key=self._idempotency(head),
            **rest,
        )

    def target(self) -> str:
        place = self.shape.target
        found = text_of(look(self.sent.document, tokens_of(place))) if place.startswith("/") else ""
        return found or ("" if place.startswith("/") else place.format_map(self.captures))

    def row_targets(self) -> Sequence[str]:
        """What each row is written to, where rows say so themselves; else nothing."""
        place = self.compiled.reading.target
        return () if place is None else texts_at(self.sent.elements, *place)

    def _asked(self, condition: bool | Condition) -> bool:
        return condition if isinstance(condition, bool) else holds(condition, self.sent.document)

    def _attribution(self) -> Attribution:
        for said in (self.shape.attributed, self.compiled.destination.attributed):
            if said is not None and (found := self._attributed(said)):
                return found
        return NOBODY

    def _attributed(self, said: Attributed) -> Attribution | None:
        sync, run = (
            next((text for at in places if (text := text_of(look(self.sent.document, tokens_of(at))))), "")
            for places in (said.sync, said.run)
        )
        return Attribution(said.tool, sync, run, "payload") if sync or run else None

    def _idempotency(self, head: RequestHead) -> str:
        for place in self.shape.idempotency:
            if place.startswith("?"):
                found = self.call.query.get(place[1:], "")
            else:
                found = text_of(look(self.sent.document, tokens_of(place)))
            if found:
                return found
        return next((key for name in self.compiled.idempotency_headers if (key := head.get(name))), "")

    # taking rows out

    def without(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        if not rejected:
            return body
        try:
            made = self._cut(body, batch, rejected)
            return bytes(made) if made is not None and self._rest_is_there(made, batch, rejected) else None
        except (UnreadableError, IndexError):
            return None

    def _cut(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        if self.media is Media.CSV:
            start, end = self._rows_at(body)
            return body[:start] + line_rows.csv_without(body[start:end], rejected, self.delimiter()) + body[end:]
        if self.media is Media.NDJSON:
            return line_rows.ndjson_without(body, rejected)
        if self.media is not Media.JSON or not self._elements:
            return None
        cuts = cuts_of(self._elements, rejected)
        if cuts is None:
            return None
        return written_without(body, self.sent.document, cuts.items()) or without_elements(body, cuts.items())

    def _rest_is_there(self, made: bytes, batch: Batch, rejected: frozenset[int]) -> bool:
        rest = [value for index, value in enumerate(sent_values(self._elements)) if index not in rejected]
        document = self._document(made)
        again = self.elements(document) if rest or self.media in (Media.CSV, Media.NDJSON) else []
        return sent_values(again) == rest

    # answers

    def refused(self, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        shape = self.compiled.answer
        return None if shape is None else refuse(shape, batch, rejections, self.sent)

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        shape = self.compiled.answer
        if shape is None:
            return answer if not rejections else None
        return merge(shape, answer, batch, rejections, self.sent)

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        return reply_of(self.compiled.answer, self.compiled.destination.limited, answer, batch)
