"""Batches and inspectors for tests of row limits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clyra_proxy.activation.inspection import RowInspection, RowSignal, RowWorkshop
from clyra_proxy.activation.model import Attribution, Batch, Operation, Row
from clyra_proxy.activation.rows.compiled import compile_inspectors
from clyra_proxy.activation.rows.inspector import RowsInspector
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.policy.rows import RowLimits
from clyra_proxy.schemalock.document import parse_document
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateStore

NOW = 1_795_000_000.0  # a Wednesday, 2026-11-18 10:26:40 UTC
SECRET = bytes(range(32))

QUIET = """
default: {per_request: off, per_run: off, windows: [], deletes: {per_request: off, per_run: off},
  nulls: {enabled: false}, distribution: {enabled: false}, idempotency: {enabled: false}}
unattributed: allow
"""


def limits(text: str = "") -> RowLimits:
    """The section as YAML gives it; the shipped limits are switched off unless it sets `default`."""
    value = {**_read(QUIET), **(_read(text) if text else {})}
    return RowLimits.model_validate_json(json.dumps(value))


def _read(text: str) -> dict[str, Any]:
    value: dict[str, Any] = parse_document(text.encode(), "limits").value
    return value


def shipped() -> RowLimits:
    """The section as it ships."""
    return RowLimits()


def inspector(settings: RowLimits, state: StateStore | None = None, base_dir: Path = Path()) -> RowsInspector:
    (made,) = compile_inspectors(settings, base_dir, RowWorkshop(state or MemoryState(), SECRET))
    assert isinstance(made, RowsInspector)
    return made


def rows(
    values: Iterable[Mapping[str, Any]], operation: Operation = Operation.UPSERT, key: str = "id", first: int = 0
) -> tuple[Row, ...]:
    return tuple(
        Row(index, one, operation, str(one.get(key, "")), f"/records/{index}")
        for index, one in enumerate(values, start=first)
    )


def people(count: int, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": f"u{n}", "email": f"u{n}@example.com", **fields} for n in range(first, first + count)]


def written(
    records: Iterable[Row] | Iterable[Mapping[str, Any]] = (),
    *,
    operation: Operation = Operation.UPSERT,
    target: str = "contacts",
    sync: str = "s1",
    run: str = "r1",
    tenant: str = "acme",
    agent: str = "retl",
    destination: str = "api.hubapi.com:443",
    route: str = "hubspot",
    exchange: str = "x1",
    key: str = "",
    now: float = NOW,
    enforced: bool = True,
    body: bytes = b"",
    endpoint: str = "POST /batch",
) -> RowInspection:
    """One batch, as a profile would give it."""
    made = tuple(records)
    if made and not isinstance(made[0], Row):
        made = rows(made, operation)  # type: ignore[arg-type]
    batch = Batch(
        "test",
        target,
        made,  # type: ignore[arg-type]
        attribution=Attribution("test", sync, run, "header" if sync or run else ""),
        idempotency_key=key,
    )
    caller = Caller(agent=agent, tenant=tenant, auth="proxy")
    return RowInspection(batch, caller, destination, route, exchange, now, enforced, endpoint, body)


def told(signals: Iterable[RowSignal]) -> list[tuple[str, str, tuple[int, ...]]]:
    """(rule, kind, rows) of each signal."""
    return [(one.rule, str(one.detail.get("kind", "")), one.rows) for one in signals]


def rules(signals: Iterable[RowSignal]) -> list[str]:
    return [one.rule for one in signals]
