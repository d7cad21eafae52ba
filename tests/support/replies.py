"""What the fake upstream answers, as data: the same reply is served over HTTP/1.1 and HTTP/2.

A body is a sequence of steps: bytes are written as they stand (one write, one chunk, one DATA frame each), the other
steps are events on the wire (a pause, a stall, a death).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import brotli  # type: ignore[import-untyped]
import zstandard

from tests.support.journal import Message


@dataclass(frozen=True, slots=True)
class Pause:
    """Write nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Write nothing more; keep the connection open until the other side or the test ends it."""


@dataclass(frozen=True, slots=True)
class Die:
    """End in mid-body: `close` (FIN), `reset` (TCP RST), or for HTTP/2 `stream` (RST_STREAM)."""

    how: str = "reset"


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Go on when `condition()` is true (asked every 5 ms): ties a reply to what the test has seen."""

    condition: Callable[[], object]


type Step = bytes | Pause | Stall | Die | WaitUntil


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    framing: `auto` (Content-Length), `chunked`, `close` (ended by closing). HTTP/2 ignores it.
    coding: `gzip deflate br zstd` or "". informational: (status, headers) sent first, e.g. (103, ...).
    read_first: False answers before the request body is read ("early answer"); read_after says whether the rest of
    that body is then read, or the connection closed. slow_read: seconds between reads of the request body.
    raw: bytes written literally instead of all the rest (HTTP/1.1 only), then closed if close_after.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: Iterable[Step] = ()
    framing: str = "auto"
    coding: str = ""
    trailers: tuple[tuple[str, str], ...] = ()
    informational: tuple[tuple[int, tuple[tuple[str, str], ...]], ...] = ()
    read_first: bool = True
    read_after: bool = True
    slow_read: float = 0.0
    close_after: bool = False
    raw: bytes = b""
    reason: str = ""

    def prepared(self) -> Reply:
        """The same reply with its content coding applied."""
        if not self.coding:
            return self
        headers = (*self.headers, ("content-encoding", self.coding))
        return replace(self, headers=headers, body=encode(self.body, self.coding), coding="")


type Route = Reply | Callable[[Message], Reply]


@dataclass(slots=True)
class Routes:
    """Exact path -> reply. Whatever is not listed falls to the built-in paths (`tests.support.builtin`)."""

    table: dict[str, Route] = field(default_factory=dict)

    def __setitem__(self, path: str, route: Route) -> None:
        self.table[path] = route


def json_reply(document: bytes, **changes: Any) -> Reply:
    """A 200 with one JSON body, sent in one piece unless changed."""
    return replace(Reply(headers=(("content-type", "application/json"),), body=(document,)), **changes)


def split(body: bytes, size: int) -> tuple[bytes, ...]:
    """The body in pieces of `size` bytes."""
    return tuple(body[at : at + size] for at in range(0, len(body), size))


class _Zlib:
    def __init__(self, window: int) -> None:
        self._stream = zlib.compressobj(wbits=window)

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Compressor()

    def piece(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data) + self._stream.flush())

    def end(self) -> bytes:
        return bytes(self._stream.finish())


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor().compressobj()

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._stream.flush()


def _encoder(coding: str) -> _Zlib | _Brotli | _Zstd:
    match coding:
        case "gzip":
            return _Zlib(31)
        case "deflate":
            return _Zlib(15)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
    raise ValueError(f"no such content coding: {coding}")


def encode(body: Iterable[Step], coding: str) -> Iterator[Step]:
    """Compress the byte steps, each flushed so that it can be decoded as soon as it arrives."""
    encoder = _encoder(coding)
    for step in body:
        yield encoder.piece(step) if isinstance(step, bytes) else step
    yield encoder.end()


def compress(body: bytes, coding: str) -> bytes:
    """One-shot compression, for request bodies. coding "" returns the body."""
    if not coding:
        return body
    encoder = _encoder(coding)
    return encoder.piece(body) + encoder.end()
