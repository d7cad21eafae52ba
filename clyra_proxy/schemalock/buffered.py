"""Tier B: a body held whole, parsed once, validated once. Small bodies, and schemas that cannot be cut."""

from __future__ import annotations

from contextlib import suppress

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.schemalock.admission import Admission, NotAdmitted, has_long_integer, parse_exactly
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Unreadable
from clyra_proxy.schemalock.validate import first_objection, pointer
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.reasons import Reason

_FULL = Coverage(Seen.FULL)


class BufferedSession:
    """A JSON document held to its end. schema: None for admission only. required: an empty body is a violation."""

    __slots__ = ("_admission", "_done", "_judge", "_max_buffer", "_parts", "_required", "_schema", "_size", "mode")

    check_id = CHECK_ID
    resumable = True
    coverage = _FULL

    def __init__(
        self, judge: Judge, admission: Admission, schema: CompiledSchema | None, max_buffer: int, *, required: bool
    ) -> None:
        self.mode: Mode = judge.mode
        self._judge = judge
        self._admission = admission
        self._schema = schema
        self._max_buffer = max_buffer
        self._required = required
        self._parts: list[bytes] = []
        self._size = 0
        self._done = False

    def feed(self, data: bytes) -> int:
        """Hold `data`; nothing leaves before the end. Raises Violation."""
        if self._done:
            self._judge.raise_notes()
            return EVERYTHING
        if data:
            self._parts.append(data)
            self._size += len(data)
            if self._size > self._max_buffer:
                self._too_large()
        return 0

    def finish(self) -> int:
        """Parse and validate what was held. Raises Violation."""
        if not self._done:
            self._done = True
            text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            with suppress(Unreadable):
                self._judge_text(text)
        self._judge.raise_notes()
        return EVERYTHING

    def _judge_text(self, text: bytes) -> None:
        if not text and not self._required:
            return
        try:
            value = self._admission.parse(text)
        except NotAdmitted as problem:
            self._judge.refuse_text(problem)
            value = problem.value
        schema = self._schema
        if schema is None:
            return
        if schema.exact and has_long_integer(text):
            value = parse_exactly(text)
        if not schema.whole.is_valid(value):
            object_to_value(self._judge, schema, value)

    def _too_large(self) -> None:
        """The body cannot be held and cannot be cut."""
        self._parts.clear()
        self._done = True
        reason = Reason.SCHEMA_NOT_STREAMABLE if self._schema is not None else Reason.BODY_TOO_LARGE
        detail: dict[str, str | int] = {"limit": self._max_buffer}
        if self._schema is not None:
            detail["why"] = self._schema.blocked
        try:
            self._judge.object_to(reason, "", detail, fatal=True)
        except Unreadable:
            self._judge.raise_notes()


def object_to_value(judge: Judge, schema: CompiledSchema, value: object) -> None:
    """Object to a parsed document that its schema refuses, naming the first place."""
    found = first_objection(schema.whole, value)
    if found is None:
        raise ValueError("the validator contradicts itself")
    detail = {"schema_path": found.schema_pointer, "keyword": found.keyword}
    judge.object_to(Reason.SCHEMA_VIOLATION, pointer(found.path, schema.names), detail)
