"""The ways a text is looked at: as it reads, and with one disguise after the other taken off.

Rule: the plain view is always there; another is built only when the text holds what it undoes, and only looked at when
it differs from those before. Rules written for the plain view also hold on what was decoded or folded, because what
those views show is plain text again. `despaced` has no blanks or punctuation at all; `latin` is transliterated, so
that one rule meets a language with and without its diacritics and in Latin letters. Time and size of all views
together are linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import re2  # type: ignore[import-untyped]
from anyascii import anyascii

from clyra_proxy.genai.injection.ciphers import deciphered
from clyra_proxy.genai.injection.cutting import Cut, cut, whole_place
from clyra_proxy.genai.injection.encodings import HARMLESS, decoded
from clyra_proxy.genai.injection.folding import WordFolder, without_lookalikes
from clyra_proxy.genai.injection.lookalikes import Translation, translated
from clyra_proxy.genai.injection.normalise import Hidden, Normal, normalise
from clyra_proxy.genai.injection.packs import View
from clyra_proxy.genai.normal_forms import foreign_characters

TEXTS = (View.PLAIN, View.DECODED, View.FOLDED)
"""Views that show running text, where rules for the plain view hold."""
_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_SPACED = re2.compile(r"\b(?:[\pL\pN][ \t._*|/\\~^-]{1,3}){4,}[\pL\pN]\b")
_TWO = re.compile(r"[ \t]{2}")
_WIDE = re.compile(r"[ \t]{3,}")
_GAP = re.compile(r"[ \t._*|/\\~^-]")


@dataclass(frozen=True, slots=True)
class Look:
    """One view of a text, in UTF-8. tricks: what was undone for it, as ids (`base64`, `leet`); hidden: that is
    something innocent text does not do. at: where its first byte stands in the plain view, roughly; cuts: the ways
    back to it where only a part of the text is shown, the innermost first."""

    view: View
    content: bytes
    tricks: tuple[str, ...] = ()
    hidden: bool = False
    at: int = 0
    cuts: tuple[Cut, ...] = ()

    def place(self, byte: int) -> int:
        """Where a byte of this view stands in the plain view, roughly."""
        byte += self.at
        for way in self.cuts:
            byte = whole_place(way, byte)
        return byte


def looks(text: str, folder: WordFolder) -> Iterator[Look]:
    """Every view of the text that is worth a look, the plain one first, none twice."""
    seen: set[tuple[View | None, bytes]] = set()
    for look in _all(normalise(text), folder):
        key = (None if look.view in TEXTS else look.view, look.content)
        if key not in seen:
            seen.add(key)
            yield look


def _all(normal: Normal, folder: WordFolder) -> Iterator[Look]:
    plain = normal.plain
    yield Look(View.PLAIN, _bytes(plain), ("invisible",) * normal.broken, normal.broken)
    yield from _invisible(normal, (), folder)
    yield from _opened(plain, folder)
    innermost = Hidden("", plain)
    for layer in decoded(plain):
        innermost = layer
    if innermost.trick:
        tricks = tuple(innermost.trick.split("+"))
        new, way = cut(_bytes(plain), _bytes(innermost.text))
        inner = Normal(new.decode()) if innermost.text.isascii() else normalise(new.decode())
        hidden = inner.broken or not HARMLESS.issuperset(tricks)
        yield Look(View.DECODED, _bytes(inner.plain), tricks, hidden, cuts=(way,))
        for look in (*_invisible(inner, tricks, folder), *(_opened(inner.plain, folder) if hidden else ())):
            yield replace(look, cuts=(*look.cuts, way))


def _invisible(normal: Normal, tricks: tuple[str, ...], folder: WordFolder) -> Iterator[Look]:
    for hidden in normal.hidden:
        if hidden.trick != "bidi":
            yield Look(View.HIDDEN, _bytes(hidden.text), (*tricks, hidden.trick), True, hidden.at)
        yield Look(View.DECODED, _bytes(hidden.text), (*tricks, hidden.trick), True, hidden.at)
        for look in _opened(hidden.text, folder):
            yield replace(look, tricks=(*tricks, hidden.trick, *look.tricks), hidden=True, at=hidden.at)


def _opened(text: str, folder: WordFolder) -> Iterator[Look]:
    for undone in deciphered(text):
        yield Look(View.DECODED, _bytes(undone.text), (undone.trick,), True)
    foreign = foreign_characters(text) if not text.isascii() else frozenset()
    latin = without_lookalikes(text, foreign) if foreign else text
    yield from _folded(text, latin, folder)
    yield Look(View.LATIN, _bytes(translated(text, _TRANSLITERATION, foreign)))
    yield Look(View.DESPACED, _bytes(latin).translate(None, _PUNCTUATION), ("despaced",), True)


def _folded(text: str, latin: str, folder: WordFolder) -> Iterator[Look]:
    tricks = [] if latin == text else ["lookalikes"]
    folded = latin
    for trick, fold in (
        ("spaced", _joined_letters),
        ("leet", folder.without_leet),
        ("slips", folder.without_slips),
    ):
        before, folded = folded, fold(folded)
        if folded != before:
            tricks.append(trick)
    if tricks:
        new, way = cut(_bytes(text), _bytes(folded))
        yield Look(View.FOLDED, new, tuple(tricks), True, cuts=(way,))


def _joined_letters(text: str) -> str:
    """`i g n o r e   t h i s` as words; `i-g-n-o-r-e` likewise."""

    def joined(match: re2._Match) -> str:
        return _GAP.sub("", _TWO.sub("\x00", match[0])).replace("\x00", " ")

    return str(_SPACED.sub(joined, _WIDE.sub("  ", text))) if _SPACED.search(text) else text


class _Transliteration(dict[int, str]):
    """A table for `str.translate`: what anyascii writes for a character."""

    def __missing__(self, code: int) -> str:
        return anyascii(chr(code))


_TRANSLITERATION = Translation(_Transliteration())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
