"""Cutting a zstd frame (RFC 8878 section 3.1.1) into its header and blocks, as they come.

A block expands to at most 128 KiB, whatever its coded size, so a decompressor that is given one block at a time can
never produce more than that in one call. This module reads lengths only; the library stays the judge of the content.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAGIC = b"\x28\xb5\x2f\xfd"
_LARGEST_BLOCK = 128 * 1024
_RAW, _RLE, _RESERVED = 0, 1, 3


class ZstdFormatError(Exception):
    """Not one well-formed zstd frame, or one whose window is larger than allowed."""


class ZstdBlocks:
    """Splits one frame. ended: the frame's last byte has been handed out."""

    def __init__(self, max_window: int) -> None:
        self.ended = False
        self._max_window = max_window
        self._held = b""
        self._in_frame = False
        self._checksum = False
        self._last = False  # the last block has been handed out
        self._pending_last = False  # the block now being measured is the last

    def split(self, raw: bytes) -> Iterator[bytes]:
        """Yield the complete units (header, blocks, checksum) that `raw` completes. Raises ZstdFormatError."""
        data = self._held + raw
        at = 0
        while size := self._next_size(data, at):
            if at + size > len(data):
                break
            yield data[at : at + size]
            at += size
            self._advance()
        self._held = data[at:]
        if self.ended and self._held:
            raise ZstdFormatError

    def _next_size(self, data: bytes, at: int) -> int:
        """Bytes of the unit at `at`, 0 when that cannot be told yet or nothing more belongs to the frame."""
        if self.ended:
            return 0
        if not self._in_frame:
            return self._header_size(data, at)
        if self._last:
            return 4
        if len(data) - at < 3:
            return 0
        word = int.from_bytes(data[at : at + 3], "little")
        kind, size = (word >> 1) & 3, word >> 3
        if kind == _RESERVED or size > _LARGEST_BLOCK:
            raise ZstdFormatError
        self._pending_last = bool(word & 1)
        return 3 + (1 if kind == _RLE else size)

    def _advance(self) -> None:
        if not self._in_frame:
            self._in_frame = True
        elif self._last:
            self.ended = True
        elif self._pending_last:
            self._last = True
            self.ended = not self._checksum

    def _header_size(self, data: bytes, at: int) -> int:
        have = len(data) - at
        if data[at : at + 4] != _MAGIC[:have]:
            raise ZstdFormatError
        if have < 5:
            return 0
        descriptor = data[at + 4]
        single = bool(descriptor & 0x20)
        dictionary = (0, 1, 2, 4)[descriptor & 3]
        content = (int(single), 2, 4, 8)[descriptor >> 6]
        size = 5 + (not single) + dictionary + content
        if dictionary or descriptor & 0x08:
            raise ZstdFormatError
        if have < size:
            return 0
        if single:
            window = int.from_bytes(data[at + size - content : at + size], "little") + (256 if content == 2 else 0)
        else:
            exponent, mantissa = data[at + 5] >> 3, data[at + 5] & 7
            window = (1 << (10 + exponent)) + ((1 << (10 + exponent)) // 8) * mantissa
        if window > self._max_window:
            raise ZstdFormatError
        self._checksum = bool(descriptor & 0x04)
        return size
