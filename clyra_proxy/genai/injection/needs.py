"""What a text must hold for a pattern to match: words, read off the pattern before any text comes.

Guarantee: every match of a pattern, on any text, holds what its need says, in the text as `hay` writes it (small
letters, every run of ASCII signs and blanks one blank) and within so many bytes there. A word of any length is taken
for one of OPEN letters, any number of the same words for SEVERAL bytes; what may go on over anything else, or is not
understood, makes the pattern one that needs nothing and is run on the whole text: a need never says too much. The idea
is RE2's own prefilter (https://github.com/google/re2, `re2/prefilter.h`), which does not say where to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EDGE = "\b"
"""Stands in a string where a word must begin or end."""
OPEN = 40
SEVERAL = 400
FAR = 1 << 20
"""As good as no limit."""
_STRINGS = 600
"""How many strings a part may be before it counts as open, and how many neighbours may make together."""
_TOGETHER = 60
_RARE = 3
_COMMON = frozenset([
    "the", "you", "your", "all", "any", "this", "that", "and", "for", "not", "are", "our", "from", "with", "what",
    "his", "her", "its", "was", "will", "have", "has", "can", "of", "to", "in", "is", "it", "on", "me", "my", "do",
    "or", "as", "be", "we", "an", "by", "if", "at", "no", "up", "so", "he", "us", "go", "am", "now", "new", "use",
    "one", "out",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """One of these occurs; a blank at an end is an edge of a word. rarity: of the most common one, in letters."""

    any: frozenset[str]
    rarity: int


@dataclass(frozen=True, slots=True)
class Every:
    """All of them occur, within `reach` bytes; one after the other, when they are in order."""

    parts: tuple[Need, ...]
    reach: int
    in_order: bool = True

    @property
    def rarity(self) -> int:
        return max(part.rarity for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """One of them occurs."""

    parts: tuple[Need, ...]

    @property
    def rarity(self) -> int:
        return min(part.rarity for part in self.parts)


type Need = Words | Every | Either


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a pattern. exact: all it can be; None when that is open. need: of what is open. most: bytes.

    wordy: it holds no blank, so any number of it is one word.
    """

    exact: frozenset[str] | None
    need: Need | None
    most: int
    wordy: bool = False

    @property
    def needs(self) -> Need | None:
        """What any match of the part holds."""
        return words(self.exact) if self.exact is not None else self.need


NOTHING = Piece(frozenset([""]), None, 0)
BLANK = Piece(frozenset([" "]), None, 1)


def anything(most: int, *, wordy: bool = False) -> Piece:
    """One character of many."""
    return Piece(None, None, most, wordy)


def strings(exact: Iterable[str]) -> Piece:
    """One of these."""
    known = frozenset(exact)
    return Piece(known, None, max(map(_length, known)), " " not in "".join(known))


def in_a_row(pieces: Sequence[Piece]) -> Piece:
    """One after the other."""
    if len(pieces) == 1:
        return pieces[0]
    held: frozenset[str] = frozenset([""])
    needs: list[Need | None] = []
    for piece in pieces:
        if piece.exact is None:
            needs += [words(held), piece.need]
            held = frozenset([""])
        elif len(held) == 1 or len(piece.exact) == 1 or len(held) * len(piece.exact) <= _TOGETHER:
            held = frozenset(before + after for before in held for after in piece.exact)
        else:
            needs.append(words(held))
            edge = next((sign for sign in (" ", EDGE) if all(before.endswith(sign) for before in held)), "")
            held = frozenset(edge + after for after in piece.exact)
    most, wordy = sum(piece.most for piece in pieces), all(piece.wordy for piece in pieces)
    if not needs:
        return Piece(held, None, most, wordy)
    return Piece(None, every([*needs, words(held)], most, in_order=True), most, wordy)


def one_of(pieces: Sequence[Piece]) -> Piece:
    """Alternatives."""
    if len(pieces) == 1:
        return pieces[0]
    most, wordy = max(piece.most for piece in pieces), all(piece.wordy for piece in pieces)
    known = frozenset(one for piece in pieces for one in piece.exact or ())
    if all(piece.exact is not None for piece in pieces) and len(known) <= _STRINGS:
        return Piece(known, None, most, wordy)
    return Piece(None, either([piece.needs for piece in pieces]), most, wordy)


def repeated(piece: Piece, least: int, most: int | None) -> Piece:
    """The part so many times; most: None without an end."""
    exact = piece.exact
    if exact is not None and exact <= {"", " "}:
        return Piece(exact if least else exact | {""}, None, 1)
    if exact is not None and most == 1:
        return Piece(exact if least else exact | {""}, None, piece.most, piece.wordy)
    size = piece.most * most if most is not None else _endless(piece)
    return Piece(None, piece.needs if least else None, size, piece.wordy)


def _endless(piece: Piece) -> int:
    """Bytes that any number of this is taken for."""
    if piece.wordy:
        return piece.most * OPEN
    return max(SEVERAL, piece.most) if piece.exact is not None or piece.need is not None else FAR


def words(exact: Iterable[str]) -> Words | None:
    """The need of one of these strings; None when one of them says too little."""
    written = sorted({_written(one) for one in exact})
    if not written or min(map(_rarity, written)) == 0:
        return None
    kept: list[str] = []
    for one in written:
        if not kept or not one.startswith(kept[-1]):
            kept.append(one)
    return Words(frozenset(kept), min(map(_rarity, kept)))


def _written(one: str) -> str:
    """As it stands in the hay: blanks for edges beside a letter, none doubled. Only ASCII has edges there."""
    if not one.isascii():
        return _squeezed(one.replace(EDGE, ""))
    parts = one.split(EDGE)
    if len(parts) == 1:
        return _squeezed(one)
    edged = ("" if parts[0] else " ") + EDGE.join(parts).strip(EDGE) + ("" if parts[-1] else " ")
    return _squeezed(edged.replace(EDGE, ""))


def _squeezed(one: str) -> str:
    while "  " in one:
        one = one.replace("  ", " ")
    return one


def _length(one: str) -> int:
    return len(one) if one.isascii() else len(one.encode())


def _rarity(one: str) -> int:
    """How many letters say something; 0: nothing worth looking for."""
    bare = one.strip()
    if bare in _COMMON:
        return 1
    letters = _length(bare)
    if letters == 1:
        return 1 if len(one) == 3 else 0
    return letters + (len(one) - len(bare) == 2)


def every(needs: Iterable[Need | None], reach: int, *, in_order: bool) -> Need | None:
    """The need of all; of common words only when there are no others.

    in_order: each begins at or after the one before.
    """
    known = list(dict.fromkeys(need for need in needs if need is not None))
    rare = [need for need in known if need.rarity >= _RARE]
    kept = rare or sorted(known, key=lambda need: -need.rarity)[:1]
    return Every(tuple(kept), reach, in_order) if len(kept) > 1 else kept[0] if kept else None


def either(needs: Sequence[Need | None]) -> Need | None:
    """The need of one of them; None when one needs nothing."""
    known = [need for need in needs if need is not None]
    if len(known) < len(needs):
        return None
    bare = [need for need in known if isinstance(need, Words)]
    rest = list(dict.fromkeys(need for need in known if not isinstance(need, Words)))
    joined = [words(one for need in bare for one in need.any)] if bare else []
    parts = tuple(need for need in (*joined, *rest) if need is not None)
    return parts[0] if len(parts) == 1 else Either(parts)
