"""Which value of a JSON text stands at an offset: from a parser's complaint to a place that a sender can look up.

Rule: asked only about a text that is being refused, so it costs good bodies nothing; one scan from left to right, no
value is built, and a text that is no JSON gives the place its readable beginning leads to.
"""

from __future__ import annotations

import re

import orjson

_LEXEME = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[][{},]', re.DOTALL)

type Step = str | int


def path_at(text: bytes, offset: int) -> tuple[Step, ...]:
    """Names and indices from the root to the value at byte `offset`; of a container that has just closed, its own."""
    path: list[Step] = []
    names_next = False
    for match in _LEXEME.finditer(text):
        if match.start() >= offset:
            break
        lexeme = match[0]
        if lexeme == b"{":
            path.append("")
            names_next = True
        elif lexeme == b"[":
            path.append(0)
            names_next = False
        elif lexeme == b",":
            if path and isinstance(path[-1], int):
                path[-1] += 1
            else:
                names_next = True
        elif lexeme in (b"]", b"}"):
            if path:
                path.pop()
            names_next = False
        elif names_next and path:
            path[-1] = _name(lexeme)
            names_next = False
    return tuple(path)


def row_of(path: tuple[Step, ...]) -> int | None:
    """The index in the outermost array on the way: the number of the record, where records stand in an array."""
    return next((step for step in path if isinstance(step, int)), None)


def _name(quoted: bytes) -> str:
    try:
        name: str = orjson.loads(quoted)
    except orjson.JSONDecodeError:
        return ""
    return name
