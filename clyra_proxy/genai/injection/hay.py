"""The text in which `sieve` looks for words: small letters, and every run of ASCII signs and blanks one blank.

Guarantees: linear time; a word of a pattern that matches without regard to case, as RE2 does it (Unicode's simple case
folding), stands in the hay wherever it stands in the text. Places are known SEGMENT bytes apart: segment n of the hay
is what begins at byte `starts[n]` of the text. Where small letters take other room than large ones, places are not
known, and the whole text is one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEGMENT = 64

_ASCII = bytes(range(128))
_BARE = bytes(code if code > 127 else ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(256))
_BLANKED = bytes(code if code < 128 else 32 for code in range(256))
_DOTTED, _STAND_IN = "İ", "\u07ff"
"""A capital without a small letter, for RE2; `str.lower` makes two characters of it."""


@dataclass(frozen=True, slots=True)
class Hay:
    """plain: the hay, in ASCII; blanks for the rest. foreign: the same with the rest, None when there is none.

    starts: where in the text each segment begins, and its end; (0, size) when places are not known.
    """

    plain: bytes
    foreign: bytes | None
    starts: list[int]

    @property
    def placed(self) -> bool:
        """Whether segments are places of the text."""
        return len(self.starts) != 2 or len(self.plain) <= SEGMENT


def small(character: str) -> str:
    """The character as it stands in a hay."""
    if character.isascii():
        return chr(_BARE[ord(character)])
    if character == _DOTTED:
        return _STAND_IN
    lower = character.lower()
    folded = lower.casefold()
    return folded if len(folded) == 1 else lower


@dataclass(frozen=True, slots=True)
class _Case:
    """How a foreign character is made small. left: what `str.lower` leaves to replace; even: it takes as much room."""

    left: tuple[str, str] | None
    even: bool


class _Cases(dict[str, _Case]):
    """Asks once for each character."""

    def __missing__(self, character: str) -> _Case:
        known, lower = small(character), _STAND_IN if character == _DOTTED else character.lower()
        even = len(known.encode("utf-8", "replace")) == len(character.encode("utf-8", "replace"))
        self[character] = case = _Case(None if known == lower else (lower, known), even)
        return case


_CASES = _Cases()


def hay_of(content: bytes) -> Hay:
    """The hay of a text in UTF-8."""
    if content.isascii():
        written, starts = _squeezed(content.translate(_BARE))
        return Hay(written, None, starts)
    lowered, known = _lowered(content)
    written, starts = _squeezed(lowered.translate(_BARE))
    return Hay(written.translate(_BLANKED), written, starts if known else [0, len(content)])


def _lowered(content: bytes) -> tuple[bytes, bool]:
    """The text in small letters, and whether each letter is where it was."""
    text = content.decode("utf-8", "replace")
    rest = content.translate(None, _ASCII).decode("utf-8", "replace")
    cases = [_CASES[character] for character in set(rest)]
    text = text.replace(_DOTTED, _STAND_IN).lower().replace("ς", "σ")
    for case in cases:
        if case.left is not None:
            text = text.replace(*case.left)
    lowered = text.encode("utf-8", "replace")
    return lowered, len(lowered) == len(content) and all(case.even for case in cases)


def _squeezed(written: bytes) -> tuple[bytes, list[int]]:
    """Without the blanks after blanks, one before and after all; where each segment began, and the end."""
    size = len(written)
    written = b" %b " % written
    if b"  " not in written:
        return written, [*range(0, size, SEGMENT), size]
    signs = np.frombuffer(written, np.uint8)
    blank = signs == 32
    kept = (~(blank[1:] & blank[:-1])).nonzero()[0]
    return b" " + signs[1:][kept].tobytes(), [0, *kept[SEGMENT - 1 :: SEGMENT].tolist(), size]
