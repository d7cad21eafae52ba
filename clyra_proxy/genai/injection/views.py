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

from anyascii import anyascii

from clyra_proxy.genai.injection.ciphers import deciphered
from clyra_proxy.genai.injection.encodings import HARMLESS, decoded
from clyra_proxy.genai.injection.folding import WordFolder, without_lookalikes
from clyra_proxy.genai.injection.normalise import normalise
from clyra_proxy.genai.injection.packs import View

_PUNCTUATION = bytes(code for code in range(128) if not chr(code).isalnum())
_SPACED = re.compile(r"\b(?:\w[ \t._*|/\\~^-]{1,2}){4,}\w\b")
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
    normal = normalise(text)
    seen: set[bytes] = set()
    for look in _all(normal.plain, folder):
        if normal.broken and look.view is View.PLAIN:
            look = replace(look, tricks=("invisible",), hidden=True)
        if look.content not in seen or look.view in (View.LATIN, View.DESPACED):
            seen.add(look.content)
            yield look
    for hidden in normal.hidden:
        for look in _all(hidden.text, folder):
            yield Look(look.view, look.content, (hidden.trick, *look.tricks), True, hidden.at)


def _all(plain: str, folder: WordFolder) -> Iterator[Look]:
    yield Look(View.PLAIN, _bytes(plain))
    layers = list(decoded(plain))
    for layer in layers:
        tricks = tuple(layer.trick.split("+"))
        yield Look(View.DECODED, _bytes(layer.text), tricks, not HARMLESS.issuperset(tricks))
    for text in (plain, *(layer.text for layer in layers[-1:])):
        for undone in deciphered(text):
            yield Look(View.DECODED, _bytes(undone.text), (undone.trick,), True)
        yield from _folded(text, folder)
        yield Look(View.LATIN, _bytes(text if text.isascii() else anyascii(text)))
        yield Look(View.DESPACED, _despaced(text), ("despaced",), True)


def _folded(text: str, folder: WordFolder) -> Iterator[Look]:
    tricks: list[str] = []
    folded = text
    for trick, fold in (
        ("lookalikes", lambda given: given if given.isascii() else without_lookalikes(given)),
        ("spaced", _joined_letters),
        ("leet", folder.without_leet),
        ("slips", folder.without_slips),
    ):
        before, folded = folded, fold(folded)
        if folded != before:
            tricks.append(trick)
    if tricks:
        yield Look(View.FOLDED, _bytes(folded), tuple(tricks), True)


def _joined_letters(text: str) -> str:
    """`i g n o r e   t h i s` as words; `i-g-n-o-r-e` likewise."""

    def joined(match: re.Match[str]) -> str:
        return _GAP.sub("", re.sub(r"[ \t]{2}", "\x00", match[0])).replace("\x00", " ")

    return _SPACED.sub(joined, _WIDE.sub("  ", text)) if _SPACED.search(text) else text


def _despaced(text: str) -> bytes:
    folded = text if text.isascii() else without_lookalikes(text)
    return _bytes(folded).translate(None, _PUNCTUATION)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
