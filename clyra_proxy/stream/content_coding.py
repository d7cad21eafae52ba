"""Undoing a content coding (RFC 9110 section 8.4.1) without ever holding more than one piece of the result.

Guarantees: a decoder yields pieces of at most `PIECE` bytes and asks the library for no more than that at a time, so a
bomb costs what one piece costs; it stops as soon as the ratio or the absolute limit is passed. One coding, one gzip
member, one zstd frame, one brotli stream: stacked codings and anything after the end are refused, because two readers
may disagree about them. Window memory is bounded by `BodyLimits.max_window` (brotli, zstd) or by the format (gzip).
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

import brotli  # type: ignore[import-untyped]
import zstandard

from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.zstd_blocks import ZstdBlocks, ZstdFormatError
from clyra_proxy.verdict.reasons import Reason

PIECE = 64 * 1024
"""Largest piece a decoder yields, in bytes."""
SLICE = 4 * 1024
"""Raw bytes decoded between two looks at the ratio: what a chunk will expand to must not depend on its size."""


class CodingError(Exception):
    """The body cannot be decoded safely. reason: CODING_BOMB or CODING_UNSUPPORTED; detail: facts for the finding."""

    def __init__(self, reason: Reason, **detail: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Decoder(ABC):
    """One body being decoded. consumed, produced: bytes so far. eager: see `decode`."""

    eager = True
    """True when every decoded byte that the raw bytes determine has been yielded when `decode` is exhausted."""

    def __init__(self, coding: str, limits: BodyLimits) -> None:
        self.coding = coding
        self.consumed = 0
        self.produced = 0
        self.ended = False
        self._limits = limits

    def decode(self, raw: bytes) -> Iterator[bytes]:
        """Yield what `raw` adds, in pieces. Must be exhausted before the next call. Raises CodingError."""
        if not raw:
            return
        for start in range(0, len(raw), SLICE):
            if self.ended:
                raise self._unsupported("data after the end")
            yield from self._decode_slice(raw[start : start + SLICE])

    def _decode_slice(self, raw: bytes) -> Iterator[bytes]:
        self.consumed += len(raw)
        limits = self._limits
        try:
            for piece in self._pieces(raw):
                self.produced += len(piece)
                if self.produced > limits.max_decoded:
                    raise CodingError(Reason.CODING_BOMB, coding=self.coding, limit=limits.max_decoded)
                if self.produced > limits.ratio_floor and self.produced > limits.max_ratio * self.consumed:
                    raise CodingError(
                        Reason.CODING_BOMB, coding=self.coding, max_ratio=limits.max_ratio, decoded=self.produced
                    )
                yield piece
        except (zlib.error, brotli.error, zstandard.ZstdError, ZstdFormatError) as error:
            raise self._unsupported("malformed") from error

    def flush(self) -> None:
        """The raw body ended. Raises CodingError when the coded stream did not."""
        if not self.ended:
            raise self._unsupported("incomplete")

    @abstractmethod
    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        """Pieces of at most `PIECE` bytes; sets `ended` at the end of the coded stream."""

    def _unsupported(self, why: str) -> CodingError:
        return CodingError(Reason.CODING_UNSUPPORTED, coding=self.coding, why=why)


class _Zlib(Decoder):
    """gzip (RFC 1952) and deflate in its zlib wrapping (RFC 1950). Inflate emits each symbol as it is read."""

    def __init__(self, coding: str, limits: BodyLimits) -> None:
        super().__init__(coding, limits)
        self._inflate = zlib.decompressobj(31 if coding == "gzip" else 15)

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        inflate = self._inflate
        while True:
            piece = inflate.decompress(raw, PIECE)
            if piece:
                yield piece
            raw = inflate.unconsumed_tail
            if inflate.eof:
                self.ended = True
                if inflate.unused_data:
                    raise self._unsupported("data after the end")
                return
            if not raw and len(piece) < PIECE:
                return


class _Brotli(Decoder):
    """br (RFC 7932). The library pushes its ring buffer whenever it wants more input, but fills all of it before."""

    def __init__(self, coding: str, limits: BodyLimits) -> None:
        super().__init__(coding, limits)
        self._stream = brotli.Decompressor()
        self._measured = False

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        if not self._measured:
            self._measured = True
            self._refuse_window(raw[0])
        stream = self._stream
        # The library may return up to twice its limit, so it is asked for half a piece.
        piece = stream.process(raw, output_buffer_limit=PIECE // 2)
        while piece:
            yield from _cut(piece)
            if stream.is_finished():
                break
            piece = stream.process(b"", output_buffer_limit=PIECE // 2)
        self.ended = stream.is_finished()

    def _refuse_window(self, first: int) -> None:
        """The stream's first bits are the size of the window (RFC 7932 section 9.1), and so of the library's memory."""
        exponent = 17 + (first >> 1 & 7) if first & 1 else 16
        if 1 << exponent > self._limits.max_window:
            limit = self._limits.max_window
            raise CodingError(Reason.CODING_BOMB, coding=self.coding, why="window", limit=limit, observed=1 << exponent)


class _Zstd(Decoder):
    """zstd (RFC 8878), fed block by block, because the library's push interface has no output limit."""

    eager = False  # a block is decoded only when all of it has come

    def __init__(self, coding: str, limits: BodyLimits) -> None:
        super().__init__(coding, limits)
        self._blocks = ZstdBlocks(limits.max_window)
        self._stream = zstandard.ZstdDecompressor(max_window_size=limits.max_window).decompressobj()

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        for block in self._blocks.split(raw):
            yield from _cut(self._stream.decompress(block))
        if self._blocks.ended:
            if not self._stream.eof:
                raise self._unsupported("malformed")
            self.ended = True


_CODINGS: dict[str, type[Decoder]] = {"gzip": _Zlib, "x-gzip": _Zlib, "deflate": _Zlib, "br": _Brotli, "zstd": _Zstd}


def open_decoder(content_encoding: str, limits: BodyLimits) -> Decoder | None:
    """A decoder for the Content-Encoding field value, or None when the body is not coded.

    Raises CodingError when the coding is unknown or more than one is applied.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    coded = [name for name in names if name not in ("", "identity")]
    if not coded:
        return None
    if len(coded) > 1:
        raise CodingError(Reason.CODING_UNSUPPORTED, why="more than one coding")
    made = _CODINGS.get(coded[0])
    if made is None:
        raise CodingError(Reason.CODING_UNSUPPORTED, why="unknown coding")
    return made("gzip" if coded[0] == "x-gzip" else coded[0], limits)


def _cut(data: bytes) -> Iterator[bytes]:
    if len(data) <= PIECE:
        if data:
            yield data
        return
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]
