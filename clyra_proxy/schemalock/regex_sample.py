"""Make strings that a regular expression is likely to accept.

Rule: only a source of candidates. Every string made here is checked by the real engine before anything is concluded
from it, so constructs that are not understood (look-around, back-references, rare escapes) may yield a wrong string
but never a wrong verdict. Syntax: ECMA-262 section 22.2.1, the part that schemas use.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_CLASSES = {
    "d": "0189",
    "w": "aZ0_",
    "s": " \t",
    "D": "aZ-",
    "W": "-. ",
    "S": "aZ0-",
}
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ANY = "aZ09 _-.é"
_MAX_REPEAT = 24
_MAX_LENGTH = 4_096


@dataclass(slots=True)
class _Reader:
    """Reads a pattern once, building one string as it goes. Cheap enough to run again for every candidate."""

    pattern: str
    random: Random
    at: int = 0
    budget: int = 20_000  # atoms still to be made: nested repetition multiplies

    def more(self) -> bool:
        return self.at < len(self.pattern)

    def take(self) -> str:
        char = self.pattern[self.at]
        self.at += 1
        return char

    def accept(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def alternatives(self, depth: int = 0) -> str:
        options = [self.sequence(depth)]
        while self.accept("|"):
            options.append(self.sequence(depth))
        return self.random.choice(options)

    def sequence(self, depth: int) -> str:
        made: list[str] = []
        while self.more() and self.pattern[self.at] not in "|)":
            start = self.at
            piece = self.atom(depth)
            after = self.at
            low, high = self.quantifier()
            times = self._times(low, high)
            made.append(piece if times else "")
            made.extend(self._again(start, after, depth) for _ in range(times - 1))
        return "".join(made)[:_MAX_LENGTH]

    def _times(self, low: int, high: int) -> int:
        if self.budget <= 0:
            return min(low, 1)
        return self.random.choice((low, min(low + 1, high), self.random.randint(low, max(low, high))))

    def _again(self, start: int, after: int, depth: int) -> str:
        """Another string for the atom that starts at `start`."""
        resume, self.at = self.at, start
        piece = self.atom(depth)
        self.at = resume if after <= resume else after
        return piece

    def atom(self, depth: int) -> str:
        self.budget -= 1
        char = self.take()
        if char == "(":
            lookaround = self.accept("?=") or self.accept("?!") or self.accept("?<=") or self.accept("?<!")
            if not lookaround and not self.accept("?:") and self.accept("?<"):
                while self.more() and self.take() != ">":
                    pass
            inner = self.alternatives(depth + 1) if depth < 50 else ""
            self.accept(")")
            return "" if lookaround else inner
        if char == "[":
            return self._bracket()
        if char == ".":
            return self.random.choice(_ANY)
        if char in "^$":
            return ""
        return self._escape() if char == "\\" and self.more() else char

    def _escape(self) -> str:
        char = self.take()
        if char in _CLASSES:
            return self.random.choice(_CLASSES[char])
        if char in "bB":
            return ""
        if char in "xu":
            digits = 2 if char == "x" else 4
            code = self.pattern[self.at : self.at + digits]
            if len(code) == digits and all(c in "0123456789abcdefABCDEF" for c in code):
                self.at += digits
                return chr(int(code, 16))
        if char in "pP" and self.accept("{"):
            name = ""
            while self.more() and (c := self.take()) != "}":
                name += c
            return self.random.choice("7" if name.startswith("N") else "éZ")
        return _ESCAPES.get(char, char)

    def _bracket(self) -> str:
        negated = self.accept("^")
        members: list[str] = []
        while self.more() and not self.accept("]"):
            low = self._member()
            after = self.pattern[self.at : self.at + 2]
            if len(low) == 1 and len(after) == 2 and after[0] == "-" and after[1] != "]":
                self.at += 1
                high = self._member()
                if len(high) == 1 and low <= high:
                    members.extend({low, high, chr(self.random.randint(ord(low), ord(high)))})
                    continue
            members.extend(low)
        if negated:
            members = [char for char in "aZ0 _-.,é\t~!" if char not in members] or ["\u4e2d"]
        return self.random.choice(members) if members else ""

    def _member(self) -> str:
        char = self.take()
        if char == "\\" and self.more():
            if self.pattern[self.at] in _CLASSES:
                return _CLASSES[self.take()]
            return self._escape()
        return char

    def quantifier(self) -> tuple[int, int]:
        low, high = 1, 1
        if self.accept("*"):
            low, high = 0, _MAX_REPEAT
        elif self.accept("+"):
            low, high = 1, _MAX_REPEAT
        elif self.accept("?"):
            low, high = 0, 1
        elif self.pattern[self.at : self.at + 1] == "{" and "}" in self.pattern[self.at :]:
            end = self.pattern.index("}", self.at)
            first, comma, last = self.pattern[self.at + 1 : end].partition(",")
            if first.isdecimal() and (not last or last.isdecimal()):
                self.at = end + 1
                low = min(int(first), _MAX_LENGTH)
                high = min(int(last), _MAX_LENGTH) if last else (low + _MAX_REPEAT if comma else low)
        else:
            return low, high
        self.accept("?")
        return low, high


def sample_pattern(pattern: str, random: Random) -> str:
    """A string that probably matches `pattern` (the whole string, as if anchored)."""
    return _Reader(pattern, random).alternatives()
