"""Codes that hold a text inside one long word: base64, base32, hex, character codes, compressed or not.

Rule: a run is decoded only when what comes out reads as text (or is a compressed text), so hashes, images and ids
cost one look. Depth, size and the total that is decoded for one window are bounded; time is linear in the window.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from clyra_proxy.genai.byte_patterns import Pattern

_MOST_TEXT = 65_536  # bytes one code may decode to
_PADDING = 4  # characters that base32 may have to fill up more than base64
_PEEK = 24  # bytes decoded to see whether the rest is worth it


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters `start` to `end` of the window say `text` in the code `name`."""

    name: str
    start: int
    end: int
    text: str


def decoded_runs(data: bytes) -> Iterator[Decoded]:
    """Every run of `data` (a byte a character) that reads as text in some code.

    Codes that are one long word are looked for in the words of base64, whose alphabet has all of theirs; codes that are
    a row of short groups share one look for whether there is such a row at all.
    """
    words = [*_WORDS.spans(data)]
    longest = max((end - start for start, end in words), default=0)
    row = _ANY_ROW.search(data)
    for code in _CODES:
        if code.where is _Where.ROWS:
            spans = code.pattern.spans(data, row[0]) if row else ()
        elif longest < code.shortest:
            continue
        elif code.where is _Where.TEXT:
            spans = code.pattern.spans(data)
        else:
            spans = code.within(data, words)
        for start, end in spans:
            text = as_text(code.decode(data[start:end]))
            if text is not None:
                yield Decoded(code.name, start, end, text)


def as_text(raw: bytes | None) -> str | None:
    """The text that bytes hold, decompressed where they are; None when they hold none."""
    if raw is None or len(raw) < 8:
        return None
    unpacked = _unpacked(raw)
    if unpacked is not None:
        raw = unpacked
    if raw[1:16:2].count(0) == len(raw[1:16:2]):
        raw = raw[::2]
    sample = raw[:512]
    readable = len(sample) - len(sample.translate(None, _READABLE))
    if readable * 10 >= len(sample) * 9 + 5:
        return raw[:_MOST_TEXT].decode("utf-8", "replace")
    try:
        text = sample.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return None
    return raw[:_MOST_TEXT].decode("utf-8", "replace") if text.isprintable() and readable * 2 > len(sample) else None


def _unpacked(raw: bytes) -> bytes | None:
    """What gzip, zlib or bzip2 packed, no more than the limit of it."""
    try:
        if raw[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(raw, _MOST_TEXT)
        if raw[:1] == b"\x78" and raw[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
            return zlib.decompressobj().decompress(raw, _MOST_TEXT)
        if raw[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(raw, _MOST_TEXT)
    except (zlib.error, OSError, ValueError, EOFError):
        return None
    return None


def _from_base64(run: bytes) -> bytes | None:
    body = run.translate(_URLSAFE, b"\r\n\t =")
    if len(body) % 4 == 1:
        body = body[:-1]
    head = _base64(body[: _PEEK // 3 * 4])
    if head is None or not _worthwhile(head):
        return None
    return _base64(body)


def _base64(body: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(body + b"=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return None


def _worthwhile(head: bytes) -> bool:
    """The first bytes read as text, or begin a compressed one."""
    if head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or (head[:1] == b"\x78" and head[1:2] in b"\x01\x5e\x9c\xda"):
        return True
    if not any(head[1::2]):
        return True
    strange = head.translate(None, _READABLE)
    return len(strange) * 2 <= len(head) and all(byte > 127 for byte in strange)


def _from_hex(run: bytes) -> bytes | None:
    digits = run.replace(b"0x", b"").replace(b"\\x", b"").translate(None, b" :,-;\n\r\t%")
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    except ValueError:
        return None


def _from_base32(run: bytes) -> bytes | None:
    body = run.rstrip(b"=")
    try:
        return base64.b32decode(body + b"=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        return None


def _from_codes(run: bytes, base: int = 10) -> bytes | None:
    numbers = run.replace(b",", b" ").replace(b";", b" ").replace(b"&#", b" ").split()
    try:
        values = [int(number, base) for number in numbers]
    except ValueError:
        return None
    return bytes(values) if all(value < 256 for value in values) else None


def _from_binary(run: bytes) -> bytes | None:
    digits = run.translate(None, b" ,\n")
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) // 8 * 8, 8))


_READABLE = bytes([9, 10, 13, *range(32, 127)])
_URLSAFE = bytes.maketrans(b"-_", b"+/")


class _Where(Enum):
    """Where a code is looked for: everywhere, in the words of base64, after the first row of groups."""

    TEXT = 0
    WORDS = 1
    ROWS = 2


@dataclass(frozen=True, slots=True)
class _Code:
    """One code. shortest: characters of a word of base64 that must be there for the code to be."""

    name: str
    pattern: Pattern
    decode: Callable[[bytes], bytes | None]
    where: _Where = _Where.TEXT
    shortest: int = 0

    def within(self, data: bytes, words: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where it stands in words that are long enough."""
        if self.pattern is _WORDS:
            yield from words
            return
        for start, end in words:
            if end - start >= self.shortest:
                yield from self.pattern.spans(data, start, min(end + _PADDING, len(data)))


_WORDS = Pattern(r"[A-Za-z0-9+/]{16,}={0,2}")
_HEX_ROW = r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}(?:[ :,;-]|, |\\x)){9,}(?:0x)?[0-9a-fA-F]{2}"
_CODE_ROW = r"(?:[0-9]{2,3}(?:, ?| |;)){9,}[0-9]{2,3}"
_BINARY_ROW = r"(?:[01]{8}[ ,\n]?){9,}"
_ANY_ROW = Pattern(f"{_HEX_ROW}|{_CODE_ROW}|{_BINARY_ROW}")
_CODES = (
    _Code("base64", _WORDS, _from_base64, _Where.WORDS, 16),
    _Code("base64", Pattern(r"[A-Za-z0-9]+[A-Za-z0-9_-]*[_-][A-Za-z0-9_-]{12,}={0,2}"), _from_base64),
    _Code(
        "base64",
        Pattern(r"(?:[A-Za-z0-9+/]{40,}[ \t]*\r?\n[ \t]*)+[A-Za-z0-9+/]{2,}={0,2}"),
        _from_base64,
        shortest=40,
    ),
    _Code("hex", Pattern(r"(?:[0-9a-fA-F]{2}){10,}"), _from_hex, _Where.WORDS, 20),
    _Code("hex", Pattern(_HEX_ROW), _from_hex, _Where.ROWS),
    _Code("base32", Pattern(r"[A-Z2-7]{24,}={0,6}"), _from_base32, _Where.WORDS, 24),
    _Code("codes", Pattern(_CODE_ROW), _from_codes, _Where.ROWS),
    _Code("binary", Pattern(_BINARY_ROW), _from_binary, _Where.ROWS),
)
