"""SQL APIs: a request carries statements, and rows only where lists are bound to one of them.

Guarantees: every text of a request that the service would run is a statement, in order; a request to run a program
instead is refused (`opaque`). A tag that a run leaves in its comments (dbt, drt) says whose statement it is. Nothing of
a statement is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.activation.model import Attribution, Batch
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles.answers import holds
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import MISSING, dump, look, look_all, parse, text_of, tokens_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.activation.profiles.replacing import put
from clyra_proxy.exchange import RequestHead

_DBT = re2.compile(r'/\*\s*(\{[^*]{0,900}"app"\s*:\s*"dbt"[^*]{0,900}\})\s*\*/')
_DRT = re2.compile(r"/\*\s*drt\s+sync=([\w.:-]{1,128})(?:\s+run_id=([\w.:-]{1,128}))?")
_EDGE = 4096
_NAME = r"(?:[A-Za-z_]\w*|`[^`\\]+`|\"[^\"\\]+\")"
_INSERT = re2.compile(
    rf"(?is)^\s*(INSERT\s+INTO\s+(?:TABLE\s+)?{_NAME}(?:\.{_NAME})?(?:\s*\(\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\))?)"
    r"\s*FORMAT\s+[A-Za-z]\w*(?:\s|;|$)"
)


def _named_otherwise(document: Any, place: tuple[str, ...]) -> bool:
    """Whether a member has that name in another case, which the API takes for the same."""
    around = look(document, place[:-1])
    return isinstance(around, dict) and place[-1].casefold() in (name.casefold() for name in around)


class StatementEndpoint(DeclaredEndpoint):
    """A call that runs SQL."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self.media = self._media(head)
        self.sent.document = self._document(body)
        language = self.shape.language
        if language is not None and not holds(language, self.sent.document):
            raise unreadable(Unreadable.OPAQUE)
        statements = tuple(map(self._with_target, self._statements()))
        dialect = self.compiled.destination.dialect
        batch = self._batch(head, statements=statements, dialect=dialect)
        if (lists := self._bound()) and len(statements) == 1:
            from clyra_proxy.activation.sql.bound_rows import bound_rows  # the parser comes with the first statement

            table, rows = bound_rows(statements[0], dialect, lists)
            batch = replace(batch, rows=rows, target=batch.target or table, all_or_none=True)
        return batch if batch.attribution.run else _commented(batch)

    def _statements(self) -> list[str]:
        found: list[str] = []
        for pointer in self.shape.statements:
            for _, text in look_all(self.sent.document, tokens_of(pointer)):
                if not isinstance(text, str):
                    raise unreadable(Unreadable.WRONG_TYPE)
                found.append(text)
        if not found:
            raise unreadable(Unreadable.NO_ROWS)
        return found

    def _with_target(self, statement: str) -> str:
        """The statement, with the table that the request has its result written to. Raises UnreadableError."""
        shape = self.shape.into
        given = look(self.sent.document, tokens_of(shape.at)) if shape is not None else MISSING
        if shape is None or given is MISSING or given is None:
            return statement
        parts = [text_of(look(given, (name,))) for name in shape.names]
        if not parts[-1] or any(mark in "".join(parts) for mark in "`\\"):
            raise unreadable(Unreadable.WRONG_TYPE)
        name = ".".join(f"`{part}`" for part in parts if part)
        way = text_of(look(self.sent.document, tokens_of(shape.how)))
        if way in shape.appends:
            return f"INSERT INTO {name} {statement}"
        return f"CREATE {'OR REPLACE ' if way in shape.replaces else ''}TABLE {name} AS {statement}"

    def _bound(self) -> list[list[Any]]:
        """What is bound to the placeholders, in their order, where that is lists. Raises UnreadableError."""
        given = look(self.sent.document, tokens_of(self.shape.bound)) if self.shape.bound is not None else None
        if not isinstance(given, dict):
            return []
        numbered = sorted((name for name in given if name.isascii() and name.isdigit()), key=int)
        values = [one.get("value") if isinstance(one := given[name], dict) else one for name in numbered]
        lists = [value for value in values if isinstance(value, list)]
        if not lists:
            return []
        if len(lists) != len(given) or len({len(one) for one in lists}) != 1:
            raise unreadable(Unreadable.WRONG_TYPE)
        return lists

    def without(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        return None if rejected else body

    def tagged(self, body: bytes, tag: str) -> bytes | None:
        """The body with a query tag, unless the sender gave one; None when the API takes none.

        A list of tags gets one more, as `clyra_run`; elsewhere the tag is a text. Raises UnreadableError.
        """
        if self.shape.tag is None:
            return None
        document, place = parse(bytes(body)), tokens_of(self.shape.tag)  # one of our own, as it is changed
        given = look(document, place)
        if self.compiled.destination.id == "databricks":
            tags = given if isinstance(given, list) else []
            if any(isinstance(one, dict) and one.get("key") == "clyra_run" for one in tags):
                return body
            made = put(document, place, [*tags, {"key": "clyra_run", "value": tag}])
        elif (given is MISSING or given is None) and not _named_otherwise(document, place):
            made = put(document, place, tag)
        else:
            return body
        return None if made is MISSING else dump(made)

    def query_id(self, body: bytes) -> str:
        """The query's id in an answer, "" when it names none."""
        if self.shape.query_id is None:
            return ""
        try:
            return text_of(look(parse(body), tokens_of(self.shape.query_id)))
        except UnreadableError:
            return ""


class TextStatementEndpoint(StatementEndpoint):
    """An API whose body is the statement itself; it may also stand in the query (`?query=`).

    What follows `INSERT INTO table (columns) FORMAT name` is data, in that format, and no part of the statement.
    """

    def _document(self, body: bytes) -> Any:
        query = self.call.query.get("query", "")
        if (insert := _INSERT.match(query + "\n")) is not None:
            return {"statement": f"{insert[1]} VALUES (1)"}
        if not query.strip() and (insert := _INSERT.match(body[:_EDGE].decode("latin-1"))) is not None:
            return {"statement": f"{insert[1]} VALUES (1)"}
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise unreadable(Unreadable.ENCODING) from None
        parts = [part for part in (query, text) if part.strip()]
        return {"statement": "\n".join(parts)} if parts else {}


def _commented(batch: Batch) -> Batch:
    """The batch with what a comment at the start or the end of a statement says of its run."""
    for statement in batch.statements:
        edges = statement[:_EDGE] + "\n" + statement[-_EDGE:]
        if (found := _DRT.search(edges)) is not None:
            return _by(batch, Attribution("drt", found[1], found[2] or "", "payload"))
        if (found := _DBT.search(edges)) is not None:
            try:
                said = parse(found[1].encode("utf-8"))
            except UnreadableError:
                continue
            node = text_of(said.get("node_id")) or text_of(said.get("connection_name"))
            return _by(batch, Attribution("dbt", node, text_of(said.get("invocation_id")), "payload"))
    return batch


def _by(batch: Batch, attribution: Attribution) -> Batch:
    return replace(batch, attribution=attribution)
