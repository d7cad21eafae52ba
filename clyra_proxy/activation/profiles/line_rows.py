"""Rows that are lines: CSV (RFC 4180, with the delimiters that bulk APIs allow) and JSON lines.

Guarantees: linear in the body; a text that two CSV readers could understand differently is refused: a quote inside of
an unquoted cell, an open quote at the end, a column that stands twice, rows of another length than the header. Lines
are taken out with their own line ends; the header and every other byte stay.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from clyra_proxy.activation.profiles.json_body import parse
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DELIMITERS = {"COMMA": ",", "TAB": "\t", "SEMICOLON": ";", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}

_LINE = re.compile(rb"[^\n]*+(?:\n|\Z)")

type Span = tuple[int, int]


def csv_rows(body: bytes, delimiter: str = "") -> tuple[list[str], list[dict[str, str]]]:
    """Column names, and a mapping for each row. delimiter: "" finds it in the header. Raises UnreadableError."""
    text = _text(body)
    sign = delimiter or _delimiter(text)
    spans = _csv_spans(body, sign)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True) if line]
    except csv.Error:
        raise unreadable(Unreadable.NOT_CSV) from None
    if len(lines) != len(spans):
        raise unreadable(Unreadable.NOT_CSV)
    if not lines:
        raise unreadable(Unreadable.NO_ROWS)
    header, rows = lines[0], lines[1:]
    if len(set(header)) != len(header):
        raise unreadable(Unreadable.DUPLICATE_KEY)
    if any(len(row) != len(header) for row in rows):
        raise unreadable(Unreadable.RAGGED)
    return header, [dict(zip(header, row, strict=True)) for row in rows]


def csv_without(body: bytes, rejected: Collection[int], delimiter: str = "") -> bytes:
    """The body without data rows (counted from 0)."""
    return _without(body, _csv_spans(body, delimiter or _delimiter(_text(body)))[1:], rejected)


def csv_text(header: Sequence[str], rows: Sequence[Mapping[str, object]], end: str = "\n") -> bytes:
    """Rows as CSV, all cells quoted, without the header."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerows([[row.get(name, "") for name in header] for row in rows])
    return out.getvalue().encode("utf-8")


def ndjson_rows(body: bytes) -> list[Any]:
    """The value of every line that is not blank. Raises UnreadableError."""
    return [parse(body[start:end]) for start, end in _line_spans(body)]


def ndjson_without(body: bytes, rejected: Collection[int]) -> bytes:
    """The body without lines (blank ones not counted)."""
    return _without(body, _line_spans(body), rejected)


@lru_cache(maxsize=16)
def _record(delimiter: str) -> re.Pattern[bytes]:
    sign = re.escape(delimiter.encode("ascii"))
    cell = rb'(?:"(?:[^"]++|"")*+"|[^"\r\n' + sign + rb"]*+)"
    return re.compile(cell + rb"(?:" + sign + cell + rb")*+(\r\n|\n|\r|\Z)")


def _csv_spans(body: bytes, delimiter: str) -> list[Span]:
    """Of every record that is not blank, with its line end."""
    pattern = _record(delimiter)
    spans: list[Span] = []
    at = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    while at < len(body):
        found = pattern.match(body, at)
        if found is None:
            raise unreadable(Unreadable.NOT_CSV)
        if found.start(1) > at:
            spans.append((at, found.end()))
        at = found.end()
    return spans


def _line_spans(body: bytes) -> list[Span]:
    return [found.span() for found in _LINE.finditer(body) if found[0].strip()]


def _without(body: bytes, spans: Sequence[Span], rejected: Collection[int]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for index in sorted(rejected):
        start, end = spans[index]
        parts.append(body[at:start])
        at = end
    parts.append(body[at:])
    return b"".join(parts) if rejected else body


def _text(body: bytes) -> str:
    try:
        text = body.removeprefix(BYTE_ORDER_MARK).decode("utf-8")
    except UnicodeDecodeError:
        raise unreadable(Unreadable.ENCODING) from None
    if "\0" in text:
        raise unreadable(Unreadable.NOT_CSV)
    return text


def _delimiter(text: str) -> str:
    """The sign that stands most often in the header; a comma when there is none."""
    line = text.partition("\n")[0]
    return max(DELIMITERS.values(), key=lambda sign: (line.count(sign), sign == ","))
