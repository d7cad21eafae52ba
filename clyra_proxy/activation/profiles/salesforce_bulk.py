"""Salesforce Bulk API 2.0 (and the JSON and CSV batches of 1.0): a job is made, rows follow, results are asked for.

Guarantees: object, operation and delimiter are taken from the job's creation; rows that were refused are in the job's
figures and in its failed results, as if Salesforce had refused them. A job that nobody saw being made is still read:
its operation is then unknown. Reference: Bulk API 2.0 and Bulk API Developer Guide, v59.0 and later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Operation, Rejection, Row
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import line_rows
from clyra_proxy.activation.profiles.answers import document_of
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.declaration import Media
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.file_parts import find_file
from clyra_proxy.activation.profiles.jobs import Job, Jobs, refused_rows
from clyra_proxy.activation.profiles.json_body import dump, parse, text_of
from clyra_proxy.activation.profiles.line_rows import DELIMITERS
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.exchange import RequestHead
from clyra_proxy.schemalock.media import Kind, parse_media

KIND = "salesforce-job"
ERROR = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
_OPERATIONS = {
    "insert": Operation.INSERT,
    "update": Operation.UPDATE,
    "upsert": Operation.UPSERT,
    "delete": Operation.DELETE,
    "harddelete": Operation.DELETE,
}
_FACTS = ("object", "operation", "externalIdFieldName", "columnDelimiter")
_OVER = frozenset({"JobComplete", "Failed", "Aborted", "Completed"})
NULL = "#N/A"
"""How a cell says null; an empty cell changes nothing."""


class BulkEndpoint(DeclaredEndpoint):
    """One request of a job."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], jobs: Jobs) -> None:
        super().__init__(compiled, call, captures)
        self.jobs = jobs
        self.amends = True

    def job(self) -> Job:
        return self.jobs.recall(KIND, self.captures.get("job", "")) or Job()

    def target(self) -> str:
        return self.job().facts.get("object", "") or super().target()


class Creation(BulkEndpoint):
    """A job is made; the answer says its id. As a multipart form the request has the rows with it."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], jobs: Jobs) -> None:
        super().__init__(compiled, call, captures, jobs)
        self._wanted: Any = None

    def operation(self) -> Operation:
        return _OPERATIONS.get(self._facts().get("operation", "").casefold(), Operation.UNKNOWN)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self.media = self._media(head)
        if not self._boundary:
            self._wanted = self.sent.document = self._document(body)
            return self._batch(head)
        self._wanted = parse(find_file(body, self._boundary).fields.get("job", b""))
        batch = super().read(head, body)
        external = self._facts().get("externalIdFieldName", "")
        return replace(batch, rows=tuple(_cleaned(row, external) for row in batch.rows))

    def _media(self, head: RequestHead) -> Media:
        media = parse_media(head.get("content-type") or "")
        if media.kind is not Kind.MULTIPART:
            return super()._media(head)
        self._boundary = media.boundary
        return Media.CSV

    def delimiter(self) -> str:
        return DELIMITERS.get(self._facts().get("columnDelimiter", "").upper(), "")

    def target(self) -> str:
        return self._facts().get("object", "")

    def _facts(self) -> dict[str, str]:
        document = self._wanted if isinstance(self._wanted, dict) else {}
        return {name: text_of(document.get(name)) for name in _FACTS if document.get(name)}

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        document = document_of(answer)
        if 200 <= answer.status < 300 and isinstance(document, dict) and (id_ := text_of(document.get("id"))):
            told = {name: text_of(document[name]) for name in _FACTS if document.get(name)}
            refused = refused_rows(rejections, self.sent.elements)
            self.jobs.remember(KIND, id_, Job({**told, **self._facts()}, refused, len(batch.rows)))
        return answer


class Upload(BulkEndpoint):
    """The rows of a job. In Bulk API 1.0 the answer names a batch, whose results are asked for by its id."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], jobs: Jobs) -> None:
        super().__init__(compiled, call, captures, jobs)
        self.takes_none = True

    def delimiter(self) -> str:
        return DELIMITERS.get(self.job().facts.get("columnDelimiter", "").upper(), "")

    def operation(self) -> Operation:
        return _OPERATIONS.get(self.job().facts.get("operation", "").casefold(), Operation.UNKNOWN)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        batch = super().read(head, body)
        external = self.job().facts.get("externalIdFieldName", "")
        return replace(batch, rows=tuple(_cleaned(row, external) for row in batch.rows))

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        if 200 <= answer.status < 300 and rejections:
            document = document_of(answer)
            named = text_of(document.get("id")) if isinstance(document, dict) else ""
            refused = refused_rows(rejections, self.sent.elements)
            self.jobs.remember(KIND, named or self.captures["job"], Job(self.job().facts, refused, len(batch.rows)))
        return answer


class Information(BulkEndpoint):
    """How far a job is: its figures count refused rows as failed ones."""

    def read(self, head: RequestHead, body: bytes) -> Batch:
        return self._batch(head)

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        refused = len(self.job().refused)
        document = document_of(answer)
        if (
            not refused
            or answer.status != 200
            or not isinstance(document, dict)
            or text_of(document.get("state")) not in _OVER
        ):
            return answer
        for name in ("numberRecordsProcessed", "numberRecordsFailed"):
            document[name] = _number(document.get(name)) + refused
        return answer.saying(dump(document))


class FailedResults(Information):
    """The rows of a job that failed, as CSV: `sf__Id`, `sf__Error`, the row's own columns."""

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        refused = [one for one in self.job().refused if isinstance(one.row, dict)]
        if not refused or answer.status != 200:
            return answer
        own = ["sf__Id", "sf__Error", *refused[0].row]
        try:
            header = line_rows.csv_rows(answer.body, self.delimiter())[0] if answer.body.strip() else own
        except UnreadableError:
            return None
        rows = [{**one.row, "sf__Id": "", "sf__Error": f"{ERROR}:{one.message}:--"} for one in refused]
        body = (
            answer.body if answer.body.strip() else line_rows.csv_text(header, [dict(zip(header, header, strict=True))])
        )
        end = b"" if body.endswith(b"\n") else b"\n"
        return answer.saying(body + end + line_rows.csv_text(header, rows))


class BatchResults(Information):
    """The results of a batch of Bulk API 1.0 as JSON, one for every row, in order."""

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        job, document = self.job(), document_of(answer)
        if not job.refused or answer.status != 200:
            return answer
        if not isinstance(document, list) or len(document) + len(job.refused) != job.total:
            return None
        given, refused = iter(document), {one.index: one for one in job.refused}
        every: list[Any] = [
            {
                "success": False,
                "created": False,
                "id": None,
                "errors": [{"statusCode": ERROR, "message": refused[index].message, "fields": []}],
            }
            if index in refused
            else next(given)
            for index in range(job.total)
        ]
        return answer.saying(dump(every))


def _cleaned(row: Row, external: str) -> Row:
    """The row without cells that change nothing, `#N/A` as null, with its key."""
    values = {name: None if value == NULL else value for name, value in row.values.items() if value != ""}
    key = next((text for name in (external, "Id", "id") if name and (text := text_of(row.values.get(name)))), "")
    return row._replace(values=values, key=key)


def _number(value: object) -> int:
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0
