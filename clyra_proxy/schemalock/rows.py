"""Sessions over JSON rows: NDJSON lines and the data of server-sent events."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from clyra_proxy.schemalock.admission import Admission, NotAdmitted
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import Judge
from clyra_proxy.schemalock.row_session import RowSession
from clyra_proxy.stream.events import Event, EventSplitter
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.lines import LineSplitter

_BLANK = b" \t\r\n"
_DONE = b"[DONE]"
"""What OpenAI-compatible streams send last; it is not JSON."""
_UNNAMED = "message"
"""The name of an event that is sent without one (WHATWG HTML section 9.2.6)."""


class NdjsonSession(RowSession):
    """One JSON text a line; blank lines are allowed.

    Lines are parsed many at once, with a random word between each two. A line that is not exactly one JSON text would
    move a word out of its place, and a sender cannot forge the words, so words in their places prove every line.
    """

    def __init__(self, judge: Judge, schema: CompiledSchema | None, limits: BodyLimits) -> None:
        super().__init__(judge, schema, limits)
        self._lines = LineSplitter()
        self._batch_admission = Admission(limits, outer_depth=-1)
        self._word = secrets.token_urlsafe(12)
        self._between = b',"' + self._word.encode() + b'",'

    def _take(self, data: bytes) -> None:
        self._judge_lines([line for line in self._lines.decode(data) if line.strip(_BLANK)])

    def _end(self) -> None:
        self._judge_lines([line for line in self._lines.flush() if line.strip(_BLANK)])

    def _passed(self) -> int:
        return self._lines.passed

    def _held(self) -> int:
        return self._lines.held

    def _judge_lines(self, lines: list[bytes]) -> None:
        if not lines:
            return
        values = self._parse_together(lines) if len(lines) > 1 else None
        if values is None or (self._schema is not None and self._schema.exact):
            for line in lines:
                self._validate(self._admit(line))
                self.rows += 1
            return
        schema = self._schema
        if schema is None or self._silenced or all(map(schema.whole.is_valid, values)):
            self.rows += len(lines)
            return
        for value in values:
            self._validate(value)
            self.rows += 1

    def _parse_together(self, lines: list[bytes]) -> list[Any] | None:
        """All values, or None when some line must be looked at alone."""
        try:
            mixed = self._batch_admission.parse(b"[" + self._between.join(lines) + b"]")
        except NotAdmitted:
            return None
        count = len(lines)
        if len(mixed) != 2 * count - 1 or mixed[1::2].count(self._word) != count - 1:
            return None
        values: list[Any] = mixed[::2]
        return values


class EventSession(RowSession):
    """Server-sent events whose data is JSON (or `[DONE]`); each event is a row.

    by_name: schemas of events by their name, exactly as sent; `schema` is that of all others. An event without a name
    has the one that clients give it.
    """

    def __init__(
        self,
        judge: Judge,
        schema: CompiledSchema | None,
        limits: BodyLimits,
        by_name: Mapping[str, CompiledSchema] | None = None,
    ) -> None:
        super().__init__(judge, schema, limits)
        self._events = EventSplitter()
        self._by_name = by_name or {}
        self._default = schema

    def _take(self, data: bytes) -> None:
        self._judge_events(self._events.decode(data))

    def _end(self) -> None:
        self._judge_events(self._events.flush())

    def _passed(self) -> int:
        return self._events.passed

    def _held(self) -> int:
        return self._events.held

    def _judge_events(self, events: list[Event]) -> None:
        for event in events:
            if event.data.strip(_BLANK) != _DONE:
                self._schema = self._by_name.get(event.name or _UNNAMED, self._default)
                self._validate(self._admit(event.data))
            self.rows += 1
