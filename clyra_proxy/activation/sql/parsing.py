"""From a text to statements, within bounds that hold before anything is parsed.

Guarantees: size, nesting, chains of prefixes and of subscripts are bounded on tokens, so that the parser (recursive,
compiled) can neither overflow the stack nor take more than linear time; whatever it raises is an `OpaqueError` with one
word of a closed list. Texts that servers read differently from parsers are opaque too: NUL characters, and comments
that MySQL executes. CWE-674, CWE-400, CWE-89.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from clyra_proxy.activation.sql.tokens import OpaqueError, refuse_run_together, with_plain_placeholders
from clyra_proxy.activation.sql.words import words

logging.getLogger("sqlglot").setLevel(
    logging.ERROR
)  # it warns, with the statement's text, of each command it cannot read

GENERIC = ""
"""The dialect of nobody in particular."""
SEVERAL = ("postgres", "snowflake", "mysql", "tsql", "bigquery", "databricks")
"""Dialects that a text of unknown dialect is read in."""

_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_PREFIXES = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE})
_COMMANDS = frozenset(
    {TokenType.COMMAND, TokenType.EXECUTE, TokenType.SHOW, TokenType.FETCH, TokenType.RENAME, TokenType.REPLACE}
)
_WITHOUT_SEPARATOR = frozenset({"tsql", "fabric"})
_ONLY_READ = words("SHOW DESCRIBE DESC LIST LS RELEASE FETCH CLOSE MOVE EXPLAIN UNLISTEN")
_MODES = words("ISOLATION READ NOT DEFERRABLE LEVEL REPEATABLE SERIALIZABLE COMMITTED UNCOMMITTED ONLY WRITE , WORK")
"""What may follow BEGIN where it begins a transaction and no block."""
_CHAIN = 32
_MYSQL = frozenset({"mysql", "singlestore", "doris", "starrocks"})
_EXECUTED = ("/*!", "/*M!")


_FAILURES = (SqlglotError, ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. words: its first words, upper case."""

    tokens: Sequence[Token]
    words: tuple[str, ...]
    tree: exp.Expr


@dataclass(frozen=True, slots=True)
class Bounds:
    """size: in bytes. nesting: of brackets and CASE."""

    size: int = 512 << 10
    nesting: int = 100


def read(text: str, dialect: str, bounds: Bounds) -> list[Statement]:
    """The statements of a text, without empty ones. Raises OpaqueError."""
    if len(text) > bounds.size or len(text.encode("utf-8", "replace")) > bounds.size:
        raise OpaqueError("size")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text if char > "\ud7ff"):
        raise OpaqueError("encoding")
    if (dialect in _MYSQL or dialect == GENERIC) and any(mark in text for mark in _EXECUTED):
        raise OpaqueError("executable_comment")
    try:
        tokens = Dialect.get_or_raise(dialect or None).tokenize(text)
    except _FAILURES as error:
        raise OpaqueError("syntax") from error
    _refuse_deep(tokens, bounds.nesting)
    return [parsed(part, dialect, text) for part in _split(tokens)]


def parsed(tokens: Sequence[Token], dialect: str, text: str = "") -> Statement:
    """One statement from tokens that `read` let pass. Raises OpaqueError."""
    try:
        tokens = _without_evolution(tokens)
        spelled = _spelled_out(tokens, dialect)
        _refuse_deep(spelled, Bounds().nesting)
        if dialect in _WITHOUT_SEPARATOR:
            refuse_run_together(spelled)
        return Statement(spelled, _words(spelled), _tree(tokens, spelled, dialect, text))
    except _FAILURES as error:
        raise OpaqueError("syntax") from error


def _tree(tokens: Sequence[Token], spelled: Sequence[Token], dialect: str, text: str) -> exp.Expr:
    """The tree of one statement; of one that only reads, and that the parser does not know, its first word."""
    parser = Dialect.get_or_raise(dialect or None).parser()
    try:
        trees = parser.parse(list(tokens), text)
    except _FAILURES:
        first, *rest = (token.text.upper() for token in spelled)
        if first in _ONLY_READ or (first == "BEGIN" and _MODES.issuperset(rest)):
            return exp.Command(this=first)
        trees = parser.parse(with_plain_placeholders(tokens), text)
    if len(trees) != 1 or trees[0] is None:
        raise ValueError("not one statement")
    return trees[0]


def _without_evolution(tokens: Sequence[Token]) -> Sequence[Token]:
    """A MERGE of Databricks without `WITH SCHEMA EVOLUTION`, which the parser does not know; others as they are."""
    texts = [token.text.upper() for token in tokens[:4]]
    return [tokens[0], *tokens[4:]] if texts == ["MERGE", "WITH", "SCHEMA", "EVOLUTION"] else tokens


def _spelled_out(tokens: Sequence[Token], dialect: str) -> Sequence[Token]:
    """The tokens of a command, whose rest the tokenizer gives as one text."""
    if len(tokens) != 2 or tokens[0].token_type not in _COMMANDS or tokens[1].token_type != TokenType.STRING:
        return tokens
    return [tokens[0], *Dialect.get_or_raise(dialect or None).tokenize(tokens[1].text)]


def tokens_of(text: str, dialect: str) -> list[Token]:
    """The tokens of a text, without comments and semicolons. Raises OpaqueError."""
    try:
        tokens = Dialect.get_or_raise(dialect or None).tokenize(text)
        return [token for part in _split(tokens) for token in _spelled_out(part, dialect)]
    except _FAILURES as error:
        raise OpaqueError("syntax") from error


def _split(tokens: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _words(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(token.text.upper() for token in tokens[:6])


def _refuse_deep(tokens: Sequence[Token], deepest: int) -> None:
    depth = prefixes = subscripts = 0
    closed_bracket = False
    for token in tokens:
        kind = token.token_type
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth -= 1
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        if kind == TokenType.L_BRACKET:
            subscripts = subscripts + 1 if closed_bracket else 0
        closed_bracket = kind == TokenType.R_BRACKET
        if depth > deepest or prefixes > _CHAIN or subscripts > _CHAIN:
            raise OpaqueError("nesting")
