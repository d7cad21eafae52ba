"""What a source handed in, and what may become of it: one batch of events with the source's own counter.

Counters are contiguous. An event seen before is acknowledged again if it is the same and refused if it is not; a jump
in the counter is written down as `sys.gap`; an event that breaks its schema is not recorded, and that too is a
`sys.gap`. Nothing a source sends can stop the log or go missing in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from recorder import record
from recorder.chain import Appended, Chain
from recorder.counters import NOT_RECORDED, Run, Source, event_digest
from recorder.intents import DEFAULT_DEADLINE_S, Intents

MAX_EVENTS = 4096
MAX_EVENT_BYTES = 61_440
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CAUSES = frozenset(("overflow", "lost", "spool_full", "unknown"))
_FROM_SOURCES = frozenset(typ for typ in record.TYPES if not typ.startswith("sys."))
_HEADER = frozenset(("source", "first", "cause", "spooled"))


class BatchError(ValueError):
    """The batch as a whole is unusable; nothing of it was recorded."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events `first`, `first`+1, ... of one source. cause: why events before `first` may be missing."""

    source: str
    key_name: str
    mac: str
    first: int
    lines: tuple[bytes, ...]
    cause: str = "lost"
    spooled: bool = False

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1


@dataclass(slots=True)
class Outcome:
    """Answer to one batch. rejected: (source counter, code) of events that are not in the log and never will be."""

    acked: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)


def parse_batch(body: bytes, key_name: str, mac: str) -> Batch:
    """Read an ingestion body: NDJSON, a header line, then one event a line. Raises BatchError."""
    lines = body.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not 1 <= len(lines) <= MAX_EVENTS + 1:
        raise BatchError(f"a batch has a header line and at most {MAX_EVENTS} events")
    try:
        header = orjson.loads(lines[0])
    except orjson.JSONDecodeError:
        raise BatchError("the header line is not JSON") from None
    if not isinstance(header, dict) or not header.keys() <= _HEADER:
        raise BatchError("the header line has unknown members")
    source, first = header.get("source"), header.get("first")
    cause, spooled = header.get("cause", "lost"), header.get("spooled", False)
    if not isinstance(source, str) or _SOURCE.fullmatch(source) is None or source == record.RECORDER_SOURCE:
        raise BatchError("the source id is not allowed")
    if key_name != "source" and source != key_name and not source.startswith(f"{key_name}-"):
        raise BatchError("this key may not speak for that source")
    if type(first) is not int or not 1 <= first <= 2**53 - 1 - MAX_EVENTS:
        raise BatchError("the first counter is not an integer from 1")
    if cause not in _CAUSES or type(spooled) is not bool:
        raise BatchError("bad cause or spooled flag")
    return Batch(source, key_name, mac, first, tuple(lines[1:]), cause, spooled)


