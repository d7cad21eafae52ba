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
from clyra_proxy.genai.injection.encodings import HARMLESS, decoded
from clyra_proxy.genai.injection.folding import WordFolder, without_lookalikes
from clyra_proxy.genai.injection.lookalikes import translated
from clyra_proxy.genai.injection.normalise import Hidden, Normal, normalise
from clyra_proxy.genai.injection.packs import View

TEXTS = (View.PLAIN, View.DECODED, View.FOLDED)
"""Views that show running text, where rules for the plain view hold."""
_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_SPACED = re2.compile(r"\b(?:[\pL\pN][ \t._*|/\\~^-]{1,3}){4,}[\pL\pN]\b")
_WORTH_CUTTING = 4000
_AROUND = 3
_APART = "---"
_TWO = re.compile(r"[ \t]{2}")
_WIDE = re.compile(r"[ \t]{3,}")
_GAP = re.compile(r"[ \t._*|/\\~^-]")


@dataclass(frozen=True, slots=True)
class Look:
    """One view of a text, in UTF-8. tricks: what was undone for it, as ids (`base64`, `leet`); hidden: that is
    something innocent text does not do. at: where its first byte stands in the plain view, roughly."""

    view: View
    content: bytes
    tricks: tuple[str, ...] = ()
    hidden: bool = False
    at: int = 0


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
        inner = Normal(innermost.text) if innermost.text.isascii() else normalise(innermost.text)
        hidden = inner.broken or not HARMLESS.issuperset(tricks)
        yield Look(View.DECODED, _bytes(_changed(plain, inner.plain)), tricks, hidden)
        yield from _invisible(inner, tricks, folder)
        if hidden:
            yield from _opened(inner.plain, folder)


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
    latin = text if text.isascii() else without_lookalikes(text)
    yield from _folded(text, latin, folder)
    yield Look(View.LATIN, _bytes(text if text.isascii() else translated(text, _TRANSLITERATION)))
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
        yield Look(View.FOLDED, _bytes(_changed(text, folded)), tuple(tricks), True)


def _changed(before: str, after: str) -> str:
    """The lines of `after` that are not as they were, with some around them: the others have been looked at."""
    if len(after) < _WORTH_CUTTING:
        return after
    old, new = before.split("\n"), after.split("\n")
    if len(old) != len(new):
        return after
    kept: list[str] = []
    end = 0
    for number in (number for number, (was, line) in enumerate(zip(old, new, strict=True)) if was != line):
        start = max(end, number - _AROUND)
        if start > end:
            kept.append(_APART)
        end = max(end, number + _AROUND + 1)
        kept.extend(new[start:end])
    return "\n".join(kept)


def _joined_letters(text: str) -> str:
    """`i g n o r e   t h i s` as words; `i-g-n-o-r-e` likewise."""

    def joined(match: re2._Match) -> str:
        return _GAP.sub("", _TWO.sub("\x00", match[0])).replace("\x00", " ")

    return str(_SPACED.sub(joined, _WIDE.sub("  ", text))) if _SPACED.search(text) else text


class _Transliteration(dict[int, str | None]):
    """A table for `str.translate` that asks anyascii once for each character."""

    def __missing__(self, code: int) -> str:
        self[code] = written = anyascii(chr(code))
        return written


_TRANSLITERATION = _Transliteration()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
