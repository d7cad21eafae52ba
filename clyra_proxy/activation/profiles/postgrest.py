"""PostgREST: rows of one table. An update or delete is also told as the statement that it is.

Guarantees: a filter says in SQL what it says in the query, so that `id=neq.-1` is judged as `id <> -1`; a filter that
is not known, or that is about an embedded table, holds nothing back and is left out. Nothing of the statement is run.
Reference: PostgREST, tables and views (horizontal filtering, logical operators, bulk insert with CSV).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clyra_proxy.activation.model import Batch, Operation, Row
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.declaration import Media
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.exchange import RequestHead
from clyra_proxy.schemalock.media import Kind, parse_media

_NO_FILTERS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_COMPARING = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "IS DISTINCT FROM",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
}
_SEARCHING = frozenset({"fts", "plfts", "phfts", "wfts"})
_IS = {"null": "NULL", "true": "TRUE", "false": "FALSE", "unknown": "UNKNOWN", "not_null": "NOT NULL"}
_DEEPEST = 20


class TableEndpoint(DeclaredEndpoint):
    """`/rest/v1/{table}`: JSON, or CSV in bulk."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self._open(head, body)
        operation = self._done(head)
        rows = self.compiled.reading.rows(self.sent.document, self._elements, operation, self.captures)
        if operation is Operation.DELETE:
            rows = (Row(0, {}, operation),)
        texts = (self._statement(operation),) if operation in (Operation.UPDATE, Operation.DELETE) else ()
        return self._batch(head, rows=rows, statements=texts, dialect="postgres")

    def _media(self, head: RequestHead) -> Media:
        declared = super()._media(head)
        return Media.CSV if parse_media(head.get("content-type") or "").kind is Kind.CSV else declared

    def _done(self, head: RequestHead) -> Operation:
        if self.call.method == "POST" and "merge-duplicates" in ",".join(head.get_all("prefer")):
            return Operation.UPSERT
        methods = {"PATCH": Operation.UPDATE, "DELETE": Operation.DELETE, "PUT": Operation.UPSERT}
        return methods.get(self.call.method, Operation.INSERT)

    def _statement(self, operation: Operation) -> str:
        table = _name(self.captures["target"])
        columns = self.sent.document if isinstance(self.sent.document, dict) else {}
        filters = [found for found in self._filters() if found]
        where = " WHERE " + " AND ".join(filters) if filters else ""
        if operation is Operation.DELETE:
            return f"DELETE FROM {table}{where}"  # noqa: S608 - never run, only judged
        changes = ", ".join(f"{_name(name)} = ?" for name in columns) or "x = ?"
        return f"UPDATE {table} SET {changes}{where}"  # noqa: S608

    def _filters(self) -> Iterator[str]:
        for name, first in self.call.query.items():
            for value in self.call.all_values.get(name) or [first]:
                if name.removeprefix("not.") in ("and", "or"):
                    yield condition_of(f"{name}{value}")
                elif name not in _NO_FILTERS:
                    yield condition_of(f"{name}.{value}")


def condition_of(text: str, depth: int = 0) -> str:
    """`column.operator.value`, or `or(...)` and `and(...)` of such, as SQL; "" when it holds nothing back."""
    if depth > _DEEPEST:
        return ""
    if text.startswith("not."):
        inner = condition_of(text.removeprefix("not."), depth + 1)
        return f"NOT ({inner})" if inner else ""
    for word in ("and", "or"):
        if text.startswith(f"{word}(") and text.endswith(")"):
            return _joined(word, [condition_of(part, depth + 1) for part in _parts(text[len(word) + 1 : -1])])
    column, _, rest = text.partition(".")
    if not column or not rest:
        return ""
    if rest.startswith("not."):
        inner = _compared(column, rest.removeprefix("not."))
        return f"NOT ({inner})" if inner else ""
    return _compared(column, rest)


def _joined(word: str, parts: list[str]) -> str:
    """AND leaves out what holds nothing back; OR with such a part holds nothing back itself."""
    if word == "or" and not all(parts):
        return ""
    known = [part for part in parts if part]
    return f"({f' {word.upper()} '.join(known)})" if known else ""


def _compared(column: str, rest: str) -> str:
    operator, _, value = rest.partition(".")
    operator, _, several = operator.partition("(")
    name = _name(column)
    if operator == "in":
        listed = ", ".join(_value(one) for one in _parts(value.strip().removeprefix("(").removesuffix(")")))
        return f"{name} IN ({listed})" if listed else ""
    if operator == "is":
        word = _IS.get(value.casefold())
        return f"{name} IS {word}" if word else ""
    if operator in _SEARCHING:
        return f"to_tsvector({name}) @@ to_tsquery({_text(value)})"
    sign = _COMPARING.get(operator)
    if sign is None:
        return ""
    if not several:
        return f"{name} {sign} {_value(value, pattern=sign.endswith('LIKE'))}"
    word = "or" if several.startswith("any") else "and"
    listed_values = _parts(value.strip().removeprefix("{").removesuffix("}"))
    return _joined(word, [f"{name} {sign} {_value(one, pattern=sign.endswith('LIKE'))}" for one in listed_values])


def _parts(text: str) -> list[str]:
    """What stands between the commas that are in no brackets and no quotes."""
    found, depth, start, quoted, escaped = [], 0, 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "," and depth == 0:
            found.append(text[start:at])
            start = at + 1
        else:
            depth += (char in "({") - (char in ")}")
    return [*found, text[start:]] if text else []


def _value(text: str, *, pattern: bool = False) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    number = text.removeprefix("-").replace(".", "", 1)
    if number.isascii() and number.isdigit() and not pattern:
        return text
    return _text(text.replace("*", "%") if pattern else text)


def _text(text: str) -> str:
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
