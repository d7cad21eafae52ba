"""Reading an RE2 pattern for what its matches must hold; see `needs`.

Rule: only the syntax that the packs use is understood (https://github.com/google/re2/wiki/Syntax); for anything else,
and for a pattern whose matches may be longer than LONGEST, the answer is that it needs nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from clyra_proxy.genai.injection.hay import small
from clyra_proxy.genai.injection.needs import (
    BLANK,
    EDGE,
    NOTHING,
    Need,
    Piece,
    anything,
    in_a_row,
    one_of,
    repeated,
    strings,
)

LONGEST = 2000
"""Bytes that a match may have."""
_DEPTH = 60
_FLAGS = ("(?i)", "(?m)", "(?s)")
_GROUPS = ("(?:", "(?i:", "(?-i:")
_TIMES = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_WRITTEN = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_PLAIN = re.compile(r"[^\\\[\](){}|?*+.^$]+(?![?*+{])")
_FEW = 6
_RANGE = 8
_BLANKS = frozenset(" \t\n\r\f")
_PARENTHESES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)
_SEVERAL, _MANY = "\x1e", "\x1f"
"""Stand for many characters of a class: ASCII only, and any."""


class _UnknownSyntaxError(Exception):
    """Syntax that this reader does not know."""


@lru_cache(maxsize=4096)
def need_of(pattern: str) -> tuple[Need | None, int]:
    """What every match holds (None: nothing in particular) and how many bytes it has at most."""
    piece = piece_of(pattern)
    return (None, LONGEST) if piece is None or piece.most > LONGEST else (piece.needs, piece.most)


def piece_of(pattern: str) -> Piece | None:
    """What is known of its matches; None for syntax that is not understood."""
    try:
        return _Reader(pattern).pattern()
    except (_UnknownSyntaxError, LookupError, ValueError):
        return None


_KNOWN: dict[str, Piece] = {}
"""What has been read of groups: word lists stand in many patterns. Patterns are data of packs and policies, not of
traffic, so there are not many."""


def _ends_of_groups(pattern: str) -> dict[int, int]:
    """Where the group that is opened at a place ends."""
    opened: list[int] = []
    ends: dict[int, int] = {}
    for sign in _PARENTHESES.finditer(pattern):
        if sign[0] == "(":
            opened.append(sign.start())
        elif sign[0] == ")" and opened:
            ends[opened.pop()] = sign.end()
    return ends


class _Reader:
    """Recursive descent over one pattern. at: the next character."""

    def __init__(self, pattern: str) -> None:
        self._text, self._at, self._depth = pattern, 0, 0
        self._ends = _ends_of_groups(pattern)

    def pattern(self) -> Piece:
        piece = self._alternatives()
        if self._at != len(self._text):
            raise _UnknownSyntaxError
        return piece

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, length: int = 1) -> str:
        self._at += length
        return self._text[self._at - length : self._at]

    def _alternatives(self) -> Piece:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _UnknownSyntaxError
        pieces = [self._row()]
        while self._next() == "|":
            self._take()
            pieces.append(self._row())
        self._depth -= 1
        return one_of(pieces)

    def _row(self) -> Piece:
        pieces = [NOTHING]
        while self._next() not in ("", "|", ")"):
            pieces.append(self._times(self._atom()))
        return in_a_row(pieces)

    def _times(self, piece: Piece) -> Piece:
        while (sign := self._next()) and sign in "?*+{":
            least, most = _TIMES[self._take()] if sign != "{" else self._counted()
            if self._next() == "?":
                self._take()
            piece = repeated(piece, least, most)
        return piece

    def _counted(self) -> tuple[int, int | None]:
        end = self._text.index("}", self._at)
        least, comma, most = self._take(end + 1 - self._at)[1:-1].partition(",")
        return int(least), int(most) if most else None if comma else int(least)

    def _atom(self) -> Piece:
        match self._next():
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                self._take()
                return anything(4)
            case "^" | "$":
                self._take()
                return NOTHING
        if plain := _PLAIN.match(self._text, self._at):
            return strings(["".join(map(small, self._take(plain.end() - plain.start())))])
        return strings([small(self._take())])

    def _group(self) -> Piece:
        for flag in _FLAGS:
            if self._text.startswith(flag, self._at):
                self._take(len(flag))
                return NOTHING
        end = self._ends[self._at]
        written = self._text[self._at : end]
        if (known := _KNOWN.get(written)) is not None:
            self._at = end
            return known
        opened = next((start for start in _GROUPS if self._text.startswith(start, self._at)), "(")
        self._take(len(opened))
        if opened == "(" and self._next() == "?":
            raise _UnknownSyntaxError
        piece = self._alternatives()
        if self._take() != ")" or self._at != end:
            raise _UnknownSyntaxError
        _KNOWN[written] = piece
        return piece

    def _escape(self) -> Piece:
        sign = self._take(2)[1]
        match sign:
            case "b":
                return Piece(frozenset([EDGE]), None, 0, wordy=True)
            case "s":
                return BLANK
            case "w" | "d":
                return anything(1, wordy=True)
            case "S" | "W" | "D":
                return anything(4, wordy=sign == "S")
            case "p":
                self._property()
                return anything(4, wordy=True)
        return strings([small(self._escaped(sign))])

    def _escaped(self, sign: str) -> str:
        if sign in _WRITTEN:
            return _WRITTEN[sign]
        if sign.isalnum():
            raise _UnknownSyntaxError
        return sign

    def _property(self) -> None:
        """Letters only: no other class is known to hold no sign."""
        name = self._take(self._text.index("}", self._at) + 1 - self._at) if self._next() == "{" else self._take()
        if name.strip("{}")[:1] not in ("L", "M", "N"):
            raise _UnknownSyntaxError

    def _class(self) -> Piece:
        self._take()
        negated = self._next() == "^"
        if negated:
            self._take()
        members: list[str] = []
        while not members or self._next() != "]":
            members += self._member()
        self._take()
        wordy = _BLANKS.isdisjoint(members) != negated
        most = 4 if negated or _MANY in members else max(len(one.encode()) for one in members)
        if negated or _SEVERAL in members or _MANY in members:
            return anything(most, wordy=wordy)
        known = {small(one) for one in members}
        return strings(known) if len(known) <= _FEW else anything(most, wordy=wordy)

    def _member(self) -> list[str]:
        """The characters of one member of a class; signs for blanks, for more ASCII than one can list, for others."""
        low = self._take()
        if low == "[" and self._next() == ":":
            raise _UnknownSyntaxError
        if low == "\\":
            low = self._take()
            if low in "wdsSWDp":
                return self._kind(low)
            low = self._escaped(low)
        if self._next() != "-" or self._text[self._at + 1] == "]":
            return [low]
        self._take()
        high = self._take()
        if high in ("\\", "["):
            raise _UnknownSyntaxError
        codes = range(ord(low), ord(high) + 1)
        if len(codes) <= _RANGE:
            return [chr(code) for code in codes]
        return [_SEVERAL if high.isascii() else _MANY, *(_BLANKS if ord(low) <= 32 else ())]

    def _kind(self, sign: str) -> list[str]:
        if sign == "s":
            return [*_BLANKS]
        if sign == "p":
            self._property()
        return [_SEVERAL] if sign in "wd" else [_MANY, *(_BLANKS if sign in "WD" else ())]
