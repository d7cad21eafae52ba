"""Uploads as multipart forms: the one file of rows among the parts and the fields beside it, or a record with files.

Guarantees: a form with rows has exactly one file and no field that stands twice; content stands in the body as it is
(no transfer encoding), and nothing but a line end follows the closing delimiter; anything else is refused, because a
server could take other rows from it than were judged. Reference: RFC 7578, RFC 2046 section 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clyra_proxy.activation.profiles.json_body import parse
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.schemalock.media import Kind, parse_media
from clyra_proxy.stream.multipart import MultipartError, MultipartSplitter, Part

_ROWS = frozenset({Kind.JSON, Kind.NDJSON, Kind.CSV})
_DATA = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".xls", ".xlsx", ".parquet", ".avro", ".sql")
"""Ends of names of files that may hold rows."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """start, end: of the file's content in the body. fields: name -> content of the other parts."""

    start: int
    end: int
    fields: Mapping[str, bytes]


def find_file(body: bytes, boundary: str) -> FilePart:
    """The file in a form. Raises UnreadableError."""
    parts = _parts(body, boundary)
    files = [part for part in parts if part.filename or parse_media(part.content_type).essence == "text/csv"]
    if len(files) != 1 or not parse_media(files[0].content_type).utf8:
        raise unreadable(Unreadable.MEDIA_TYPE)
    (file,) = files
    fields = {part.name: b"".join(part.content) for part in parts if part is not file}
    if len(fields) != len(parts) - 1:
        raise unreadable(Unreadable.DUPLICATE_KEY)
    return FilePart(file.start, file.start + file.size, fields)


def form_fields(body: bytes, boundary: str) -> dict[str, Any]:
    """The fields of a form, those that are JSON as what they hold; of a file its name, type and size.

    A field that stands several times is a list. Raises UnreadableError, also for files that may hold rows.
    """
    fields: dict[str, list[Any]] = {}
    for part in _parts(body, boundary):
        fields.setdefault(part.name, []).append(_value_of(part))
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _value_of(part: Part) -> Any:
    media = parse_media(part.content_type)
    content = b"".join(part.content)
    if part.filename is not None:
        if media.kind in _ROWS or part.filename.lower().endswith(_DATA):
            raise unreadable(Unreadable.MEDIA_TYPE)
        return {"filename": part.filename, "media_type": media.essence, "bytes": part.size}
    if media.kind is Kind.JSON:
        return parse(content)
    if media.kind in _ROWS or not media.utf8:
        raise unreadable(Unreadable.MEDIA_TYPE)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise unreadable(Unreadable.ENCODING) from None


def _parts(body: bytes, boundary: str) -> list[Part]:
    try:
        splitter = MultipartSplitter(boundary)
        parts = splitter.decode(body)
        splitter.flush()
    except (MultipartError, UnicodeEncodeError):
        raise unreadable(Unreadable.MEDIA_TYPE) from None
    closing = f"--{boundary}--".encode("latin-1")
    if not body.rstrip(b"\r\n").endswith(closing) or any(part.encoded for part in parts):
        raise unreadable(Unreadable.ENCODING)
    return parts
