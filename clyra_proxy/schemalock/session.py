"""Tier A: a body judged while it passes. Small bodies end up in tier B without having paid for it.

Rules: nothing leaves before the first record has been judged, or `minimum_hold` bytes were seen, or the end. What
leaves ends with a whole item, so no prefix that has left is a whole document; the root's closing bracket leaves after
the last judgement.
"""

from __future__ import annotations

from contextlib import suppress

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.schemalock.admission import Admission
from clyra_proxy.schemalock.buffered import judge_document
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Unreadable
from clyra_proxy.schemalock.taker import WALK_INTO, DocumentTaker
from clyra_proxy.schemalock.walker import SyntaxFault, TrailingFault, Walker
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.reasons import Reason

_BLANKS = b" \t\n\r"
_STARTS = frozenset(b'"-0123456789tfn')


class StreamSession:
    """A JSON document of any size. schema: None for admission only; without a plan nothing leaves before the end.

    hold_whole: bytes held before streaming begins; a body that ends before is judged whole. walk_into: bytes of an
    incomplete value that are held before it is taken apart.
    """

    check_id = CHECK_ID
    resumable = True

    def __init__(
        self,
        judge: Judge,
        admission: Admission,
        schema: CompiledSchema | None,
        limits: BodyLimits,
        *,
        required: bool,
        hold_whole: int,
        walk_into: int = WALK_INTO,
    ) -> None:
        self.mode: Mode = judge.mode
        self.coverage = Coverage(Seen.FULL)
        self._judge = judge
        self._admission = admission
        self._schema = schema
        self._limits = limits
        self._required = required
        self._hold_whole = hold_whole
        self._parts: list[bytes] = []
        self._size = 0
        self._taker = DocumentTaker(judge, schema, limits, walk_into)
        self._walker: Walker | None = None
        self._blank = True  # nothing but blanks so far
        self._whole = False  # a scalar root: held to the end
        self._done = False

    def feed(self, data: bytes) -> int:
        """Take the next bytes; the watermark is the end of the last whole item. Raises Violation."""
        if not self._done:
            try:
                self._feed(data)
            except Unreadable:
                self._stop()
        self._judge.raise_notes()
        return EVERYTHING if self._done else self._watermark()

    def finish(self) -> int:
        """The body ended. Raises Violation."""
        if not self._done:
            with suppress(Unreadable):
                self._finish()
            self._stop()
        self._judge.raise_notes()
        return EVERYTHING

    def _stop(self) -> None:
        self._done = True
        self._parts.clear()
        self._walker = None
        self._taker.forget()

    def _watermark(self) -> int:
        walker = self._walker
        if walker is None or (not self._taker.judged and self._size < self._limits.minimum_hold):
            return 0
        return min(walker.passed, self._taker.barrier)

    def _feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._walker is None:
            if data:
                self._parts.append(data)
                self._blank = self._blank and not data.lstrip(_BLANKS)
            if self._blank:
                self._check_blanks()
                return
            if self._whole or self._size < self._hold_whole or not self._begin():
                self._check_held(self._size if self._whole else 0)
                return
            data = b"".join(self._parts)
            self._parts.clear()
        if self._walker is not None:
            self._walk(self._walker, data)
            self._check_held(self._walker.held)

    def _begin(self) -> bool:
        """Look at the root's first byte: walk, hold whole, or refuse."""
        text = b"".join(self._parts).lstrip(_BLANKS)
        if text[:1] not in (b"[", b"{"):
            if text[0] not in _STARTS:
                self._judge_whole(text)
            self._whole = True
            return False
        self._walker = Walker(self._taker)
        if self._schema is None or self._schema.plan is not None:
            self.coverage = Coverage(Seen.STREAMED)
        return True

    def _walk(self, walker: Walker, data: bytes, last: bool = False) -> None:
        try:
            walker.feed(data, last)
        except TrailingFault as fault:
            self._judge.object_to(Reason.JSON_TRAILING, "", {"offset": fault.offset}, fatal=True)
        except SyntaxFault as fault:
            self._judge.object_to(Reason.JSON_SYNTAX, "", {"offset": fault.offset}, fatal=True)

    def _finish(self) -> None:
        walker = self._walker
        if walker is None:
            self._judge_whole(b"".join(self._parts))
            return
        self._walk(walker, b"", last=True)
        if walker.root_close < 0:
            self._judge.object_to(Reason.JSON_INCOMPLETE, "", {"offset": self._size}, fatal=True)
        self._taker.finish()

    def _judge_whole(self, text: bytes) -> None:
        judge_document(self._judge, self._admission, self._schema, text, required=self._required)

    def _check_blanks(self) -> None:
        """No writer needs many blanks before a document; whoever sends them wants them held."""
        if self._size > self._limits.minimum_hold:
            detail: dict[str, str | int] = {"limit": self._limits.minimum_hold, "why": "blanks before the document"}
            self._judge.object_to(Reason.BODY_TOO_LARGE, "", detail, fatal=True)

    def _check_held(self, held: int) -> None:
        if held <= self._limits.max_buffer:
            return
        blocked = self._schema is not None
        reason = Reason.SCHEMA_NOT_STREAMABLE if blocked else Reason.BODY_TOO_LARGE
        self._judge.object_to(reason, "", {"limit": self._limits.max_buffer, "why": "one item"}, fatal=True)
