"""One body session under the gate's care: called, timed, and never trusted.

Guarantees: whatever a session does (raise, return garbage) becomes a declared outcome. An enforcing session that fails
takes its check's `on_error` action; a shadow session that fails is detached and cannot touch the body. A session that
objects in shadow mode is detached too, unless it is `resumable`: then it has more rules, some perhaps enforced, and
stands ready to go on after its Violation; the gate calls `feed(b"")` (or `finish()` again) to learn the rest.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import Protocol

from clyra_proxy.checks import EVERYTHING, BodyCheck, BodySession, Violation
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase, Severity
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.watchdog import WATCHDOG, CheckTimeout

_MOST_NOTES = 64
"""An enforcing session may note this many shadow findings in a row before it counts as broken."""


def check_error(check_id: str, on_error: Action, mode: Mode, phase: Phase, why: str) -> Finding:
    """The finding for a check that failed. why: a word for a person, never content."""
    late = why == CheckTimeout.__name__
    rule, reason = ("check.timeout", Reason.CHECK_TIMEOUT) if late else ("check.error", Reason.CHECK_ERROR)
    return Finding(check_id, rule, reason, on_error, mode, phase, Severity.HIGH, "", {"why": why}, error=True)


def refuses(finding: Finding) -> bool:
    """True when a finding stops a body: enforced, and asking for more than a mark."""
    return finding.mode is Mode.ENFORCE and finding.action > Action.MARK


class Keeper(Protocol):
    """Who keeps findings: the gate."""

    def record(self, finding: Finding) -> None: ...


class Watch:
    """A session with its watermark (decoded offset that may leave) and the nanoseconds it has used.

    attached: false once the session is done with, for whatever reason; its watermark is then EVERYTHING.
    incremental: the session's framing makes every prefix complete in itself (rows, events), so that holding the last
    byte back would only delay it.
    """

    __slots__ = (
        "attached",
        "check_id",
        "enforcing",
        "incremental",
        "mark",
        "ns",
        "on_error",
        "phase",
        "resumable",
        "session",
    )

    def __init__(self, check: BodyCheck, session: BodySession, phase: Phase) -> None:
        self.session = session
        self.check_id = session.check_id
        self.on_error = check.on_error
        self.enforcing = session.mode is Mode.ENFORCE
        self.incremental = getattr(session, "incremental", False)
        self.resumable = self.enforcing or getattr(session, "resumable", False)
        self.phase = phase
        self.attached = True
        self.mark = 0
        self.ns = 0

    def feed(self, data: bytes, seen: int, keeper: Keeper) -> None:
        """Give the session decoded bytes; `seen` counts all decoded so far. Raises BodyRefused."""
        start = perf_counter_ns()
        WATCHDOG.enter()
        try:
            mark = self.session.feed(data)
        except Violation as violation:
            self._object(violation, seen, keeper)
        except Exception as error:  # noqa: BLE001 - any failure of a check has a declared outcome
            self._fail(type(error).__name__, keeper)
        else:
            if type(mark) is int and self.mark <= mark and (mark <= seen or mark == EVERYTHING):
                self.mark = mark
            else:
                self._fail("watermark", keeper)
        finally:
            WATCHDOG.leave()
            self.ns += perf_counter_ns() - start

    def finish(self, seen: int, keeper: Keeper) -> None:
        """The body ended. Raises BodyRefused when the session objects or does not clear everything."""
        start = perf_counter_ns()
        WATCHDOG.enter()
        try:
            mark = self.session.finish()
        except Violation as violation:
            self._object_at_end(violation, seen, keeper)
        except Exception as error:  # noqa: BLE001 - any failure of a check has a declared outcome
            self._fail(type(error).__name__, keeper)
        else:
            self._end(mark, seen, keeper)
        finally:
            WATCHDOG.leave()
            self.ns += perf_counter_ns() - start

    def _end(self, mark: object, seen: int, keeper: Keeper) -> None:
        if type(mark) is int and mark >= seen:
            self.mark = mark
        else:
            self._fail("watermark", keeper)

    def _object_at_end(self, violation: Violation, seen: int, keeper: Keeper) -> None:
        for _ in range(_MOST_NOTES):
            self._note(violation.finding, keeper)
            if not self.attached:
                return
            try:
                mark = self.session.finish()
            except Violation as another:
                violation = another
            except Exception as error:  # noqa: BLE001 - any failure of a check has a declared outcome
                return self._fail(type(error).__name__, keeper)
            else:
                return self._end(mark, seen, keeper)
        return self._fail("watermark", keeper)

    def detach(self) -> None:
        self.attached = False
        self.mark = EVERYTHING

    def _object(self, violation: Violation, seen: int, keeper: Keeper) -> None:
        for _ in range(_MOST_NOTES):
            self._note(violation.finding, keeper)
            if not self.attached:
                return
            try:
                mark = self.session.feed(b"")
            except Violation as another:
                violation = another
            except Exception as error:  # noqa: BLE001 - any failure of a check has a declared outcome
                return self._fail(type(error).__name__, keeper)
            else:
                if type(mark) is int and self.mark <= mark and (mark <= seen or mark == EVERYTHING):
                    self.mark = mark
                    return None
                break
        return self._fail("watermark", keeper)

    def _note(self, finding: Finding, keeper: Keeper) -> None:
        """Record a finding; refuse the body, or detach a session that only observes."""
        keeper.record(finding)
        if self.enforcing and refuses(finding):
            raise BodyRefused(finding)
        if not self.resumable:
            self.detach()

    def _fail(self, why: str, keeper: Keeper) -> None:
        mode = Mode.ENFORCE if self.enforcing else Mode.SHADOW
        finding = check_error(self.check_id, self.on_error, mode, self.phase, why)
        keeper.record(finding)
        if refuses(finding):
            raise BodyRefused(finding)
        self.detach()
