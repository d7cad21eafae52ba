"""RFC 4180 CSV, one row a record, safe to open in a spreadsheet.

A cell whose text starts like a formula (`=`, `+`, `-`, `@`, their full-width forms, a tab or a carriage return) gets an
apostrophe in front, so that a hostile agent name or path is shown, not run (OWASP "CSV Injection"). Columns are fixed;
what is verdict on the evidence stands in every row, because a row travels alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from recorder.export.entry import Entry
from recorder.reading import Provenance

COLUMNS: Final = (
    "seq", "ts", "typ", "phase", "exchange", "agent", "auth", "tenant", "session", "op", "method", "host", "target",
    "tool", "decision", "reason", "rule", "mode", "action", "would_action", "result", "status", "request_bytes",
    "response_bytes", "duration_us", "route", "policy_sha256", "trace_id", "span_id", "approval", "approval_state",
    "source", "source_seq", "leaf_sha256", "prev_sha256", "origin", "bundle", "evidence_verdict", "evidence_first",
    "anchored", "forced",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write(entries: Iterable[Entry], provenance: Provenance) -> Iterator[bytes]:
    """The header, then a row a record; UTF-8, CRLF line ends."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        row = _row(entry, provenance)
        writer.writerow([safe(row[column]) for column in COLUMNS])
        yield _taken(buffer)
    yield _taken(buffer)


def safe(value: object) -> str:
    """A cell's text, never taken for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8")


def _row(entry: Entry, provenance: Provenance) -> dict[str, object]:
    record, data = entry.record, entry.record["data"]
    agent, act, verdict = entry.part("agent"), entry.part("act"), record.get("verdict") or {}
    flow, trace, approval = record.get("io") or {}, record.get("trace") or {}, record.get("appr") or {}
    return {
        "seq": entry.item.seq,
        "ts": record["ts"],
        "typ": record["typ"],
        "phase": data.get("phase"),
        "exchange": data.get("exchange"),
        "agent": agent.get("uid"),
        "auth": agent.get("auth"),
        "tenant": agent.get("tenant"),
        "session": entry.part("claim").get("session"),
        **{name: act.get(name) for name in ("op", "method", "host", "target", "tool")},
        **{name: verdict.get(name) for name in ("decision", "reason", "rule", "mode", "policy_sha256")},
        **{name: data.get(name) for name in ("action", "would_action", "result")},
        "status": flow.get("res", {}).get("status"),
        "request_bytes": flow.get("req", {}).get("len"),
        "response_bytes": flow.get("res", {}).get("len"),
        "duration_us": entry.duration_us,
        "route": (entry.subject or record)["data"].get("route"),
        "trace_id": trace.get("trace_id"),
        "span_id": trace.get("span_id"),
        "approval": approval.get("id"),
        "approval_state": approval.get("state"),
        "source": record["src"]["id"],
        "source_seq": record["src"]["seq"],
        "leaf_sha256": entry.item.leaf.hex(),
        "prev_sha256": record["prev"],
        "origin": provenance.origin,
        "bundle": provenance.bundle,
        "evidence_verdict": provenance.verdict,
        "evidence_first": provenance.first,
        "anchored": entry.item.seq < provenance.anchored_end,
        "forced": provenance.forced,
    }
