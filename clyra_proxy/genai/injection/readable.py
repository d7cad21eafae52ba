"""Whether bytes or characters that a decoder produced are text that somebody wrote.

Rule: an encoding is only looked into when what comes out reads as text; anything else (keys, hashes, images, words
that happen to fit an alphabet) is dropped, so that no rule ever runs on noise.
"""

from __future__ import annotations

import re

_LONGEST_SAMPLE = 4096
_WORD = re.compile(r"[^\W\d_]{2,}")


def text_of(data: bytes) -> str | None:
    """The bytes as UTF-8 (or UTF-16 with zero bytes between ASCII letters) when they read as text."""
    if len(data) < 6:
        return None
    if data[1::2].count(0) * 2 == len(data) - len(data) % 2:
        return _checked(data.decode("utf-16-le", "replace"))
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        if error.start < 0.9 * len(data):
            return None
        return _checked(data[: error.start].decode("utf-8", "ignore"))


def _checked(text: str) -> str | None:
    return text if reads_as_text(text) else None


def reads_as_text(text: str) -> bool:
    """True when the text is printable and mostly letters in words."""
    sample = text[:_LONGEST_SAMPLE]
    printable = sum(character.isprintable() or character in "\n\r\t" for character in sample)
    if printable < 0.97 * len(sample):
        return False
    return sum(len(word) for word in _WORD.findall(sample)) >= 0.5 * len(sample)
