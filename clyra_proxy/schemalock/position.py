"""On which line of a JSON text a pointer stands.

Rule: the text is scanned once, left to right, without building values, and only for messages to a person: it must be
a text that a strict parser has already accepted.
"""

from __future__ import annotations

import re

import jiter

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def json_line(text: str, tokens: list[str]) -> int:
    """Line (from 1) where the member or element named by `tokens` starts; of its nearest ancestor when it is absent."""
    path: list[str | int] = []
    best, best_depth, key_line, expect_key = 1, 0, 1, False
    line, last = 1, 0
    for match in _LEXEME.finditer(text):
        lexeme = match[0]
        line += text.count("\n", last, match.start())
        last = match.start()
        if expect_key and lexeme[0] == '"':
            path[-1], key_line, expect_key = jiter.from_json(lexeme.encode()), line, False
            continue
        if lexeme == ",":
            if path and isinstance(path[-1], int):
                path[-1] += 1
            else:
                expect_key = True
            continue
        if lexeme in ":}]":
            expect_key = False
            if lexeme != ":" and path:
                path.pop()
            continue
        depth = len(path)
        if best_depth < depth <= len(tokens) and all(str(p) == t for p, t in zip(path, tokens, strict=False)):
            best, best_depth = (line if isinstance(path[-1], int) else key_line), depth
            if depth == len(tokens):
                return best
        if lexeme == "{":
            path.append("")
            expect_key = True
        elif lexeme == "[":
            path.append(0)
    return best
