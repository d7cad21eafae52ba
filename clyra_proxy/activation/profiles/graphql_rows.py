"""Rows of requests to GraphQL APIs: a mutation is a write that does what its fields are called, a query is none.

Rule: what cannot be read is `opaque`; of several things a document does to its rows the gravest counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.activation.graphql import Mutations, mutations_in
from clyra_proxy.activation.model import Operation, Row
from clyra_proxy.activation.profiles.detection import gravest, named_operation
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable


def graphql_rows(document: Any, rows: Sequence[Row]) -> Sequence[Row] | None:
    """The rows of a request, or of several in a list; None when it is not GraphQL. Raises UnreadableError."""
    if isinstance(document, dict):
        asked = _asked(document)
        return None if asked is None else [row._replace(operation=_done(asked)) for row in rows if asked.writes]
    if not isinstance(document, list) or len(document) != len(rows):
        return None
    every = [_asked(one) for one in document]
    if not every or None in every:
        return None
    pairs = zip(rows, every, strict=True)
    return [row._replace(operation=_done(asked)) for row, asked in pairs if asked is not None and asked.writes]


def _asked(document: Any) -> Mutations | None:
    query = document.get("query") if isinstance(document, dict) else None
    if not isinstance(query, str):
        return None
    named = document.get("operationName")
    return mutations_in(query, named if isinstance(named, str) else "")


def _done(asked: Mutations) -> Operation:
    if asked.unreadable:
        raise unreadable(Unreadable.OPAQUE)
    return gravest(map(named_operation, asked.fields), Operation.UNKNOWN)
