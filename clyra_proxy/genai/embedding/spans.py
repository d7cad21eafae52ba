"""Cutting a text into the spans that are encoded.

Rule: a span is WORDS words and begins STEP words after the one before, so that no sentence of half a span is cut in
every one of them. What has no blanks (Han, kana, base64) counts LETTERS characters as a word, so a span never holds
more than WORDS * (LETTERS + 1) characters and the cost of one is bounded. Linear in the text.
"""

from __future__ import annotations

import re

WORDS = 40
STEP = 20
LETTERS = 24
_WORD = re.compile(rf"\S{{1,{LETTERS}}}")


def cut(text: str) -> list[str]:
    """The spans of a text in their order, at least one; the blanks between words count as one each."""
    words = [match.span() for match in _WORD.finditer(text)]
    if not words:
        return [""]
    last = max(0, len(words) - WORDS + STEP - 1) // STEP
    return [_joined(text, words[number * STEP : number * STEP + WORDS]) for number in range(last + 1)]


def _joined(text: str, words: list[tuple[int, int]]) -> str:
    """The words with one blank where the text has blanks, and none where a run without blanks was cut."""
    parts: list[str] = []
    before = words[0][0]
    for start, end in words:
        parts.append(text[start:end] if start == before else f" {text[start:end]}")
        before = end
    return "".join(parts)
