"""What a GraphQL document asks for: whether it changes anything, and by which fields.

Reference: GraphQL, October 2021, sections 2.1 (lexical tokens) and 2.2 to 2.8. Guarantees: linear, without recursion
and bounded in depth; fields of fragments count where they are spread, those of namespaces (`users { delete(id: 1) }`)
where they take arguments. What begins like a mutation and cannot be read to its end is `unreadable`, never harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import re2  # type: ignore[import-untyped]

_BYTES = re2.Options()
_BYTES.encoding = re2.Options.Encoding.LATIN1
_TOKEN = re2.compile(
    rb'(?s)(?:[\s,]|\xEF\xBB\xBF|#[^\n\r]*)+|([_A-Za-z][_0-9A-Za-z]*)|("""(?:[^"\\]|\\.|\\"""|"[^"]|""[^"])*"""'
    rb'|"(?:[^"\\\n\r]|\\.)*"|-?[0-9][0-9.eE+-]*)|(\.\.\.|[!$&()\[\]{}:=@|])',
    _BYTES,
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_DEFINITIONS = frozenset({"query", "mutation", "subscription", "fragment"})
_MOST_TOKENS = 10_000
_DEEPEST = 100
_VALUE = '"'
"""How tokens of texts and numbers are kept: what they say is no name."""


@dataclass(frozen=True, slots=True)
class Mutations:
    """What a document does. fields: names of the fields that change something, each once, in order.

    unreadable: it begins like a mutation, and nobody can tell what it does.
    """

    fields: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def writes(self) -> bool:
        return bool(self.fields) or self.unreadable


@dataclass(slots=True)
class _Definition:
    """kind: its keyword. fields: of its selection, those in namespaces included. spreads: fragments put in there."""

    kind: str
    name: str
    fields: list[str] = field(default_factory=list)
    spreads: list[str] = field(default_factory=list)


class _UnreadableError(Exception):
    """A text that is no GraphQL document."""


def mutations_in(text: str, operation: str = "") -> Mutations | None:
    """What a document does; None when it is no GraphQL document. operation: the one of several that is asked for."""
    try:
        tokens = list(_tokens(text))
        if not tokens or (tokens[0] not in _DEFINITIONS and tokens[0] != "{"):
            return None
        definitions = list(_definitions(tokens))
    except _UnreadableError:
        return Mutations(unreadable=True) if _begins_like_a_mutation(text) else None
    fragments = {one.name: one for one in definitions if one.kind == "fragment"}
    asked = [one for one in definitions if one.kind != "fragment"]
    asked = [one for one in asked if one.name == operation] or asked
    found = [name for one in asked if one.kind == "mutation" for name in _fields(one, fragments)]
    return Mutations(tuple(dict.fromkeys(found)))


def _begins_like_a_mutation(text: str) -> bool:
    begins = text.lstrip(" \t\r\n,\ufeff").startswith((*_DEFINITIONS, "{", "#"))
    return begins and "mutation" in text and any(mark in text for mark in "{@(")


def _tokens(text: str) -> Iterator[str]:
    """Names and punctuators; texts and numbers as `_VALUE`. Raises _UnreadableError."""
    body = text.encode("utf-8", "replace")
    position = 0
    for count, found in enumerate(_TOKEN.finditer(body)):
        if found.start() != position or count > _MOST_TOKENS:
            raise _UnreadableError
        position = found.end()
        if found[1] is not None:
            yield found[1].decode()
        elif found[2] is not None:
            yield _VALUE
        elif found[3] is not None:
            yield found[3].decode()
    if position != len(body):
        raise _UnreadableError


def _definitions(tokens: Sequence[str]) -> Iterator[_Definition]:
    """The operations and fragments of a document. Raises _UnreadableError."""
    at = 0
    while at < len(tokens):
        kind = "query" if tokens[at] == "{" else tokens[at]
        if kind not in _DEFINITIONS:
            raise _UnreadableError
        named = at + 1 < len(tokens) and tokens[at] != "{" and _is_name(tokens[at + 1])
        made = _Definition(kind, tokens[at + 1] if named else "")
        while at < len(tokens) and tokens[at] != "{":
            at = _after(tokens, at) if tokens[at] in _OPENING else at + 1
        end = _after(tokens, at)
        _read_selection(tokens[at + 1 : end - 1], made)
        yield made
        at = end


def _read_selection(tokens: Sequence[str], made: _Definition) -> None:
    """The fields of a selection, with those in what is put in place (`... on T {`) and in fields that may be
    namespaces."""
    waiting: list[tuple[Sequence[str], bool]] = [(tokens, False)]
    while waiting:
        selection, only_called = waiting.pop()
        at = 0
        while at < len(selection):
            at = _read_one(selection, at, only_called, made, waiting)


def _read_one(
    tokens: Sequence[str], at: int, only_called: bool, made: _Definition, waiting: list[tuple[Sequence[str], bool]]
) -> int:
    """One field, spread or fragment in place; where the next begins. Raises _UnreadableError."""
    spread = tokens[at] == "..."
    at += spread
    name = tokens[at] if at < len(tokens) and _is_name(tokens[at]) else ""
    if not spread and not name:
        raise _UnreadableError
    at += bool(name)
    if not spread and tokens[at : at + 1] == [":"]:  # an alias
        at, name = at + 2, tokens[at + 1] if at + 1 < len(tokens) else ""
    called = not spread and tokens[at : at + 1] == ["("]
    if spread and name == "on":
        at += 1
    elif spread and name:
        made.spreads.append(name)
    elif not spread and (called or not only_called):
        made.fields.append(name)
    at = _after(tokens, at) if called else at
    while tokens[at : at + 1] == ["@"]:
        at = _after(tokens, at + 2) if tokens[at + 2 : at + 3] == ["("] else at + 2
    if tokens[at : at + 1] == ["{"]:
        end = _after(tokens, at)
        if spread or not called:
            waiting.append((tokens[at + 1 : end - 1], only_called or not spread))
        at = end
    return at


def _fields(one: _Definition, fragments: dict[str, _Definition]) -> Iterator[str]:
    waiting, seen = [one], {one.name}
    while waiting:
        here = waiting.pop()
        yield from here.fields
        for name in here.spreads:
            if name in fragments and name not in seen:
                seen.add(name)
                waiting.append(fragments[name])


def _after(tokens: Sequence[str], at: int) -> int:
    """Where what opens here is closed, and what comes next. Raises _UnreadableError."""
    depth = 0
    for position in range(at, len(tokens)):
        depth += (tokens[position] in _OPENING) - (tokens[position] in _CLOSING)
        if depth == 0:
            return position + 1
        if depth > _DEEPEST:
            break
    raise _UnreadableError


def _is_name(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"
