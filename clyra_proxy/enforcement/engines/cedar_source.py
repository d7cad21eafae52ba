"""Cedar policy files, statement by statement: where each one stands, and what is wrong with which.

Cedar numbers policies by their place in the text (`policy0`, `policy1`, ...) and names no line when a text cannot be
parsed; so the text is cut at the semicolons that end policies, and each piece is tried by itself. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.policy.files import read_named_text

_PIECES = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|;|[^/";]+|.', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*(?:\n|$))*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy. file: as written in the policy. line: of its first word, from 1."""

    file: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def read_statements(file: str, base_dir: Path) -> list[Statement]:
    """The policies of a file, in order. Raises PolicyError when it cannot be read."""
    return list(statements_of(file, read_named_text(file, base_dir)))


def statements_of(file: str, text: str) -> Iterator[Statement]:
    """What ends at each semicolon outside of strings and comments, and what is left after the last one."""
    start = 0
    line = 1
    for piece in _PIECES.finditer(text):
        if piece[0] != ";":
            continue
        yield _statement(file, text, start, piece.end(), line)
        line += text.count("\n", start, piece.end())
        start = piece.end()
    if _BLANK.fullmatch(text, start) is None:
        yield _statement(file, text, start, len(text), line)


def _statement(file: str, text: str, start: int, end: int, line: int) -> Statement:
    blank = _BLANK.match(text, start, end)
    begin = blank.end() if blank is not None else start
    return Statement(file, line + text.count("\n", start, begin), text[begin:end])
