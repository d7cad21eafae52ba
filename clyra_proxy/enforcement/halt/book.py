"""Every halt of one proxy and the rules by which they change: a pure state machine.

    running --halt--> halted --its time is over--> probing --enough requests pass well--> running
                        ^  \\------resume by a person------------------------------------->/
                        |   \\--override by a person--> overridden --its time is over--> halted
                        \\------------a probe fails, longer each time------ probing

Guarantees. Precedence only grows: a person's word outranks a trigger's; a trigger never shortens, ends or replaces
what a person ordered, nor halts again what a person overrides. Places add up: resuming one never opens another. Each
change raises the version of its place, so that whoever holds an older one can be told from who holds the newer one,
and of two with the same version the stricter holds. Nothing here reads a clock: the moment is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from clyra_proxy.enforcement.halt.model import (
    NOBODY,
    STRICTNESS,
    Actor,
    Cause,
    Channel,
    Halt,
    Measured,
    Phase,
    Place,
    Saying,
)
from clyra_proxy.verdict.identifiers import new_identifier

LONGEST_HALT_S = 24 * 3600.0
"""A halt that fails its probes again and again grows no longer than this."""
REMEMBERED_S = 7 * 24 * 3600.0
"""How long an ended halt is kept, so that a replica that was away does not bring it back."""


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to halt. lasting_s: None: until a person ends it. probes: 0: it ends without a trial."""

    cause: Cause
    channel: Channel
    reason: str
    actor: Actor = NOBODY
    lasting_s: float | None = None
    probes: int = 0
    rule: str = ""
    measured: Measured | None = None

    @property
    def manual(self) -> bool:
        return self.cause is Cause.MANUAL


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a place. before: the halt as it stood until then, None when none did."""

    halt: Halt
    before: Halt | None

    @property
    def said(self) -> Saying:
        """What was done, by whom and why."""
        last = self.halt.last
        return last or Saying("halt", self.halt.cause, self.halt.channel, self.halt.reason, self.halt.actor)


class HaltBook:
    """All halts by place."""

    def __init__(self, halts: Iterable[Halt] = ()) -> None:
        self._halts = {halt.place: halt for halt in halts}

    @property
    def all(self) -> tuple[Halt, ...]:
        """Every halt, ended ones too, in order of places."""
        return tuple(self._halts[place] for place in sorted(self._halts))

    @property
    def standing(self) -> tuple[Halt, ...]:
        """What is halted, probing or overridden."""
        return tuple(halt for halt in self.all if halt.phase is not Phase.RESUMED)

    def find(self, place: Place) -> Halt | None:
        """The halt that stands at a place."""
        halt = self._halts.get(place)
        return None if halt is None or halt.phase is Phase.RESUMED else halt

    def halt(self, place: Place, order: Order, now: float) -> Change | None:
        """Halt a place. None when what stands there is at least as strict already."""
        standing = self.find(place)
        if standing is None:
            return self._begin(place, order, now)
        if standing.phase is Phase.OVERRIDDEN and not order.manual:
            return None
        strongest = order.manual or standing.cause is not Cause.MANUAL
        until = _later(standing.until, None if order.lasting_s is None else now + order.lasting_s)
        stricter = standing.phase is not Phase.HALTED
        if not stricter and until == standing.until and not (order.manual and standing.cause is not Cause.MANUAL):
            return None
        changed = replace(standing, phase=Phase.HALTED, until=until, override_until=None, passed=0)
        if strongest:
            changed = _said(changed, order)
        return self._put(changed, "halt" if stricter else "extend", order, now)

    def resume(self, place: Place, actor: Actor, channel: Channel, reason: str, now: float) -> Change | None:
        """End a halt by a person's order. None when nothing stands there."""
        standing = self.find(place)
        if standing is None:
            return None
        ended = replace(standing, phase=Phase.RESUMED, override_until=None)
        return self._put(ended, "resume", Order(Cause.MANUAL, channel, reason, actor), now)

    def override(
        self, place: Place, actor: Actor, channel: Channel, reason: str, until: float, now: float
    ) -> Change | None:
        """Let a halted place pass until a moment, by a person's order. None when nothing stands there."""
        standing = self.find(place)
        if standing is None:
            return None
        passing = replace(standing, phase=Phase.OVERRIDDEN, override_until=until)
        return self._put(passing, "override", Order(Cause.MANUAL, channel, reason, actor), now)

    def tick(self, now: float) -> list[Change]:
        """What changes by the mere passing of time."""
        changes = []
        for halt in self.standing:
            if halt.override_until is not None and halt.override_until <= now:
                again = replace(halt, phase=Phase.HALTED, override_until=None)
                changes.append(self._put(again, "halt", _by_itself(Cause.EXPIRY, halt.reason), now))
            elif halt.phase is Phase.HALTED and halt.until is not None and halt.until <= now:
                changes.append(self._end_of_time(halt, now))
        for halt in self.all:
            if halt.phase is Phase.RESUMED and halt.changed + REMEMBERED_S < now:
                del self._halts[halt.place]
        return changes

    def probed(self, place: Place, version: int, *, good: bool, now: float) -> Change | None:
        """One request that was let pass for trial has ended. version: of the halt that let it pass."""
        halt = self.find(place)
        if halt is None or halt.phase is not Phase.PROBING or version > halt.version:
            return None
        if not good:
            lasting = min(max(halt.lasting_s, 1.0) * 2, LONGEST_HALT_S)
            again = replace(halt, phase=Phase.HALTED, passed=0, lasting_s=lasting, until=now + lasting)
            return self._put(again, "halt", _by_itself(Cause.RECOVERY, halt.reason), now)
        passed = replace(halt, passed=halt.passed + 1)
        if passed.passed < passed.probes:
            self._halts[place] = passed
            return None
        return self._put(replace(passed, phase=Phase.RESUMED), "resume", _by_itself(Cause.RECOVERY, halt.reason), now)

    def merge(self, halts: Iterable[Halt]) -> list[Change]:
        """Take over what others know better; what changed here by that."""
        taken = []
        for halt in halts:
            ours = self._halts.get(halt.place)
            if ours is None or _rank(halt) > _rank(ours):
                before = self.find(halt.place)
                self._halts[halt.place] = halt
                if before is not None or halt.phase is not Phase.RESUMED:
                    taken.append(Change(halt, before))
        return taken

    def _begin(self, place: Place, order: Order, now: float) -> Change:
        former = self._halts.get(place)
        lasting = order.lasting_s
        until = None if lasting is None else now + lasting
        version = 0 if former is None else former.version
        halt = Halt(
            id=new_identifier(),
            place=place,
            phase=Phase.HALTED,
            version=version,
            cause=order.cause,
            channel=order.channel,
            reason=order.reason,
            since=now,
            until=until,
        )
        return self._put(_said(halt, order), "halt", order, now)

    def _end_of_time(self, halt: Halt, now: float) -> Change:
        if halt.probes:
            return self._put(replace(halt, phase=Phase.PROBING), "probe", _by_itself(Cause.RECOVERY, halt.reason), now)
        return self._put(replace(halt, phase=Phase.RESUMED), "resume", _by_itself(Cause.EXPIRY, halt.reason), now)

    def _put(self, halt: Halt, kind: str, order: Order, now: float) -> Change:
        said = Saying(kind, order.cause, order.channel, order.reason, order.actor)
        before = self.find(halt.place)
        kept = self._halts[halt.place] = replace(halt, version=halt.version + 1, changed=now, last=said)
        return Change(kept, before)


def _said(halt: Halt, order: Order) -> Halt:
    """The halt in the words of an order."""
    return replace(
        halt,
        cause=order.cause,
        channel=order.channel,
        reason=order.reason,
        actor=order.actor,
        lasting_s=order.lasting_s or 0.0,
        probes=order.probes,
        rule=order.rule,
        measured=order.measured,
    )


def _by_itself(cause: Cause, reason: str) -> Order:
    return Order(cause, Channel.AUTOMATIC, reason)


def _later(one: float | None, other: float | None) -> float | None:
    """The later of two ends; no end is later than any."""
    return None if one is None or other is None else max(one, other)


def _rank(halt: Halt) -> tuple[int, int, int, str]:
    return halt.version, STRICTNESS.index(halt.phase), halt.passed, halt.id
