"""CREATE, ALTER, DROP and their like: what they define, and whether that changes who may do what, or opens a way out.

Rules: what lives only in the session (temporary tables and views) is no definition; setting the session's own
parameters is none; users, roles, policies and accounts are `sql.grant`; stages, external tables, shares, servers,
publications and functions in other languages are ways out.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.names import UNKNOWN, TableName, name_of
from clyra_proxy.activation.sql.parsing import Statement
from clyra_proxy.activation.sql.words import words

GRANTING = words(
    "USER ROLE GROUP LOGIN POLICY ACCOUNT SYSTEM PRIVILEGES OWNER CREDENTIAL SECRET PASSWORD MASKING NETWORK "
    "SECURITY APPLICATION"
)
WAYS_OUT = words(
    "STAGE EXTERNAL SHARE SERVER PUBLICATION SUBSCRIPTION INTEGRATION PIPE CONNECTION FOREIGN LIBRARY EXTENSION "
    "DATASHARE LOCATION WRAPPER OUTBOUND API ROUTINE_LOAD"
)
_SETTING = frozenset({"SESSION"})
_FILES = (exp.LocationProperty, exp.ExternalProperty)


def definition_facts(node: exp.Expr, statement: Statement) -> Iterator[Fact]:
    """What a CREATE, ALTER, DROP or UNDROP means. Raises nothing."""
    words = statement.words
    if isinstance(node, exp.Create) and _is_temporary(node):
        return
    verb = type(node).__name__.lower()
    yield from word_facts(words[1:5], verb, objects_of(node), files=node.find(*_FILES) is not None)


def word_facts(
    words: tuple[str, ...], verb: str, objects: tuple[TableName, ...], *, files: bool = False
) -> Iterator[Fact]:
    """The same, told from the words after the verb."""
    kinds = set(words[:4]) - {"OR", "REPLACE", "IF", "NOT", "EXISTS"}
    first = [word for word in words if word in kinds][:2]
    if verb == "alter" and first[:1] and first[0] in _SETTING:
        return
    if any(word in GRANTING for word in first):
        yield Fact("sql.grant", f"{verb}_{_word(first, GRANTING)}", objects)
    elif files or any(word in WAYS_OUT for word in first):
        yield Fact("sql.export", f"{verb}_{_word(first, WAYS_OUT) if not files else 'external'}", objects)
    else:
        yield Fact("sql.definition", verb, objects)


def objects_of(node: exp.Expr) -> tuple[TableName, ...]:
    """What is defined, with the name it is given when it is renamed."""
    named = [node.this, *(node.args.get("tables") or ())]
    renamed = [action.this for action in node.args.get("actions") or () if isinstance(action, exp.AlterRename)]
    found = tuple(name_of(one) for one in (*named, *renamed) if one is not None)
    return found or (UNKNOWN,)


def _word(words: list[str], known: frozenset[str]) -> str:
    return next((word.lower() for word in words if word in known), "")


def _is_temporary(node: exp.Create) -> bool:
    """Whether what is made lives only in the session."""
    kind = str(node.args.get("kind") or "").upper()
    if kind not in ("TABLE", "VIEW"):
        return False
    properties = node.args.get("properties")
    marked = properties is not None and any(isinstance(one, exp.TemporaryProperty) for one in properties.expressions)
    target = node.this.this if isinstance(node.this, exp.Schema) else node.this
    identifier = target.this if isinstance(target, exp.Table) else None
    hashed = isinstance(identifier, exp.Identifier) and bool(identifier.args.get("temporary"))
    return (marked or hashed) and node.find(*_FILES) is None
