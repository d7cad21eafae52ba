"""Tier B: a body held whole, parsed once, validated once. Small bodies, and schemas that cannot be cut."""

from __future__ import annotations

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.admission import Admission, NotAdmitted, has_long_integer, parse_exactly
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Unreadable
from clyra_proxy.schemalock.offset_path import path_at, row_of
from clyra_proxy.schemalock.validate import first_objection, pointer
from clyra_proxy.stream.document import Shelf, shelf_of
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.reasons import Reason

_FULL = Coverage(Seen.FULL)


class BufferedSession:
    """A JSON document held to its end. schema: None for admission only. required: an empty body is a violation.

    exchange: whose request it is, where another check may want to read it again.
    """

    __slots__ = (
        "_admission", "_done", "_exchange", "_judge", "_max_buffer", "_parts", "_required", "_schema", "_size", "mode",
    )  # fmt: skip

    check_id = CHECK_ID
    resumable = True
    coverage = _FULL

    def __init__(
        self,
        judge: Judge,
        admission: Admission,
        schema: CompiledSchema | None,
        max_buffer: int,
        *,
        required: bool,
        exchange: Exchange | None = None,
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
        self._exchange = exchange

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
            shelf = shelf_of(self._exchange) if self._exchange is not None else None
            try:  # noqa: SIM105 - a context manager would cost a tenth of the whole judgement
                judge_document(self._judge, self._admission, self._schema, text, required=self._required, shelf=shelf)
            except Unreadable:
                pass
        self._judge.raise_notes()
        return EVERYTHING

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


def judge_document(
    judge: Judge,
    admission: Admission,
    schema: CompiledSchema | None,
    text: bytes,
    *,
    required: bool,
    shelf: Shelf | None = None,
) -> None:
    """Judge a whole body: admission, then the schema. Raises Violation, Unreadable.

    shelf: where the value of an admitted text is kept for who reads it next.
    """
    if not text and not required:
        return
    exact = False
    try:
        value, exact = admission.read(text)
    except NotAdmitted as problem:
        public = schema.names if schema is not None else frozenset[str]()
        judge.refuse_text(problem, 0, public, lambda offset: path_at(text, offset))
        value = problem.value
    else:
        if shelf is not None:
            shelf.put(text, value, exact=exact)
    if schema is None:
        return
    if schema.exact and not exact and has_long_integer(text):
        value = parse_exactly(text)
    if not schema.whole.is_valid(value):
        found = first_objection(schema.whole, value, branching=schema.branching)
        detail: dict[str, str | int] = {"schema_pointer": found.schema_pointer, "keyword": found.keyword}
        if (row := row_of(found.path)) is not None:
            detail["row"] = row
        judge.object_to(Reason.SCHEMA_VIOLATION, pointer(found.path, schema.names), detail)
