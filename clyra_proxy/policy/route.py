"""What policy says about one kind of exchange, compiled: the only form of policy the data path reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from clyra_proxy.verdict.model import Action, Mode

if TYPE_CHECKING:
    from clyra_proxy.stream.limits import BodyLimits


class Tls(StrEnum):
    """Whether TLS is ended here and read, or passed on unread."""

    INTERCEPT = "intercept"
    PASSTHROUGH = "passthrough"


class Atomic(StrEnum):
    """`stream` releases validated bytes as they come; `spool` forwards a body only when all of it passed."""

    STREAM = "stream"
    SPOOL = "spool"


class EvidenceClass(StrEnum):
    """`required`: durable intent before the first byte goes upstream. `queued`: bounded queue, gaps declared."""

    REQUIRED = "required"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Route:
    """The compiled answer of `CompiledPolicy.match`; immutable and shared between exchanges.

    id: `destination/rule` as written in the policy, `destination` when none of its rules matched, or `default`.
    known: the destination is on the allow-list; unknown_action: what `egress.destination` asks for when it is not.
    modes: rule id or family -> mode (most specific wins, see `mode_of`). mode: `enforce` when any rule can act here.
    allow_private: private, loopback and shared addresses may be dialled (metadata services never).
    limits: SchemaLock's body limits. media: content types allowed for requests with a body, lower case without
    parameters (empty: any). request_schema / response_schema: opaque to policy, compiled by SchemaLock at load
    (None: admission only). genai: how exchanges are read as conversations: `auto` (recognised), `off`, or the id of a
    reading (`openai-chat`, `generic`, ...). activation: how writes are read: `auto`, `off`, or the id of a profile.
    """

    id: str
    destination: str
    known: bool
    evidence: EvidenceClass
    default_mode: Mode
    modes: Mapping[str, Mode] = field(default_factory=dict)
    tls: Tls = Tls.INTERCEPT
    allow_private: bool = False
    atomic: Atomic = Atomic.STREAM
    unknown_action: Action = Action.MARK
    limits: BodyLimits | None = None
    media: frozenset[str] = frozenset()
    request_schema: object | None = None
    response_schema: object | None = None
    genai: str = "auto"
    activation: str = "auto"
    on_error: Action = Action.BLOCK
    mode: Mode = field(init=False)

    def __post_init__(self) -> None:
        acting = self.default_mode is Mode.ENFORCE or Mode.ENFORCE in self.modes.values()
        object.__setattr__(self, "mode", Mode.ENFORCE if acting else Mode.SHADOW)

    def mode_of(self, rule: str) -> Mode:
        """Mode of a dotted rule id: exact entry, else its families from the right, else the default."""
        modes = self.modes
        if modes:
            while rule:
                found = modes.get(rule)
                if found is not None:
                    return found
                rule = rule.rpartition(".")[0]
        return self.default_mode


class PerRoute[Facts]:
    """What `make` says of a route, kept while the route is in use. Routes are compared by identity, for speed."""

    __slots__ = ("_known", "_make")

    MOST = 4096

    def __init__(self, make: Callable[[Route], Facts]) -> None:
        self._make = make
        self._known: dict[int, tuple[Route, Facts]] = {}

    def of(self, route: Route) -> Facts:
        known = self._known.get(id(route))
        if known is not None and known[0] is route:
            return known[1]
        if len(self._known) >= self.MOST:
            self._known.clear()  # routes of policies that were replaced
        facts = self._make(route)
        self._known[id(route)] = (route, facts)
        return facts
