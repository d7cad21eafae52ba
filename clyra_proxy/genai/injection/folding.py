"""Words written with other signs: look-alikes, leetspeak, shuffled and mistyped letters, brought back to plain letters.

Rule: folding only rewrites what is not plain already; where a sign can be two letters (`1`) or a word can be a slip,
the words that the rule packs look for decide. Linear: each word is looked at once, a mistyped word against a table;
whether there is anything to look at is asked of bytes, so that ordinary text costs little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import ahocorasick_rs

from clyra_proxy.genai.injection.lookalikes import LEET, folding, translated
from clyra_proxy.genai.normal_forms import normal_form

_TOKEN = re.compile(r"([A-Za-z0-9@$+!|€]+)")
_LEET_PAIR = re.compile(r"[A-Za-z][0-9@$+!|€]|[0-9@$+|€][A-Za-z]")
_EURO = "€".encode()
_SIGNS = bytes(
    97 if chr(code).isalpha() and code < 128 else 49 if chr(code) in "0123456789@$+|" else code if code == 33 else 32
    for code in range(256)
)
"""Letters as `a`, digits and signs that stand for letters as `1` or `!`, all else blank."""
_LETTERS = bytes(ord(chr(code).lower()) if chr(code).isalpha() and code < 128 else 32 for code in range(256))
"""Small letters, all else blank."""
_LONGEST = 40
_WORD = re.compile(r"([A-Za-z]{5,14})")
_SHORTEST, _LONGEST_WORD = 5, 14
_LITERAL = re.compile(r"(?<![\\a-z])[a-z]{3,14}(?![a-z])")
_LEAST_TYPO = 6
_INSIDE = {
    _TOKEN: frozenset(code for code in range(128) if chr(code).isalnum() or chr(code) in "@$+!|"),
    _WORD: frozenset(code for code in range(128) if chr(code).isalpha()),
}
_SHORT_TEXT = 4000
"""Characters from which it is worth it to look for the words that change alone."""
_INFLECTED = ("ed", "er", "ers", "ing", "ings", "ally", "ly")


def without_lookalikes(text: str, foreign: frozenset[str] | None = None) -> str:
    """Letters of other alphabets that look Latin become Latin; diacritics and other combining marks go.

    foreign: the characters of the text that are not ASCII, where they are known.
    """
    apart = normal_form("NFKD", text)
    return translated(apart, folding(), foreign if apart == text else None)


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
        changed = {token: self._unleeted(token) for token in _leet_tokens(text)}
        if self._words.isdisjoint(word.rstrip("!|+") for word in changed.values()):
            return text
        by = {token: new for token, new in changed.items() if new != token}
        if len(text) < _SHORT_TEXT or "€" in text:
            return _replaced(_TOKEN, text, by)
        data = text.encode("utf-8", "replace")
        return _replaced_in(data, data, by, _INSIDE[_TOKEN])[0].decode()

    def _unleeted(self, word: str) -> str:
        body = word.rstrip("!|+")
        letters = body.lower().translate(LEET)
        return self._drawn.get(_drawn(letters), letters.replace("1", "i")) + word[len(body) :]

    def without_slips(self, text: str) -> str:
        """Shuffled or mistyped words of the packs written right. The same text when there are fewer than two."""
        words, parts = _words_in(text)
        wrong = self._righted(words | parts)
        if not wrong:
            return text
        if len(text) >= _SHORT_TEXT and parts.isdisjoint(wrong):
            data = text.encode("utf-8", "replace")
            repaired, spellings = _replaced_in(data, data.translate(_LETTERS), wrong, _INSIDE[_WORD])
            return repaired.decode() if len(spellings) > 1 else text
        by = {word: wrong[lower] for word in set(_WORD.findall(text)) if (lower := word.lower()) in wrong}
        return text if len(by) < 2 else _replaced(_WORD, text, by)

    def _righted(self, words: set[str]) -> dict[str, str]:
        """The words that are slips of words of the packs, with those."""
        words -= self._words
        slips = words & self._slips.keys()
        right = {word: self._slips[word] for word in slips}
        for word in words - slips:
            if (word[0], word[-1], len(word)) in self._ends and (known := self._shuffled.get(_shuffle_key(word))):
                right[word] = known
        return right


def _replaced(parts: re.Pattern[str], text: str, by: dict[str, str]) -> str:
    """The text with some of its words replaced. parts: one group, the word."""
    pieces = parts.split(text)
    words = pieces[1::2]
    pieces[1::2] = map(by.get, words, words)
    return "".join(pieces)


def _replaced_in(data: bytes, hay: bytes, by: dict[str, str], inside: frozenset[int]) -> tuple[bytes, set[bytes]]:
    """The same for a long text, which is touched only where it changes; and what was replaced.

    hay: where the words are looked for, byte by byte as long. inside: the bytes of it that words are made of.
    """
    new = [word.encode() for word in by.values()]
    automaton = ahocorasick_rs.BytesAhoCorasick([word.encode() for word in by])
    pieces: list[bytes] = []
    spellings: set[bytes] = set()
    done, size = 0, len(data)
    for number, start, end in automaton.find_matches_as_indexes(hay, overlapping=True):
        if (end < size and hay[end] in inside) or (start and hay[start - 1] in inside):
            continue
        spellings.add(data[start:end])
        pieces += (data[done:start], new[number])
        done = end
    return b"".join([*pieces, data[done:]]), spellings


def _leet_tokens(text: str) -> set[str]:
    """The tokens in which a sign or a digit stands beside a letter."""
    data = text.encode("utf-8", "replace")
    if _EURO in data:
        return {
            token
            for token in set(_TOKEN.findall(text))
            if not token.isalpha() and len(token) <= _LONGEST and _LEET_PAIR.search(token)
        }
    signs = data.translate(_SIGNS)
    found: set[bytes] = set()
    for pair in (b"a1", b"1a", b"a!"):
        at = signs.find(pair)
        while at >= 0:
            start, end = signs.rfind(b" ", 0, at) + 1, signs.find(b" ", at)
            end = len(signs) if end < 0 else end
            if end - start <= _LONGEST:
                found.add(data[start:end])
            at = signs.find(pair, end)
    return {token.decode() for token in found}


def _words_in(text: str) -> tuple[set[str], set[str]]:
    """The words that `_WORD` finds, in small letters: whole ones, and parts of longer ones."""
    written = set(text.encode("utf-8", "replace").translate(_LETTERS).decode("ascii").split())
    words = {word for word in written if len(word) >= _SHORTEST}
    long = {word for word in words if len(word) > _LONGEST_WORD}
    return words - long, {part for word in long for part in _WORD.findall(word)}


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
