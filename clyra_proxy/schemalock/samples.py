"""Read documents to learn from: JSON files, NDJSON files, and NDJSON of whole exchanges.

Rules: one line, or one file, is one document; what is not JSON is an error naming file and line, or skipped and
counted where that was asked for. An exchange is an object with `method` and `path`, and with `request`, `response` or
both; `status`, `request_type` and `response_type` (media types) are optional.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.learn import RouteKey, template_of

_LINES = frozenset([".ndjson", ".jsonl", ".jsonlines"])


@dataclass(slots=True)
class Sampling:
    """How to read. key: the route of every document; None when each line is an exchange. each: the elements of a
    top-level array are documents of their own. skip_bad: count what cannot be read instead of failing."""

    key: RouteKey | None
    each: bool = False
    skip_bad: bool = False
    skipped: int = field(default=0, init=False)

    def documents(
        self, path: Path, advance: Callable[[int], None] = lambda size: None
    ) -> Iterator[tuple[RouteKey, Any]]:
        """Every document of a file (`-`: NDJSON from standard input). advance: told how many bytes were read."""
        for place, raw in _texts(path):
            advance(len(raw))
            try:
                value = orjson.loads(raw)
                yield from self._of(value)
            except ValueError as error:
                if not self.skip_bad:
                    raise SchemaError(f"{place} is not usable: {error}", "", "Correct it, or skip bad ones.") from None
                self.skipped += 1

    def _of(self, value: Any) -> Iterator[tuple[RouteKey, Any]]:
        if self.key is None:
            yield from _exchange(value)
        elif self.each and isinstance(value, list):
            yield from ((self.key, element) for element in value)
        else:
            yield self.key, value


def _texts(path: Path) -> Iterator[tuple[str, bytes]]:
    if str(path) == "-":
        yield from _lines("standard input", sys.stdin.buffer)
        return
    try:
        with path.open("rb") as file:
            if path.suffix.lower() in _LINES:
                yield from _lines(str(path), file)
            else:
                yield str(path), file.read()
    except OSError as error:
        raise SchemaError(f"{path} cannot be read", f"{error.strerror}.", "Check the path.") from None


def _lines(name: str, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield f"{name}:{number}", line


def _exchange(value: Any) -> Iterator[tuple[RouteKey, Any]]:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("method"), str)
        or not isinstance(value.get("path"), str)
    ):
        raise ValueError("an exchange has `method` and `path`")  # noqa: TRY004 - one way to say a line is bad
    key = RouteKey(value["method"].upper(), template_of(value["path"]), "request", "", "application/json")
    if "request" in value:
        yield replace(key, media=_media(value, "request_type")), value["request"]
    if "response" in value:
        status = str(value.get("status", 200))
        yield replace(key, direction="response", status=status, media=_media(value, "response_type")), value["response"]


def _media(value: dict[str, Any], name: str) -> str:
    return str(value.get(name, "application/json")).partition(";")[0].strip().lower()
