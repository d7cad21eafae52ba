"""The words of a decision: action, finding, coverage, verdict.

Rule: findings carry facts and identifiers, never an excerpt of a body. The action ladder is
`allow < mark < redact < approve < block`; a verdict's action is the highest that a finding in `enforce`
mode asks for, and findings in `shadow` mode only raise `would_action`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType

from clyra_proxy.verdict.reasons import Reason

_EMPTY: Mapping[str, str | int] = MappingProxyType({})


class Action(IntEnum):
    """What to do with an exchange, from mildest to strictest."""

    ALLOW = 0
    MARK = 1
    REDACT = 2
    APPROVE = 3
    BLOCK = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Mode(StrEnum):
    """Whether a rule acts (`enforce`), only says what it would do (`shadow`), or is not run (`off`)."""

    OFF = "off"
    SHADOW = "shadow"
    ENFORCE = "enforce"


class Severity(StrEnum):
    """How much a finding matters, whatever is done about it."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Phase(StrEnum):
    """Where in the life of an exchange a check runs."""

    CONNECT = "connect"
    REQUEST_HEAD = "request_head"
    REQUEST_BODY = "request_body"
    DIAL = "dial"  # after name resolution, before the socket to the upstream opens
    RESPONSE_HEAD = "response_head"
    RESPONSE_BODY = "response_body"
    MESSAGE = "message"  # one WebSocket message


class Decision(StrEnum):
    """The verdict in one word. `error` means a check failed and its declared outcome was applied."""

    ALLOW = "allow"
    MARK = "mark"
    REDACT = "redact"
    APPROVE = "approve"
    BLOCK = "block"
    ERROR = "error"


_CAN_WAIT = frozenset({Phase.REQUEST_HEAD, Phase.REQUEST_BODY})


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact a check established about an exchange.

    check: id of the check (`schema`, `egress`, ...). rule: id of the rule inside it (`json.duplicate_key`).
    action: what the rule asks for. mode: the mode the rule runs in on this route.
    path: JSON pointer (RFC 6901) into the body, or "" when the finding is not about a place in a body.
    detail: small scalars that help a person (schema pointer, row number, limit, observed size); never content.
    error: true when the check itself failed and `action` is its declared `on_error` outcome.
    """

    check: str
    rule: str
    reason: Reason
    action: Action
    mode: Mode
    phase: Phase
    severity: Severity = Severity.HIGH
    path: str = ""
    detail: Mapping[str, str | int] = field(default=_EMPTY)
    owasp_llm: tuple[str, ...] = ()
    atlas: tuple[str, ...] = ()
    error: bool = False

    @property
    def enforced(self) -> bool:
        return self.mode is Mode.ENFORCE

    @property
    def stops(self) -> bool:
        """Whether it alone keeps the exchange from going on. Only a request can wait for a person."""
        return self.enforced and self.action >= Action.APPROVE and not self.holds

    @property
    def holds(self) -> bool:
        """Whether the exchange goes on only when a person approves."""
        return self.enforced and self.action is Action.APPROVE and self.phase in _CAN_WAIT

    @property
    def redacts(self) -> bool:
        """Whether it asks for a part to be taken out, and may."""
        return self.enforced and self.action is Action.REDACT


class Seen(StrEnum):
    """How much of a body the checks saw."""

    FULL = "full"
    STREAMED = "streamed"
    HEADERS_ONLY = "headers_only"
    SKIPPED = "skipped"
    NONE = "none"  # there was no body


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was really looked at. `skipped` always names its reason and is never silently an allow."""

    seen: Seen
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.seen}:{self.reason}" if self.reason else str(self.seen)

    def or_head(self) -> Coverage:
        """This, where anything was said; else that the head was seen."""
        return Coverage(Seen.HEADERS_ONLY) if self.seen is Seen.NONE else self


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one exchange: one verdict, one log line, one record.

    id: UUIDv7 text, so that ids sort by time. check_us: microseconds spent per check id.
    mode: `enforce` when any enforcing rule could have acted on this route, otherwise `shadow`.
    """

    id: str
    decision: Decision
    action: Action
    would_action: Action
    findings: tuple[Finding, ...]
    request_coverage: Coverage
    response_coverage: Coverage
    policy_sha256: str
    policy_generation: int
    mode: Mode
    check_us: Mapping[str, int] = field(default_factory=dict)

    @property
    def deciding(self) -> Finding | None:
        """The finding that set the action: first of the strictest enforced ones; else the strictest shadow one."""
        best: Finding | None = None
        for finding in self.findings:
            if best is None or (finding.enforced, finding.action) > (best.enforced, best.action):
                best = finding
        return best
