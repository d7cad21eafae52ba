"""What an answer's templates may say of a batch and its rows.

Guarantees: nothing but what the sender sent itself, the rejections, and positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clyra_proxy.activation.model import Batch, Rejection, Row
from clyra_proxy.activation.profiles.json_body import MISSING

UNSAID = "The request was refused by policy."
WITH_OTHERS = "Not done, because other rows of the same request were refused."


@dataclass(slots=True)
class Sent:
    """What a request said, beside its batch. elements: rows as they were sent."""

    document: Any = MISSING
    elements: Sequence[Any] = ()

    def element(self, index: int) -> Any:
        """One row as it was sent; MISSING where there is none."""
        return self.elements[index] if 0 <= index < len(self.elements) else MISSING


def place_of(row: Row) -> str:
    """The container of a row: the last word of its pointer before the position."""
    return row.pointer.rpartition("/")[0].rpartition("/")[2]


def ranked(rows: Sequence[Row]) -> Iterator[tuple[str, int, Row]]:
    """Rows with their container and their position in it, as the destination counts what it was sent."""
    counts: dict[str, int] = {}
    for row in rows:
        way = row.pointer.rpartition("/")[0]
        at = counts.get(way, 0)
        counts[way] = at + 1
        yield place_of(row), at, row


def position_of(row: Row) -> int:
    """Where a row stood in its container."""
    last = row.pointer.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() else row.index


def batch_facts(batch: Batch, rejections: Sequence[Rejection], sent: Sent) -> dict[str, Any]:
    """Facts about the whole: `message code rows refused target request`."""
    messages = list(dict.fromkeys(one.message for one in rejections))
    message = messages[0] if messages else UNSAID
    if len(messages) > 1:
        message += f" ({len(rejections)} rows were refused, for {len(messages)} reasons.)"
    return {
        "message": message,
        "code": rejections[0].reason if rejections else "refused",
        "rule": rejections[0].rule if rejections else "",
        "rows": len(batch.rows),
        "refused": len(rejections),
        "target": batch.target,
        "request": sent.document,
    }


def row_facts(whole: Mapping[str, Any], row: Row, rejection: Rejection | None, sent: Sent) -> dict[str, Any]:
    """Facts about one row. rejection: None for a row that goes down with others."""
    return {
        **whole,
        "index": row.index,
        "position": position_of(row),
        "position_text": str(position_of(row)),
        "list": place_of(row),
        "key": row.key or MISSING,
        "pointer": row.pointer,
        "row": sent.element(row.index),
        "message": rejection.message if rejection else WITH_OTHERS,
        "code": rejection.reason if rejection else "refused_with_others",
        "rule": rejection.rule if rejection else "",
    }
