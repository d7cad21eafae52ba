"""Words out of letters that may be misread: where each begins, and which it is.

Rule: the letters of a reading, blanks or not, are parted so that words of the list cover most of them; of a longer word
one letter may be wrong, missing or too much. Time is linear in the letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LONG = 5
"""Letters from which a word may have one wrong."""
_LONGEST = 15
_WRONG = 2.5
"""Letters that a wrong one costs."""
_TELLING = 4
"""Letters of a word that says something."""
_COVERED = 0.6
"""Share of the letters that must be of words."""


@dataclass(frozen=True, slots=True)
class Listing:
    """words: as they are. without: a longer word with a letter dropped, and the word."""

    words: frozenset[str]
    without: dict[str, str]

    @classmethod
    def of(cls, words: Sequence[str]) -> Listing:
        dropped = {less: word for word in words if len(word) >= _LONG for less in _less(word)}
        return cls(frozenset(words), dropped)

    def worded(self, reading: str) -> str:
        """The reading as words of the list; "" when they do not cover it."""
        letters = reading.replace(" ", "")
        steps = self._steps(letters)
        words, covered, at = [], 0, len(letters)
        while at > 0:
            size, word = steps[at]
            covered += size if word else 0
            words.append(word or letters[at - size : at])
            at -= size
        if covered < _COVERED * len(letters) or not any(len(word) >= _TELLING for word in words if word in self.words):
            return ""
        return " ".join(reversed(words))

    def _steps(self, letters: str) -> list[tuple[int, str]]:
        """For each place, how many letters before it are taken together on the best way there, and as which word."""
        best, steps = [0.0], [(1, "")]
        for end in range(1, len(letters) + 1):
            score, step = best[end - 1] - 0.5, (1, "")
            for size in range(3, min(_LONGEST, end) + 1):
                word, gain = self._known(letters[end - size : end])
                if word and best[end - size] + gain > score:
                    score, step = best[end - size] + gain, (size, word)
            best.append(score)
            steps.append(step)
        return steps

    def _known(self, piece: str) -> tuple[str, float]:
        if piece in self.words:
            return piece, len(piece) - 0.5
        if len(piece) < _LONG - 1:
            return "", 0.0
        word = self.without.get(piece) or next(
            (less for less in _less(piece) if len(less) >= _LONG and less in self.words), ""
        )
        word = word or next(
            (self.without[less] for less in _less(piece) if len(piece) >= _LONG and less in self.without), ""
        )
        return word, len(piece) - _WRONG


def _less(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))
