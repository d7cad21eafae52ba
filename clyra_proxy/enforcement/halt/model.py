"""What a halt is: a place, a phase, and everything a person must be told about it.

Rule: a halt is a value. It changes only by being replaced by one with a higher version (`clyra_proxy.enforcement.
halt.book`), so that workers and replicas can tell the newer of two without asking anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from clyra_proxy.egress.hosts import InvalidHostError, normalise_host
from clyra_proxy.errors import UsageError

LONGEST_TARGET = 256
LONGEST_REASON = 512
LONGEST_ACTOR = 128
LONGEST_ORDER_S = 365 * 86_400.0
"""Time that a person may halt for; longer is until he resumes."""


_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
"""A destination's name, or a host of one label; either is compared as it is."""


class Scope(StrEnum):
    """What is halted, from wide to narrow."""

    GLOBAL = "global"
    TENANT = "tenant"
    AGENT = "agent"
    DESTINATION = "destination"
    TOOL = "tool"


class Phase(StrEnum):
    """Where a halt is in its life.

    HALTED: nothing passes. PROBING: half open, one request at a time and worker passes and is watched. OVERRIDDEN: a
    person lets everything pass until a moment. RESUMED: over; kept so that an older halt cannot come back.
    """

    HALTED = "halted"
    PROBING = "probing"
    OVERRIDDEN = "overridden"
    RESUMED = "resumed"


STRICTNESS = (Phase.RESUMED, Phase.OVERRIDDEN, Phase.PROBING, Phase.HALTED)
"""From mild to strict. Of two halts of one place and one version, the stricter one holds."""


class Cause(StrEnum):
    """Why it changed; the words of the record `pef.halt`."""

    MANUAL = "manual"
    DATA = "data"
    GENAI = "genai"
    ERRORS = "errors"
    UPSTREAM = "upstream"
    RECORDER = "recorder"
    RECOVERY = "recovery"
    EXPIRY = "expiry"


class Channel(StrEnum):
    """How it was asked for."""

    CLI = "cli"
    SIGNAL = "signal"
    FILE = "file"
    API = "api"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A scope and which one of its kind; the target of `global` is "" ."""

    scope: Scope
    target: str = ""

    @property
    def name(self) -> str:
        """`global`, or scope and target: `tenant:acme`."""
        return self.scope.value if self.scope is Scope.GLOBAL else f"{self.scope}:{self.target}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place of a name. Raises UsageError."""
        scope, colon, target = text.partition(":")
        target = target.strip()
        if scope not in set(Scope):
            raise UsageError(
                f"There is no scope {text!r}.",
                "",
                "Write `global`, `tenant:NAME`, `agent:NAME`, `destination:NAME` or `tool:NAME`.",
            )
        if (scope == Scope.GLOBAL) == bool(target) or (scope == Scope.GLOBAL and colon):
            raise UsageError(
                f"The scope {text!r} is not complete." if scope != Scope.GLOBAL else "`global` has no target.",
                "",
                f"Write `{scope}:NAME`." if scope != Scope.GLOBAL else "Write `global`.",
            )
        if len(target) > LONGEST_TARGET or not target.isprintable():
            raise UsageError("The target is no name.", f"At most {LONGEST_TARGET} printable characters.", "")
        return cls(Scope(scope), target.rstrip(".").lower() if scope == Scope.DESTINATION else target)

    @classmethod
    def ordered(cls, text: str) -> Place:
        """The place that a person names, in the spelling that traffic is compared with. Raises UsageError.

        What can never be met is refused: an order that stops nothing must not look as if it did.
        """
        place = cls.parse(text)
        if "*" in place.target:
            raise UsageError("A halt names one, and knows no patterns.", "", "Name it, or halt `global`.")
        if place.scope is not Scope.DESTINATION or _NAME.fullmatch(place.target):
            return place
        try:
            return cls(place.scope, normalise_host(place.target))
        except InvalidHostError:
            raise UsageError(
                f"{place.target!r} is no destination.",
                "It is neither a name of the policy nor a host; a host has no scheme, port or path.",
                "Write for example `destination:api.example.com`.",
            ) from None


EVERYTHING = Place(Scope.GLOBAL)


@dataclass(frozen=True, slots=True)
class Measured:
    """What tripped a threshold. value, limit: in the trigger's unit. sample: exchanges looked at in the window."""

    name: str
    value: int
    limit: int
    window_s: int = 1
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked. name: as a person would say it. auth: how that is known (`os`, `hmac`, `none`)."""

    name: str = ""
    auth: str = ""


NOBODY = Actor()


@dataclass(frozen=True, slots=True)
class Saying:
    """What was last done to a halt and by whom. kind: `halt`, `resume`, `probe`, `extend`, `override`."""

    kind: str
    cause: Cause
    channel: Channel
    reason: str = ""
    actor: Actor = NOBODY


@dataclass(frozen=True, slots=True)
class Halt:
    """One halt of one place. Moments in seconds since the epoch, None: no such moment.

    until: when it becomes half open by itself; None: only a person ends it. lasting_s: how long it is after a failed
    probe; it doubles each time. probes: requests that must pass well before it ends; passed: those that did.
    override_until: end of the person's override. changed: when it last did. version: grows with every change of this
    place. rule: the trigger. last: what was last done to it, in words of its own.
    """

    id: str
    place: Place
    phase: Phase
    version: int
    cause: Cause
    channel: Channel
    reason: str
    since: float
    actor: Actor = NOBODY
    until: float | None = None
    lasting_s: float = 0.0
    probes: int = 0
    passed: int = 0
    rule: str = ""
    measured: Measured | None = None
    override_until: float | None = None
    changed: float = 0.0
    last: Saying | None = None

    @property
    def in_force(self) -> bool:
        """Whether it stops anything."""
        return self.phase in (Phase.HALTED, Phase.PROBING)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values; `from_json` takes them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Halt:
        """Raises KeyError, TypeError or ValueError for what is none."""
        fields = dict(found)
        measured = fields.get("measured")
        fields |= {
            "place": Place(Scope(fields["place"]["scope"]), str(fields["place"]["target"])),
            "phase": Phase(fields["phase"]),
            "cause": Cause(fields["cause"]),
            "channel": Channel(fields["channel"]),
            "actor": Actor(**fields["actor"]),
            "measured": None if measured is None else Measured(**measured),
            "last": _saying(fields.get("last")),
        }
        halt = cls(**fields)
        numbers = (halt.since, halt.until or 0.0, halt.override_until or 0.0, halt.lasting_s, halt.changed)
        if type(halt.version) is not int or not all(isinstance(number, int | float) for number in numbers):
            raise TypeError("a number is expected")
        return halt


def _saying(found: Mapping[str, Any] | None) -> Saying | None:
    if found is None:
        return None
    actor = Actor(**found["actor"])
    return Saying(str(found["kind"]), Cause(found["cause"]), Channel(found["channel"]), str(found["reason"]), actor)
