"""From what is wrong with a body to a finding, or to nothing, as the route's modes say.

Rules: an enforced rule stops the body at once. A rule in shadow mode is noted and the session goes on, so that it
cannot hide an enforced rule further down. When a body cannot be read and the rule that says so is only in shadow, an
enforced schema rule refuses instead: a schema cannot be satisfied by what cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clyra_proxy.checks import Violation
from clyra_proxy.policy.route import Route
from clyra_proxy.schemalock.admission import NotAdmitted
from clyra_proxy.schemalock.offset_path import row_of
from clyra_proxy.schemalock.validate import pointer
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON

CHECK_ID = "schema"

_READING = (
    Reason.JSON_SYNTAX,
    Reason.JSON_ENCODING,
    Reason.JSON_DUPLICATE_KEY,
    Reason.JSON_DEPTH,
    Reason.JSON_NUMBER_RANGE,
    Reason.JSON_TRAILING,
    Reason.JSON_INCOMPLETE,
    Reason.BODY_TOO_LARGE,
)
_HEAD = (Reason.MEDIA_TYPE, Reason.SCHEMA_UNKNOWN_ROUTE)
_SCHEMA = (Reason.SCHEMA_VIOLATION, Reason.SCHEMA_NOT_STREAMABLE, Reason.ROW_INVALID)


class Unreadable(Exception):  # noqa: N818 - a verdict on data
    """The body cannot be read further and nothing enforced minds: the session has no more to say."""


class Modes:
    """The modes of SchemaLock's rules on one route, looked up once. mode: `enforce` when any of them enforces."""

    __slots__ = ("by_reason", "mode", "plain", "schema")

    def __init__(self, route: Route) -> None:
        self.by_reason = {reason: BY_REASON[reason].mode(route) for reason in (*_READING, *_HEAD, *_SCHEMA)}
        modes = {self.by_reason[reason] for reason in (*_READING, *_SCHEMA)}
        self.schema = Mode.ENFORCE in (self.by_reason[reason] for reason in _SCHEMA)
        reading = {self.by_reason[reason] for reason in _READING}
        self.mode = _strictest(modes)
        self.plain = _strictest(reading)
        """Mode of a session without a schema."""


def _strictest(modes: set[Mode]) -> Mode:
    if Mode.ENFORCE in modes:
        return Mode.ENFORCE
    return Mode.SHADOW if Mode.SHADOW in modes else Mode.OFF


class Judge:
    """One body's judge. has_schema: whether a schema stands behind an unreadable body. mode: of the session, when it
    is not that of SchemaLock's rules together."""

    __slots__ = ("_has_schema", "_modes", "_notes", "_phase", "mode")

    def __init__(self, modes: Modes, phase: Phase, has_schema: bool, mode: Mode | None = None) -> None:
        self._modes = modes
        self._phase = phase
        self._has_schema = has_schema
        self._notes: dict[str, Finding | None] | None = None
        self.mode = mode if mode is not None else modes.mode if has_schema else modes.plain

    def object_to(
        self, reason: Reason, path: str = "", detail: Mapping[str, str | int] | None = None, *, fatal: bool = False
    ) -> None:
        """Raise Violation, or note it for later. fatal: nothing more can be read (raises Unreadable when noted)."""
        mode = self._modes.by_reason[reason]
        if fatal and mode is not Mode.ENFORCE and self._has_schema and self._modes.schema:
            if mode is Mode.SHADOW:
                self._note(self._finding(reason, mode, path, detail))
            detail = {**(detail or {}), "why": str(reason)}
            raise Violation(self._finding(Reason.SCHEMA_VIOLATION, Mode.ENFORCE, path, detail))
        if mode is Mode.ENFORCE:
            raise Violation(self._finding(reason, mode, path, detail))
        if mode is Mode.SHADOW:
            self._note(self._finding(reason, mode, path, detail))
        if fatal:
            raise Unreadable

    def refuse_text(
        self, problem: NotAdmitted, offset: int, public: frozenset[str], path_at: Callable[[int], tuple[str | int, ...]]
    ) -> None:
        """Object to a text that was not admitted. offset: of the text in the body, added to offsets in the facts.

        public: names that a pointer may show. path_at: from an offset in the text to steps from the root of the body.
        """
        for reason, detail in problem.problems:
            path = ""
            if "offset" in detail:
                at = int(detail["offset"])
                steps = path_at(at)
                path, row = pointer(steps, public), row_of(steps)
                detail = {**detail, "offset": at + offset, **({} if row is None else {"row": row})}
            self.object_to(reason, path, detail, fatal=problem.fatal)

    def remark(self, reason: Reason) -> None:
        """Note what the head already shows; it comes out with the first bytes."""
        mode = self._modes.by_reason[reason]
        if mode is not Mode.OFF:
            self._note(self._finding(reason, mode, "", None))

    def raise_notes(self) -> None:
        """Hand over the next noted finding, if any, as a Violation."""
        if self._notes:
            for rule, finding in self._notes.items():
                if finding is not None:
                    self._notes[rule] = None
                    raise Violation(finding)

    def _note(self, finding: Finding) -> None:
        """Remember the first finding of each rule."""
        if self._notes is None:
            self._notes = {}
        self._notes.setdefault(finding.rule, finding)

    def _finding(self, reason: Reason, mode: Mode, path: str, detail: Mapping[str, str | int] | None) -> Finding:
        rule = BY_REASON[reason]
        return Finding(CHECK_ID, rule.id, reason, rule.action, mode, self._phase, rule.severity, path, detail or {})
