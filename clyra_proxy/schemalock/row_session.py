"""What sessions over rows, events and fields have in common: judging values one by one, with their number.

Every row leaves as soon as it has been judged: a prefix of rows is complete in itself, so nothing is gained by holding
the last one back (`incremental`). Upstreams that act on partial bodies want `atomic: spool`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.schemalock.admission import Admission, NotAdmitted, has_long_integer, parse_exactly
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Unreadable
from clyra_proxy.schemalock.offset_path import path_at
from clyra_proxy.schemalock.validate import first_objection, pointer
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.reasons import Reason


class RowSession(ABC):
    """A body of values. schema: judges each; None for admission only."""

    check_id = CHECK_ID
    resumable = True
    incremental = True

    def __init__(self, judge: Judge, schema: CompiledSchema | None, limits: BodyLimits) -> None:
        self.mode: Mode = judge.mode
        self.coverage = Coverage(Seen.STREAMED)
        self.rows = 0
        self._judge = judge
        self._schema = schema
        self._limits = limits
        self._admission = Admission(limits)
        self._done = False
        self._silenced = False

    def feed(self, data: bytes) -> int:
        """Take the next bytes; the watermark is the end of the last judged row. Raises Violation."""
        if not self._done and data:
            with suppress(Unreadable):
                self._take(data)
                if self._held() > self._limits.max_buffer:
                    detail: dict[str, str | int] = {
                        "limit": self._limits.max_buffer,
                        "what": "one row",
                        "row": self.rows,
                    }
                    self._judge.object_to(Reason.BODY_TOO_LARGE, "", detail, fatal=True)
                self._judge.raise_notes()
                return self._passed()
            self._done = True
        self._judge.raise_notes()
        return EVERYTHING if self._done else self._passed()

    def finish(self) -> int:
        """The body ended. Raises Violation."""
        if not self._done:
            self._done = True
            with suppress(Unreadable):
                self._end()
        self._judge.raise_notes()
        return EVERYTHING

    @abstractmethod
    def _take(self, data: bytes) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...

    @abstractmethod
    def _passed(self) -> int: ...

    @abstractmethod
    def _held(self) -> int: ...

    def _admit(self, text: bytes) -> Any:
        """The value of one JSON text. Raises Violation, Unreadable."""
        try:
            value = self._admission.parse(text)
        except NotAdmitted as problem:
            detail = {"row": self.rows}
            problems = [(reason, {**facts, **detail}) for reason, facts in problem.problems]
            public = self._schema.names if self._schema is not None else frozenset[str]()
            objection = NotAdmitted(*problems, value=problem.value, fatal=problem.fatal)
            self._judge.refuse_text(objection, 0, public, lambda offset: (self.rows, *path_at(text, offset)))
            value = problem.value
        if self._schema is not None and self._schema.exact and has_long_integer(text):
            value = parse_exactly(text)
        return value

    def _validate(self, value: Any) -> None:
        """Judge one value as row number `rows`. Raises Violation."""
        schema = self._schema
        if schema is None or self._silenced or schema.whole.is_valid(value):
            return
        found = first_objection(schema.whole, value, branching=schema.branching)
        facts = {"schema_pointer": found.schema_pointer, "keyword": found.keyword}
        self._object(pointer((self.rows, *found.path), schema.names), facts)

    def _object(self, path: str, facts: Mapping[str, str | int]) -> None:
        self._silenced = True
        self._judge.object_to(Reason.ROW_INVALID, path, {"row": self.rows, **facts})

    def _malformed(self, why: str) -> None:
        """The framing itself is broken: nothing more can be read."""
        self._judge.object_to(Reason.ROW_INVALID, "", {"row": self.rows, "why": why}, fatal=True)
