"""What the record of a write says of its rows: counts, positions, rules, ids of the run; never a value.

Shapes are those of the record type `pef.rows` (docs/evidence-format.md). The facts of the request are put into the
exchange before its intent is written, the facts of its end before its outcome.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.activation.model import Batch, Operation
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.evidence.event import ROWS
from clyra_proxy.exchange import Exchange
from clyra_proxy.telemetry.redaction import printable

MOST_REJECTIONS = 64
_OPERATIONS = {
    Operation.INSERT: "insert",
    Operation.UPDATE: "update",
    Operation.UPSERT: "upsert",
    Operation.DELETE: "delete",
    Operation.SEND: "event",
    Operation.UNKNOWN: "other",
}


def note_batch(exchange: Exchange, state: ActivationState) -> None:
    """Put what is written, by whom and how much of it goes on, into the exchange."""
    batch = state.batch
    if batch is None:
        return
    rows: dict[str, Any] = {
        "profile": state.profile,
        "destination": printable(exchange.route.destination)[:128],
        "object": printable(batch.target)[:256],
        "operation": operation_of(batch),
        "sync": printable(batch.attribution.sync)[:128],
        "run": printable(batch.attribution.run)[:128],
        "offered": len(batch.rows),
        "forwarded": len(state.forwarded),
        "rejected": len(state.rejections),
        "deletes": _count_deletes(batch),
    }
    if state.rejections:
        rows["rejections"] = [
            {"index": one.index, "rule": one.rule, "reason": one.reason} for one in state.rejections[:MOST_REJECTIONS]
        ]
    if state.quarantined:
        rows["quarantine"] = state.quarantined[:64]
        rows["quarantined"] = len(state.rejections)
    exchange.extensions[ROWS] = {name: value for name, value in rows.items() if value != ""}


def _count_deletes(batch: Batch) -> int:
    if Operation.DELETE not in batch.operations:
        return 0
    return sum(row.operation is Operation.DELETE for row in batch.rows)


def note_reply(exchange: Exchange, refused: int) -> None:
    """Add how many rows the destination itself refused."""
    if (rows := exchange.extensions.get(ROWS)) is not None:
        rows["refused"] = refused


def operation_of(batch: Batch) -> str:
    """The one operation of all rows, `mixed` when they differ, `other` when there are none."""
    kinds = batch.operations
    if len(kinds) == 1:
        return _OPERATIONS[kinds.pop()]
    return "mixed" if kinds else "other"
