"""One text for every way to write it, and what was written invisibly.

Guarantee: linear time on any text. The plain text is what a reader sees and a model reads: NFKC, without invisible
characters, quotes and dashes in ASCII, written-out line breaks (`\\n`) as blanks. What was hidden in characters that
show nothing (tags U+E0000, variation selectors, zero-width bits, reversed runs) comes back apart, because nobody
hides innocent sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from clyra_proxy.genai.injection.lookalikes import QUOTES, translated
from clyra_proxy.genai.normal_forms import foreign_characters, normal_form

_TAGS = re.compile("[\U000e0020-\U000e007e]{6,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")
_ZERO_WIDTH_RUN = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u180e]{24,}")
_OVERRIDE = re.compile("\u202e([^\u202c\u202d\u2069\n]+)")
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x20), 0x7F])
_BROKEN = re.compile("[A-Za-z][\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+[A-Za-z]")
_OFTEN = 3
_SYMBOLS = 4096


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text that was there without being seen. trick: how. at: where in the plain text, roughly."""

    trick: str
    text: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Normal:
    """broken: invisible characters stood between letters of words, again and again."""

    plain: str
    hidden: tuple[Hidden, ...] = ()
    broken: bool = False


def normalise(text: str) -> Normal:
    """The plain text and what was hidden in it."""
    hidden: tuple[Hidden, ...] = ()
    broken = False
    if not text.isascii():
        text = whole_characters(text)
        foreign = foreign_characters(text)
        if _INVISIBLE.search("".join(foreign)):
            hidden = _hidden_in(text)
            broken = len(list(islice(_BROKEN.finditer(text), _OFTEN))) == _OFTEN
            text = _INVISIBLE.sub("", text)
        text = translated(normal_form("NFKC", text), QUOTES)
    if "\\" in text:
        text = text.replace("\\n", " \n").replace("\\r", "  ").replace("\\t", "  ")
    return Normal(_printed(text), hidden, broken)


def _printed(text: str) -> str:
    """The text without control characters."""
    data = text.encode()
    kept = data.translate(None, _CONTROLS)
    return text if len(kept) == len(data) else kept.decode()


def whole_characters(text: str) -> str:
    """Surrogates in pairs made one character, single ones dropped."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text


def _hidden_in(text: str) -> tuple[Hidden, ...]:
    found = [
        *(
            Hidden("tags", "".join(chr(ord(mark) - 0xE0000) for mark in match[0]), match.start())
            for match in _TAGS.finditer(text)
        ),
        *(
            Hidden("selectors", _readable(bytes(_selected(ord(mark)) for mark in match[0])), match.start())
            for match in _SELECTORS.finditer(text)
        ),
        *(Hidden("zero_width", _spelled_by_bits(match[0]), match.start()) for match in _ZERO_WIDTH_RUN.finditer(text)),
        Hidden("bidi", " ".join(match[1][::-1] for match in _OVERRIDE.finditer(text))),
    ]
    return tuple(hidden for hidden in found if hidden.text)


def _selected(code: int) -> int:
    """The byte that a variation selector stands for (VS1 is 0)."""
    return code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16


def _spelled_by_bits(run: str) -> str:
    """What two zero-width characters spell in bits, a third one between letters or none; "" when nothing."""
    run = run[:_SYMBOLS]
    symbols = sorted(set(run), key=run.index)
    if not 2 <= len(symbols) <= 4:
        return ""
    for zero in symbols:
        for one in symbols:
            bits = "".join("0" if mark == zero else "1" for mark in run if mark in (zero, one))
            for width in (8, 7, 16):
                if zero != one and len(bits) >= 3 * width and (spelled := _readable(_bytes_of(bits, width))):
                    return spelled
    return ""


def _bytes_of(bits: str, width: int) -> bytes:
    values = (int(bits[start : start + width], 2) for start in range(0, len(bits) - width + 1, width))
    return bytes(value if value < 256 else 0 for value in values)


def _readable(data: bytes) -> str:
    """The bytes as text when nearly all of it is printable ASCII, else ""."""
    if len(data) < 3 or sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in data) < 0.95 * len(data):
        return ""
    return data.decode("ascii", "ignore")
