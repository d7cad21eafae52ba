"""What is told from tokens alone: statements that run together, and placeholders of drivers.

Rules: SQL Server needs no separator between statements, so that `SELECT 1 DELETE FROM t` is two; a verb that begins a
statement, where none can stand, makes the text opaque. Placeholders of drivers (`%s`, `:1`, `?1`) become plain ones
when a statement cannot be read with them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from clyra_proxy.activation.sql.words import words

_VERBS = words(
    "DELETE UPDATE INSERT MERGE DROP TRUNCATE EXEC EXECUTE CREATE ALTER GRANT REVOKE DENY BACKUP RESTORE BULK KILL "
    "SHUTDOWN DBCC RECONFIGURE DECLARE WAITFOR"
)
_BEFORE_A_VERB = words("THEN FOR AFTER OF AS DO KEY SHOW")  # of MERGE, cursors, triggers, other dialects
_NAMING = words("GRANT REVOKE DENY CREATE ALTER EXPLAIN")
_PLACE_ENDS = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER})


class OpaqueError(Exception):
    """A text whose effect cannot be told.

    kind: `syntax`, `size`, `nesting`, `encoding`, `executable_comment`, `run_together`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def refuse_run_together(tokens: Sequence[Token]) -> None:
    """Raises OpaqueError where a second statement begins without a separator."""
    first = tokens[0].text.upper() if tokens else ""
    if first in _NAMING:
        return
    depth, main = 0, first in _VERBS
    for before, token in itertools.pairwise(tokens):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth or token.token_type in (TokenType.IDENTIFIER, TokenType.STRING):
            continue
        if token.text.upper() not in _VERBS or before.text.upper() in _BEFORE_A_VERB:
            continue
        if first == "WITH" and not main and before.token_type == TokenType.R_PAREN:
            main = True
            continue
        if first == "INSERT" and token.text.upper() in ("EXEC", "EXECUTE"):
            continue
        raise OpaqueError("run_together")


def with_plain_placeholders(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with `%s`, `:1` and `?1` as `?`."""
    made: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        after = tokens[position + 1] if position + 1 < len(tokens) else None
        joined = after is not None and after.start == token.end + 1
        free = not made or made[-1].token_type not in _PLACE_ENDS
        if joined and after is not None and free and _is_placeholder(token, after):
            made.append(Token(TokenType.PLACEHOLDER, "?"))
            position += 2
            continue
        made.append(token)
        position += 1
    return made


def _is_placeholder(token: Token, after: Token) -> bool:
    if token.token_type == TokenType.MOD:
        return after.text == "s"
    return token.token_type in (TokenType.COLON, TokenType.PLACEHOLDER) and after.token_type == TokenType.NUMBER
