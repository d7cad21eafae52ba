"""Cutting a byte stream into CSV records (RFC 4180): quoted fields may hold commas, line ends and doubled quotes.

CRLF and LF end a record. A quote inside an unquoted field, or text after a closing quote, is refused: readers differ.
"""

from __future__ import annotations

import re

_FIELD = rb'(?:"(?:[^"]|"")*+"|[^",\r\n]*+)'
_RECORD = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_FIELDS = re.compile(rb'"((?:[^"]|"")*+)"|([^",\r\n]*+)')
_SMALL = 16 * 1024


class CsvError(Exception):
    """Not RFC 4180. The text says why, without content."""


class CsvSplitter:
    """passed: offset just after the last complete record. held: bytes of the record that is not complete yet."""

    def __init__(self) -> None:
        self.passed = 0
        self.held = 0
        self._parts: list[bytes] = []
        self._enough = 0

    def decode(self, data: bytes) -> list[list[bytes]]:
        """The records that `data` completes, as fields with quoting undone. Raises CsvError."""
        self._parts.append(data)
        self.held += len(data)
        if b"\n" not in data or self.held < self._enough:
            return []
        return self._records(b"".join(self._parts), last=False)

    def flush(self) -> list[list[bytes]]:
        """The last record, if it had no line end. Raises CsvError when a quote is open."""
        return self._records(b"".join(self._parts), last=True)

    def _records(self, text: bytes, last: bool) -> list[list[bytes]]:
        records: list[list[bytes]] = []
        at, size = 0, len(text)
        while at < size:
            found = _RECORD.match(text, at)
            end = at if found is None else found.end()
            ending = _line_end(text, end, last)
            if ending == 0:
                opens = text[end : end + 1] == b'"' and (end == at or text[end - 1 : end] == b",")
                waits = end == size or opens or text[end:] == b"\r"
                if waits and not last:
                    break
                raise CsvError("quote" if opens or not waits else "line end")
            if end > at:
                records.append(_split(text[at:end]))
            at = end + max(ending, 0)
        rest = text[at:]
        self.passed += at
        self._parts, self.held = ([rest] if rest else []), len(rest)
        self._enough = self.held + self.held // 2 if self.held > _SMALL else 0
        return records


def _line_end(text: bytes, at: int, last: bool) -> int:
    """Length of the line end at `at`; -1 for the end of the body; 0 when there is none."""
    if text[at : at + 1] == b"\n":
        return 1
    if text[at : at + 2] == b"\r\n":
        return 2
    return -1 if last and at == len(text) else 0


def _split(record: bytes) -> list[bytes]:
    if b'"' not in record:
        return record.split(b",")
    fields, at = [], 0
    while at <= len(record):
        found = _FIELDS.match(record, at)
        if found is None:
            raise CsvError("quote")
        fields.append(found[2] if found[1] is None else found[1].replace(b'""', b'"'))
        at = found.end() + 1
    return fields
