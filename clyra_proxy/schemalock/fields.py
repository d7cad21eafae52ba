"""Sessions over bodies of named text fields: CSV rows, form-encoded bodies, multipart forms."""

from __future__ import annotations

from typing import Any

from clyra_proxy.schemalock.coercion import Coercion
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import Judge
from clyra_proxy.schemalock.media import Kind, parse_media
from clyra_proxy.schemalock.row_session import RowSession
from clyra_proxy.stream.csv_records import CsvError, CsvSplitter
from clyra_proxy.stream.form import FormError, read_form
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.multipart import MultipartError, MultipartSplitter, Part
from clyra_proxy.verdict.model import Coverage, Seen
from clyra_proxy.verdict.reasons import Reason


class CsvSession(RowSession):
    """CSV with a header record; each further record is a row, an object of fields by header name."""

    def __init__(self, judge: Judge, schema: CompiledSchema, limits: BodyLimits) -> None:
        super().__init__(judge, schema, limits)
        self._splitter = CsvSplitter()
        self._coercion = Coercion(schema.document)
        self._header: list[str] | None = None

    def _take(self, data: bytes) -> None:
        try:
            records = self._splitter.decode(data)
        except CsvError as error:
            return self._malformed(f"csv {error}")
        return self._judge_records(records)

    def _end(self) -> None:
        try:
            records = self._splitter.flush()
        except CsvError as error:
            return self._malformed(f"csv {error}")
        return self._judge_records(records)

    def _passed(self) -> int:
        return self._splitter.passed

    def _held(self) -> int:
        return self._splitter.held

    def _judge_records(self, records: list[list[bytes]]) -> None:
        for record in records:
            try:
                fields = [field.decode("utf-8") for field in record]
            except UnicodeDecodeError:
                self._judge.object_to(Reason.JSON_ENCODING, "", {"row": self.rows}, fatal=True)
                return
            if self._header is None:
                self._read_header(fields)
                continue
            if len(fields) != len(self._header):
                self._object(f"/{self.rows}", {"why": "field count"})
            else:
                self._validate(self._row(self._header, fields))
            self.rows += 1

    def _read_header(self, fields: list[str]) -> None:
        fields[0] = fields[0].removeprefix("\ufeff")
        if len(set(fields)) != len(fields):
            self._malformed("csv header repeats a name")
        self._header = fields

    def _row(self, header: list[str], fields: list[str]) -> dict[str, Any]:
        coercion = self._coercion
        return {
            name: coercion.value(name, text)
            for name, text in zip(header, fields, strict=True)
            if text or not coercion.omits_empty(name)
        }


class FormSession(RowSession):
    """A form-encoded body, held whole: one object of its fields."""

    incremental = False

    def __init__(self, judge: Judge, schema: CompiledSchema, limits: BodyLimits) -> None:
        super().__init__(judge, schema, limits)
        self.coverage = Coverage(Seen.FULL)
        self._coercion = Coercion(schema.document)
        self._parts: list[bytes] = []
        self._size = 0

    def _take(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)

    def _end(self) -> None:
        try:
            pairs = read_form(b"".join(self._parts))
        except FormError as error:
            return self._malformed(f"form {error}")
        value, repeated = self._coercion.collect(pairs)
        if repeated:
            return self._malformed("form repeats a name")
        return self._validate(value)

    def _passed(self) -> int:
        return 0

    def _held(self) -> int:
        return self._size


class MultipartSession(RowSession):
    """A multipart form. JSON parts are admitted whole before they leave; other parts pass; fields are judged together.

    Text fields and JSON parts become the members of one object, files its empty strings; the object is judged by the
    schema at the end, before the closing delimiter leaves.
    """

    incremental = False

    def __init__(self, judge: Judge, schema: CompiledSchema | None, limits: BodyLimits, boundary: str) -> None:
        super().__init__(judge, schema, limits)
        self._coercion = Coercion(schema.document if schema is not None else True)
        self._splitter = MultipartSplitter(boundary)
        self._texts: list[tuple[str, str]] = []
        self._values: dict[str, Any] = {}
        self._held_part = 0  # bytes of the JSON or text part at hand
        self._cleared = 0
        self._kept = 0

    def _take(self, data: bytes) -> None:
        try:
            touched = self._splitter.decode(data)
        except MultipartError as error:
            return self._malformed(f"multipart {error}")
        for part in touched:
            self._look_at(part)
        if not self._held_part and not self._splitter.done:
            self._cleared = self._splitter.passed
        return None

    def _end(self) -> None:
        try:
            self._splitter.flush()
        except MultipartError as error:
            return self._malformed(f"multipart {error}")
        if self._schema is None:
            return None
        fields, repeated = self._coercion.collect(self._texts)
        if repeated or fields.keys() & self._values.keys():
            return self._malformed("multipart repeats a name")
        return self._validate({**fields, **self._values})

    def _passed(self) -> int:
        return self._cleared

    def _held(self) -> int:
        return self._splitter.held + self._held_part + self._kept

    def _look_at(self, part: Part) -> None:
        is_json = parse_media(part.content_type).kind is Kind.JSON
        if not is_json and (part.filename is not None or self._schema is None):
            part.content.clear()
            if part.ended:
                self._values.setdefault(part.name, "")
            return
        if not part.ended:
            self._held_part = part.size
            return
        content = b"".join(part.content)
        part.content.clear()
        self._held_part = 0
        if is_json:
            self._keep_value(part.name, self._admit(content), len(content))
        else:
            self._keep_text(part.name, content)
        self.rows += 1

    def _keep_value(self, name: str, value: Any, size: int) -> None:
        if self._schema is None:
            return
        if name in self._values:
            self._malformed("multipart repeats a name")
        self._values[name] = value
        self._kept += size

    def _keep_text(self, name: str, content: bytes) -> None:
        try:
            self._texts.append((name, content.decode("utf-8")))
            self._kept += len(content)
        except UnicodeDecodeError:
            self._judge.object_to(Reason.JSON_ENCODING, "", {"row": self.rows}, fatal=True)
