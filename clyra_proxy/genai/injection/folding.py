"""Words written with other signs: look-alikes, leetspeak, shuffled and mistyped letters, brought back to plain letters.

Rule: folding only rewrites what is not plain already; where a sign can be two letters (`1`) or a word can be a slip,
the words that the rule packs look for decide. Linear: each word is looked at once, a mistyped word against a table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from clyra_proxy.genai.injection.lookalikes import LEET, folding, translated

_TOKEN = re.compile(r"[A-Za-z0-9@$+!|€]+")
_LEET_PAIR = re.compile(r"[A-Za-z][0-9@$+!|€]|[0-9@$+|€][A-Za-z]")
_LONGEST = 40
_WORD = re.compile(r"[A-Za-z]{5,14}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LITERAL = re.compile(r"(?<![\\a-z])[a-z]{3,14}(?![a-z])")
_LEAST_TYPO = 6
_INFLECTED = ("ed", "er", "ers", "ing", "ings", "ally", "ly")


def without_lookalikes(text: str) -> str:
    """Letters of other alphabets that look Latin become Latin; diacritics and other combining marks go."""
    return translated(unicodedata.normalize("NFKD", text), folding())


class WordFolder:
    """Knows the words of the packs. words: lower-case ASCII."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._drawn = {_drawn(word): word for word in sorted(self._words)}
        self._shuffled: dict[str, str] = {}
        self._slips: dict[str, str] = {}
        for word in sorted(self._words):
            if len(word) >= _LEAST_TYPO and not word.endswith(_INFLECTED):
                self._shuffled.setdefault(_shuffle_key(word), word)
                for slip in _slips_of(word):
                    self._slips.setdefault(slip, word)
        self._ends = {(word[0], word[-1], len(word)) for word in self._shuffled.values()}

    def without_leet(self, text: str) -> str:
        """Words with digits and signs for letters, written with letters; unchanged when none is a word of the packs."""
        changed: dict[str, str] = {}
        for token in set(_TOKEN.findall(text)):
            if not token.isalpha() and len(token) <= _LONGEST and _LEET_PAIR.search(token):
                changed[token] = self._unleeted(token)
        if self._words.isdisjoint(word.rstrip("!|+") for word in changed.values()):
            return text
        return _TOKEN.sub(lambda match: changed.get(match[0], match[0]), text)

    def _unleeted(self, word: str) -> str:
        body = word.rstrip("!|+")
        letters = body.lower().translate(LEET)
        return self._drawn.get(_drawn(letters), letters.replace("1", "i")) + word[len(body) :]

    def without_slips(self, text: str) -> str:
        """Shuffled or mistyped words of the packs written right. The same text when there are fewer than two."""
        repaired: dict[str, str] = {}
        for word in set(_WORD.findall(text)):
            lower = word.lower()
            if lower in self._words:
                continue
            right = self._slips.get(lower)
            if right is None and (lower[0], lower[-1], len(lower)) in self._ends:
                right = self._shuffled.get(_shuffle_key(lower))
            if right is not None:
                repaired[word] = right
        if len(repaired) < 2:
            return text
        return _WORD.sub(lambda match: repaired.get(match[0], match[0]), text)


def words_of(patterns: Iterable[str]) -> set[str]:
    """The plain words in patterns."""
    return {word for pattern in patterns for word in _LITERAL.findall(pattern)}


def _drawn(word: str) -> str:
    """The word with everything that can be an i or an l made the same."""
    return word.replace("1", "l").replace("i", "l")


def _shuffle_key(word: str) -> str:
    return word[0] + "".join(sorted(word[1:-1])) + word[-1]


def _slips_of(word: str) -> Iterable[str]:
    """The word with one letter dropped, doubled or changed places, unless that is an inflection of it."""
    for place in range(1, len(word) - 1):
        yield word[:place] + word[place + 1 :]
        yield word[:place] + word[place] + word[place:]
        yield word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
