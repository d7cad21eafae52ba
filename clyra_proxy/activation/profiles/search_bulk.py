"""Rows of the bulk protocol of search engines: lines that say what is done, each with the document it is done with.

Rule: a line with one of four members is an action; the next is its document, but for deletes. Lines belong together, so
single ones are not taken out. Reference: Elasticsearch and OpenSearch, Bulk API.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.activation.model import Operation, Row
from clyra_proxy.activation.profiles.json_body import text_of
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable

_ACTIONS = {
    "index": Operation.UPSERT,
    "create": Operation.INSERT,
    "update": Operation.UPDATE,
    "delete": Operation.DELETE,
}
_PLACE = {"_index", "_id", "_type", "_source", "routing", "_routing", "pipeline", "dynamic_templates"}
_CONDITIONS = {"version", "version_type", "retry_on_conflict", "if_seq_no", "if_primary_term"}
_DEMANDS = {"require_alias", "require_data_stream", "list_executed_pipelines"}
_ABOUT = frozenset(_PLACE | _CONDITIONS | _DEMANDS)
"""What an action may say of its document."""


def bulk_rows(lines: Sequence[Any]) -> tuple[Row, ...] | None:
    """The rows of a body in that protocol; None when it is in no such one. Raises UnreadableError (`wrong_type`)."""
    if not lines or _action(lines[0]) is None:
        return None
    rows: list[Row] = []
    waiting = iter(lines)
    for line in waiting:
        if (found := _action(line)) is None:
            raise unreadable(Unreadable.WRONG_TYPE)
        operation, about = found
        document = {} if operation is Operation.DELETE else next(waiting, None)
        if not isinstance(document, dict):
            raise unreadable(Unreadable.WRONG_TYPE)
        inner = document.get("doc") if operation is Operation.UPDATE else None
        values = inner if isinstance(inner, dict) and len(document) == 1 else document
        rows.append(Row(len(rows), values, operation, text_of(about.get("_id"))))
    return tuple(rows)


def _action(line: Any) -> tuple[Operation, dict[str, Any]] | None:
    if not isinstance(line, dict) or len(line) != 1:
        return None
    ((name, about),) = line.items()
    known = name in _ACTIONS and isinstance(about, dict) and _ABOUT.issuperset(about)
    return (_ACTIONS[name], about) if known else None
