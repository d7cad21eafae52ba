"""Statements that the parser knows by their first word alone, and settings of the session.

Rules: reading and session commands of a closed list pass; EXPLAIN that executes is what it explains; the rest is
opaque: what `CALL`, `DO`, `EXECUTE` or `VACUUM` does cannot be told from its text. Who changes roles or the session's
identity changes who may do what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from clyra_proxy.activation.sql.definitions import word_facts
from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.names import UNKNOWN
from clyra_proxy.activation.sql.parsing import Statement, parsed
from clyra_proxy.activation.sql.tokens import OpaqueError
from clyra_proxy.activation.sql.words import words

_HARMLESS = words(
    "SHOW DESCRIBE DESC LIST LS BEGIN START COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE FETCH CLOSE MOVE "
    "DEALLOCATE DISCARD LISTEN UNLISTEN USE"
)
_EXPORTS = words("UNLOAD PUT GET REMOVE RM LOAD EXPORT IMPORT ATTACH DETACH INSTALL BACKUP RESTORE COPY BULK")
_GRANTS = words("GRANT REVOKE DENY REASSIGN SETUSER REVERT")
_DEFINES = {"CREATE": "create", "ALTER": "alter", "DROP": "drop", "RENAME": "rename", "UNDROP": "undrop"}
_IDENTITY = frozenset({"ROLE", "AUTHORIZATION", "SECONDARY"})
_SETTINGS = words(
    "SESSION_REPLICATION_ROLE ROW_SECURITY FOREIGN_KEY_CHECKS SQL_SAFE_UPDATES SQL_LOG_BIN UNIQUE_CHECKS GLOBAL "
    "PERSIST PERSIST_ONLY PASSWORD IDENTITY_INSERT"
)  # fmt: skip
_TOLD = words(
    "TABLE_INFO TABLE_XINFO TABLE_LIST INDEX_LIST INDEX_INFO INDEX_XINFO FOREIGN_KEY_LIST DATABASE_LIST COLLATION_LIST"
)
"""What PRAGMA only tells of."""
_CHECKS = frozenset({"RETENTIONDURATIONCHECK"})
"""Parts of long names of settings that hold something back."""
_EXECUTING = frozenset({"ANALYZE", "ANALYSE", "PROFILE"})
_EXPLAINED = words(
    "SELECT WITH INSERT UPDATE DELETE MERGE CREATE DECLARE EXECUTE VALUES TABLE REPLACE REFRESH"
)  # fmt: skip


def command_facts(statement: Statement, dialect: str, judge: Callable[[Statement], list[Fact]]) -> Iterator[Fact]:
    """What a statement means whose tree is none that is known. judge: for a statement inside of this one."""
    words = statement.words
    verb = words[0] if words else ""
    if verb in ("EXPLAIN", "DESCRIBE", "DESC"):
        yield from _explained(statement, dialect, judge)
    elif verb == "REPLACE" and words[1:2] == ("TABLE",):
        yield Fact("sql.definition", "replace", (UNKNOWN,))
    elif verb == "REPLACE" and words[1:2] != ("",):
        yield from _replacing(statement, dialect, judge)
    elif verb == "SET":
        yield from permission_words(statement)
    elif verb == "RESET":
        if set(words[1:3]) & _IDENTITY:
            yield Fact("sql.grant", "set_role")
    elif verb in _HARMLESS or (verb == "PRAGMA" and _only_tells(statement)):
        return
    elif verb == "DECLARE" and (query := _query_of_cursor(statement.tokens)):
        yield from _again(query, dialect, judge)
    elif verb in _EXPORTS:
        yield Fact("sql.export", verb.lower())
    elif verb in _GRANTS:
        yield Fact("sql.grant", verb.lower())
    elif verb == "CREATE" and (rest := _without_on_commit(statement.tokens)) is not None:
        yield from _again(rest, dialect, judge)
    elif verb in _DEFINES:
        yield from word_facts(words[1:5], _DEFINES[verb], (UNKNOWN,))
    elif verb == "TRUNCATE":
        yield Fact("sql.truncate", "truncate", (UNKNOWN,))
    else:
        yield Fact("sql.opaque", verb.lower() if verb.isascii() and verb.isalpha() and len(verb) < 20 else "statement")


def _only_tells(statement: Statement) -> bool:
    """Whether a PRAGMA asks for a list, and sets nothing."""
    texts = [token.text.upper() for token in statement.tokens[1:]]
    name = texts[2] if texts[1:2] == ["."] and len(texts) > 2 else texts[0] if texts else ""
    return name in _TOLD and "=" not in texts


def _query_of_cursor(tokens: Sequence[Token]) -> Sequence[Token]:
    """The query of `DECLARE name ... CURSOR ... FOR query`; nothing for any other DECLARE."""
    texts = [token.text.upper() for token in tokens[:12]]
    if "CURSOR" not in texts[2:8] or "FOR" not in texts or {"BEGIN", "@"} & set(texts):
        return ()
    return tokens[texts.index("FOR") + 1 :]


def permission_words(statement: Statement) -> Iterator[Fact]:
    """SET and USE that change who the session is, or switch a safety off."""
    words = statement.words
    names = {word.strip('"').rsplit(".", 1)[-1] for word in words[1:4]}
    if words[0] == "SET":
        names |= {part for token in statement.tokens[1:12] for part in token.text.upper().split(".")} & _CHECKS
    if words[0] == "USE":
        if words[1:2] and words[1] in ("ROLE", "SECONDARY"):
            yield Fact("sql.grant", "use_role")
    elif names & _IDENTITY and words[1] != "TRANSACTION":
        yield Fact("sql.grant", "set_role")
    elif names & (_SETTINGS | _CHECKS):
        yield Fact("sql.grant", "set_safety")


def _explained(statement: Statement, dialect: str, judge: Callable[[Statement], list[Fact]]) -> Iterator[Fact]:
    """EXPLAIN passes; with ANALYZE it is what it explains."""
    depth = 0
    executing = False
    for position, token in enumerate(statement.tokens[1:], start=1):
        word = token.text.upper()
        depth += (word == "(") - (word == ")")
        executing = executing or word in _EXECUTING
        if word in _EXPLAINED and not depth:
            if executing:
                yield from _again(statement.tokens[position:], dialect, judge)
            return
    if executing:
        yield Fact("sql.opaque", "explain")


def _replacing(statement: Statement, dialect: str, judge: Callable[[Statement], list[Fact]]) -> Iterator[Fact]:
    """REPLACE INTO is an INSERT that takes the place of what has the same key."""
    insert = Token(TokenType.INSERT, "INSERT")
    yield from _again([insert, *statement.tokens[1:]], dialect, judge)


def _without_on_commit(tokens: Sequence[Token]) -> Sequence[Token] | None:
    """A CREATE TABLE without its `ON COMMIT DROP`, which the parser does not know everywhere; None without one."""
    texts = [token.text.upper() for token in tokens]
    for position in range(2, len(texts) - 2):
        if texts[position : position + 2] == ["ON", "COMMIT"]:
            end = position + (3 if texts[position + 2] == "DROP" else 4)
            return [*tokens[:position], *tokens[end:]]
    return None


def _again(tokens: Sequence[Token], dialect: str, judge: Callable[[Statement], list[Fact]]) -> Iterator[Fact]:
    """Judge a statement made of tokens of another."""
    try:
        inner = parsed(tokens, dialect)
    except OpaqueError as error:
        yield Fact("sql.opaque", error.kind)
        return
    if isinstance(inner.tree, exp.Command):
        yield Fact("sql.opaque", "command")
    else:
        yield from judge(inner)
