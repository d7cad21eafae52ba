"""Text as the BEC rules see it: lower case, without accents, with one form of what people write in several.

Rule: packs and texts go through the same folding, so that a pack is written in plain letters and still matches text
with or without accents, vowel signs or typographic marks. Linear in the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from clyra_proxy.genai.normal_forms import normal_form
from clyra_proxy.genai.references import unescaped

_MARKS = (
    *range(0x0300, 0x0370),  # combining diacritical marks
    *range(0x0591, 0x05C8),  # Hebrew points
    *range(0x0610, 0x061B),
    *range(0x064B, 0x0660),  # Arabic vowel signs
    0x0670,
    0x0640,  # tatweel
)
_INVISIBLE = (0x00AD, 0x034F, 0x061C, 0x115F, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F),
              *range(0x2060, 0x2070), 0xFEFF, *range(0xE0000, 0xE0080))  # fmt: skip
_ONE_FORM = str.maketrans(
    {
        "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ة": "ه", "ى": "ي", "ؤ": "و", "ئ": "ي", "ی": "ي", "ک": "ك",
        "’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "‐": "-", "‑": "-", "–": "-", "—": "-", "ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe",
    }
)  # fmt: skip
_SURROGATES = range(0xD800, 0xE000)
_DROPPED = dict.fromkeys((*_MARKS, *_INVISIBLE, *_SURROGATES))


SHORT_RUN = 24
"""Characters; longer runs are seldom seen twice, so they are not remembered."""

_LONGEST_RUN = 4096
"""Characters that are folded in one piece, so that other threads get their turn between two."""

_LINES = ("<br", "<p", "</p", "<div", "</div", "<li", "<tr", "</tr", "<h", "</h")

_FOREIGN = re.compile(rf"[^\x00-\x7f]{{1,{_LONGEST_RUN}}}")


_TAG = re.compile(r"(?<!<)</?[A-Za-z][^<>]{0,2000}>(?!>)")
_ADDRESS = re.compile(r"https?://[^\s\"'<>]{1,300}")


def fold(text: str) -> str:
    """The folded form. Offsets are not kept."""
    if "<" in text:
        text = _TAG.sub(_untagged, text)
    return _FOREIGN.sub(_fold_run, unescaped(text).lower())


def _untagged(found: re.Match[str]) -> str:
    """Of an HTML tag: its addresses, and a line's end where one is shown."""
    tag = found[0]
    end = "\n" if tag.lower().startswith(_LINES) else " "
    return end + " ".join(_ADDRESS.findall(tag)) + end if "http" in tag else end


def _fold_run(found: re.Match[str]) -> str:
    return _fold_piece(found[0]) if len(found[0]) <= SHORT_RUN else _folded(found[0])


@lru_cache(maxsize=8192)
def _fold_piece(piece: str) -> str:
    return _folded(piece)


def _folded(text: str) -> str:
    decomposed = normal_form("NFKD", text.casefold())
    return normal_form("NFKC", decomposed.translate(_DROPPED)).translate(_ONE_FORM)


_WORD = re.compile(r"[^\W_]+")
_ASCII_WORDS = "".join(character if character.isalnum() else " " for character in map(chr, range(128)))


def spaced(folded: str) -> str:
    """The words of a folded text, one blank between two, before the first and after the last."""
    words = folded.translate(_ASCII_WORDS).split() if folded.isascii() else _WORD.findall(folded)
    return f" {' '.join(words)} "
