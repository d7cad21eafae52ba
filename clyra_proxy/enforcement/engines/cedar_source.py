"""Cedar policy files, statement by statement: where each one stands, and what is wrong with which.

Cedar numbers policies by their place in the text (`policy0`, `policy1`, ...) and names no line when a text cannot be
parsed; so the text is cut at the semicolons that end policies, and each piece is tried by itself. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.errors import PolicyError

LARGEST_FILE = 4 << 20

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
    return list(statements_of(file, read_file(file, base_dir)))


def read_file(file: str, base_dir: Path) -> str:
    """The text of a file that the policy names. Raises PolicyError."""
    try:
        with (base_dir / file).open("rb") as opened:
            raw = opened.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise PolicyError(f"{file} is larger than {LARGEST_FILE} bytes.", todo="Split it.")
        return raw.decode("utf-8")
    except OSError as error:
        raise PolicyError(
            f"The policy names the file {file}, which cannot be read.",
            f"The system says: {error.strerror}.",
            "File names start from the folder of the policy file.",
        ) from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file} is not UTF-8.", f"Byte {error.start} is wrong.", "Save it as UTF-8.") from error


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
