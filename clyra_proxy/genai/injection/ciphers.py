"""Letters put in place of letters: rotations, Atbash, reversal, pig Latin; found by what they make of attack words.

Rule: a cipher is undone only when the text holds at least two marker words as that cipher writes them; one automaton
looks for all of them at once. So ordinary text costs one pass and is never turned into noise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import ahocorasick_rs

from clyra_proxy.genai.injection.lookalikes import turned_over
from clyra_proxy.genai.injection.normalise import Hidden

_MARKERS = [
    "ignore",
    "disregard",
    "forget",
    "override",
    "bypass",
    "previous",
    "instructions",
    "instruction",
    "system",
    "prompt",
    "reveal",
    "rules",
    "guidelines",
    "restrictions",
    "unrestricted",
    "secret",
    "password",
    "print",
    "repeat",
    "following",
    "above",
    "developer",
    "mode",
    "answer",
    "without",
    "filter",
]
type _Undo = Callable[[str], str]

_WORD = re.compile(r"\w+")
_BARE = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or code == 95) else 32 for code in range(256)
)
"""Small letters, all that is not of a word blank."""
_BLOCK, _LONGEST = 1 << 14, 32
_LOWER = "abcdefghijklmnopqrstuvwxyz"


def _rotated(turn: int) -> str:
    return _LOWER[turn:] + _LOWER[:turn]


def _substituting(alphabet: str) -> _Undo:
    table = str.maketrans(_LOWER + _LOWER.upper(), alphabet + alphabet.upper())
    return lambda text: text.translate(table)


def _reversed(text: str) -> str:
    return text[::-1]


def _reversed_words(text: str) -> str:
    return _WORD.sub(lambda match: match[0][::-1], text)


def _pig(word: str) -> str:
    head = re.match(r"[^aeiou]*", word)
    start = head.end() if head else 0
    return word[start:] + word[:start] + "ay" if start else word + "way"


def _unpig(text: str) -> str:
    def turned(match: re.Match[str]) -> str:
        body = match[1]
        if body.endswith("w") and body[0].lower() in "aeiou":
            return body[:-1]
        tail = re.search(r"[^aeiou]{1,3}$", body)
        return tail[0] + body[: tail.start()] if tail else body

    return re.sub(r"\b([A-Za-z]{2,20})ay\b", turned, text)


@lru_cache(maxsize=1)
def _ciphers() -> tuple[ahocorasick_rs.BytesAhoCorasick, tuple[tuple[str, _Undo], ...], tuple[tuple[int, str], ...]]:
    """(automaton, ciphers with how to undo them, (cipher, marker) of each pattern)."""
    ways: list[tuple[str, _Undo, _Undo]] = [
        *((f"rot{turn}", _substituting(_rotated(turn)), _substituting(_rotated(-turn))) for turn in range(1, 26)),
        ("atbash", _substituting(_LOWER[::-1]), _substituting(_LOWER[::-1])),
        ("reversed", _reversed, _reversed),
        ("reversed_words", _reversed, _reversed_words),
        ("pig_latin", _pig, _unpig),
    ]
    marked = [(there_of(word), (index, word)) for index, (_, there_of, _) in enumerate(ways) for word in _MARKERS]
    automaton = ahocorasick_rs.BytesAhoCorasick([f" {marker} ".encode() for marker, _ in marked])
    return automaton, tuple((name, undo) for name, _, undo in ways), tuple(meaning for _, meaning in marked)


def deciphered(text: str) -> list[Hidden]:
    """The text under each cipher that it seems to be written in."""
    automaton, ways, meaning = _ciphers()
    counts: dict[int, set[str]] = {}
    words = b" %b " % text.encode("utf-8", "replace").translate(_BARE)
    for begin in range(0, len(words), _BLOCK):
        block = words[begin : begin + _BLOCK + _LONGEST]
        for index, _, _ in automaton.find_matches_as_indexes(block, overlapping=True):
            way, word = meaning[index]
            counts.setdefault(way, set()).add(word)
    found = [Hidden(ways[way][0], ways[way][1](text)) for way, words in sorted(counts.items()) if len(words) >= 2]
    if not text.isascii() and (upright := turned_over(text)) is not None:
        found.append(Hidden("upside_down", upright))
    return found