@dataclass(slots=True)
class Admission:
    """Applies batches to a chain; collects the rows to store. Thrown away when the commit fails."""

    chain: Chain
    intents: Intents
    sources: dict[str, Source]
    digest_of: Callable[[str, int], bytes]
    now: float
    rows: list[Appended] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def apply(self, batch: Batch) -> Outcome:
        """Record the batch. Raises BatchError when another key owns the source."""
        source = self.sources.setdefault(batch.source, Source(batch.key_name))
        if source.key_name != batch.key_name:
            raise BatchError("another key speaks for this source")
        outcome = Outcome()
        if not batch.lines:
            outcome.acked = source.last
            return outcome
        if source.last == 0:  # no run of it is stored yet
            self.changed.add(batch.source)
        fresh_from = source.last + 1
        if batch.first > fresh_from:
            self._gap(batch.source, fresh_from, batch.first - 1, batch.cause)
            self._lose(batch.source, batch.first - fresh_from)
        if batch.spooled and batch.last >= fresh_from:
            first = max(batch.first, fresh_from)
            span = {"source": batch.source, "first": first, "last": batch.last, "count": batch.last - first + 1}
            self.rows.append(self.chain.append_own("sys.spool", span))
        digests: list[bytes] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number < fresh_from:
                code = self._again(batch.source, number, line)
            else:
                code = self._fresh(batch, number, line)
                digests.append(NOT_RECORDED if code else event_digest(line))
            if code:
                outcome.rejected.append((number, code))
        if digests:
            self.runs.append(Run(batch.source, max(batch.first, fresh_from), b"".join(digests)))
        source.last = max(source.last, batch.last)
        outcome.acked = source.last
        return outcome

    def _lose(self, source: str, count: int) -> None:
        self.sources[source].lost += count
        self.changed.add(source)

    def _again(self, source: str, number: int, line: bytes) -> str:
        """Whether an event is the one known under its number, in this group or in the file."""
        in_group = (run.digest_of(number) for run in self.runs if run.source == source)
        digest = next((found for found in in_group if found), None) or self.digest_of(source, number)
        if not digest or digest == NOT_RECORDED:
            return "not_recorded"
        return "" if digest == event_digest(line) else "conflict"

    def _fresh(self, batch: Batch, number: int, line: bytes) -> str:
        """Record one new event; on a violation declare it a gap and return the code."""
        try:
            event = _parse_event(line)
            self._append(batch, number, event)
        except record.RecordError as error:
            self._gap(batch.source, number, number, "invalid", f"{error.code}: {error.detail}"[:256])
            self._lose(batch.source, 1)
            return error.code
        return ""

    def _append(self, batch: Batch, number: int, event: dict[str, Any]) -> None:
        typ = event.pop("typ")
        data = event["data"]
        phase, exchange = data.get("phase"), data.get("exchange")
        key = (batch.source, exchange) if isinstance(exchange, str) else None
        if key and phase == "outcome":
            event["refs"] = event.get("refs", []) + self.intents.references(key)
        made = self.chain.append(typ, event, batch.source, number, batch.mac)
        self.rows.append(made)
        if key and phase == "intent":
            deadline = int(self.now) + data.get("deadline_s", DEFAULT_DEADLINE_S)
            self.intents.opened(key, typ, made, deadline)
        elif key and phase == "outcome":
            self.intents.answered(key)

    def close_overdue(self, silent: frozenset[str]) -> int:
        """Close intents past their deadline or of silent sources by an outcome `unknown`; return how many."""
        closed = 0
        for key, intent, cause in self.intents.overdue(self.now, silent):
            data = {"phase": "outcome", "exchange": key[1], "result": "unknown", "cause": cause}
            refs = [{"rel": "answers", "sha256": intent.leaf.hex(), "seq": intent.seq}]
            made = self.chain.append_own(intent.typ, data, refs=refs)
            self.rows.append(made)
            self.intents.closed_unknown(key, made)
            closed += 1
        return closed

    def _gap(self, source: str, first: int, last: int, cause: str, detail: str = "") -> None:
        data: dict[str, Any] = {
            "source": source,
            "first": first,
            "last": last,
            "count": last - first + 1,
            "cause": cause,
        }
        if detail:
            data["detail"] = detail
        self.rows.append(self.chain.append_own("sys.gap", data))


def _parse_event(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_EVENT_BYTES:
        raise record.RecordError("E_SIZE", "the event is too long")
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise record.RecordError("E_CANON", "the event is not JSON") from None
    if not isinstance(event, dict) or not event.keys() <= record.SOURCE_FIELDS:
        raise record.RecordError("E_SCHEMA", "the event has a field a source may not set")
    typ = event.get("typ")
    if not isinstance(typ, str) or typ not in _FROM_SOURCES:
        raise record.RecordError("E_SCHEMA", "a source may not write this record type")
    refs = event.get("refs", [])
    if not isinstance(event.get("data"), dict) or not isinstance(refs, list):
        raise record.RecordError("E_SCHEMA", "data is missing or not an object")
    return event
