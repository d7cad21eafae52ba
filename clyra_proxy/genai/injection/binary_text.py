"""Codes that spell bytes: base64 and its relatives, hex, binary, octal, decimal, Morse. Undone in place.

Rule: a run is replaced only when its bytes read as text (`readable`), and each run is looked at once, so the time is
linear. Base64 may hold gzip or zlib; it is opened to at most EXPANSION times the run. Runs that RE2 finds are found in
bytes: places in characters cost more than the search.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.injection.readable import text_of

EXPANSION = 8
_LEAST = 4096

_RUN = Pattern(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{8,})*={0,6}|\b[A-Za-z0-9+/]{4,}={1,2}")
_HEX = Pattern(r"(?:(?:\\x|0x|%|#|=)?[0-9A-Fa-f]{2}[ :,;-]{0,2}){8,}")
_HEX_SIGNS = re.compile(r"\\x|0x|[^0-9A-Fa-f]")
_NUMBERS = Pattern(r"(?:\\?[0-9]{1,3}[ ,;_-]{1,2}|\\[0-7]{3}|[01]{7,8}[ ,;_-]{0,2}){5,}[0-9]{0,8}")
_DIGITS = re.compile(r"[0-9]+")
_MORSE = re2.compile(r"(?:[.\-–·•_]{1,6}[ /|\t\n]{1,4}){5,}[.\-–·•_]{0,6}")
_MORSE_GAP = re.compile(r"[ \t]*[/|\n][ \t/|\n]*|[ \t]{2,}")
_ASCII85 = re2.compile(r"<~([!-uz\s]{10,})~>")


def base64_runs(text: str) -> str:
    """Base64, its URL-safe form and base32."""
    return _written_out(_RUN, _unpacked_run, text)


def _written_out(runs: Pattern, unpacked: Callable[[str], str | None], text: str) -> str:
    """The text with each run that can be unpacked written out between blanks. runs: of ASCII, and never empty."""
    data = text.encode()
    pieces: list[bytes] = []
    done = 0
    for start, end in runs.spans(data):
        found = unpacked(data[start:end].decode())
        if found is not None:
            pieces += [data[done:start], f" {found} ".encode()]
            done = end
    return b"".join([*pieces, data[done:]]).decode() if pieces else text


def _unpacked_run(run: str) -> str | None:
    packed = "".join(run.split())
    for data in _unpacked(packed):
        found = text_of(_opened(data, EXPANSION * len(packed) + _LEAST))
        if found is not None:
            return found
    return None


def _unpacked(packed: str) -> Iterator[bytes]:
    bare = packed.rstrip("=")
    if bare.islower() or bare.isupper():
        if bare.isalnum():
            try:
                yield base64.b32decode(bare.upper() + "=" * (-len(bare) % 8))
            except binascii.Error:
                return
        return
    if len(bare) % 4 != 1:
        yield base64.b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4))


def _opened(data: bytes, most: int) -> bytes:
    """The data itself, or what it holds when it is gzip or zlib."""
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        try:
            return zlib.decompressobj(47).decompress(data, most)
        except zlib.error:
            return data
    return data


def hex_runs(text: str) -> str:
    """Pairs of hexadecimal digits, with or without signs before and between them."""

    def unpacked(run: str) -> str | None:
        digits = _HEX_SIGNS.sub("", run)
        return text_of(bytes.fromhex(digits[: len(digits) // 2 * 2]))

    return _written_out(_HEX, unpacked, text)


def numbers(text: str) -> str:
    """Character codes in binary, octal or decimal, and letters as their numbers in the alphabet."""

    return _written_out(_NUMBERS, _spelled, text)


def _spelled(run: str) -> str | None:
    for codes in _readings(_DIGITS.findall(run)):
        found = text_of(bytes(code if code < 256 else 0 for code in codes))
        if found is not None:
            return found
    return None


def _readings(written: list[str]) -> Iterator[list[int]]:
    joined = "".join(written)
    if not joined.strip("01"):
        groups = [joined[start : start + 8] for start in range(0, len(joined) - 7, 8)]
        yield [int(group, 2) for group in (groups if any(len(group) > 8 for group in written) else written)]
        return
    if any(len(number) > 3 for number in written):
        return
    values = [int(number) for number in written]
    yield values
    if not joined.strip("01234567"):
        yield [int(number, 8) for number in written]
    if min(values) > 0 and max(values) <= 26:
        yield [value + 96 for value in values]


def morse(text: str) -> str:
    """Morse code with blanks between letters and slashes, bars, line ends or wide blanks between words."""

    def spelled(match: Any) -> str:
        words = _MORSE_GAP.split(match[0].translate(_MORSE_SIGNS))
        found = " ".join("".join(MORSE.get(sign, "") for sign in word.split()) for word in words)
        return f" {found} " if sum(character.isalpha() for character in found) >= 6 else str(match[0])

    return str(_MORSE.sub(spelled, text))


def ascii85(text: str) -> str:
    """Ascii85 between its own delimiters."""

    def unpacked(match: Any) -> str:
        try:
            found = text_of(base64.a85decode("".join(match[1].split())))
        except ValueError:
            return str(match[0])
        return str(match[0]) if found is None else f" {found} "

    return str(_ASCII85.sub(unpacked, text))


MORSE = dict(
    zip(
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
            "-----",
            ".----",
            "..---",
            "...--",
            "....-",
            ".....",
            "-....",
            "--...",
            "---..",
            "----.",
        ],
        "abcdefghijklmnopqrstuvwxyz0123456789",
        strict=True,
    )
)
_MORSE_SIGNS = str.maketrans("–·•_", "-..-")
