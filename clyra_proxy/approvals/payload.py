"""The body check `approval`: keeps the payload of a request that may need a person, and keeps it from leaving.

An approval is bound to the whole payload, so a request that policy's actions name is collected, bounded, before
anything of it leaves; so is one that turns out to call a tool. What is larger cannot be shown to anybody and is refused
where approvals are enforced.
"""

from __future__ import annotations

from collections.abc import Callable

from clyra_proxy.approvals.classification import CompiledApprovals
from clyra_proxy.checks import EVERYTHING, BodySession, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.watching import FOLLOWED, WATCHED
from clyra_proxy.verdict.model import Action, Coverage, Mode, Phase, Seen
from clyra_proxy.verdict.rules import RULES

CHECK_ID = "approval"
KEY = "approval-payload"
"""Key in `Exchange.extensions` of the session that holds the payload; absent when nobody can be asked for this one."""
_ASKING = frozenset({"activation", "genai", "engines"})
"""Keys of checks that read the whole body and may ask for an approval of it."""
LARGEST = 16 << 20
"""Bytes of a payload that can be approved."""


class PayloadCheck:
    """policy: gives the compiled section in force."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY})
    budget_ms = 5.0
    on_error = Action.BLOCK

    def __init__(self, policy: Callable[[], CompiledApprovals]) -> None:
        self._policy = policy

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session where an action of the policy may match, or another check that reads the whole may ask."""
        approvals = self._policy()
        named = approvals.may_match(exchange)
        if not named and _ASKING.isdisjoint(exchange.extensions):
            if WATCHED in exchange.extensions:
                exchange.extensions[FOLLOWED] = keep
            return None
        mode = RULES["approval.required"].mode(exchange.route)
        # A check that may ask holds the body itself; here it is only kept.
        return keep(exchange, Mode.ENFORCE if named and mode is Mode.ENFORCE else Mode.SHADOW, named=named)


class PayloadSession:
    """See the module. payload: the whole decoded body after its end, None before and when it was too large.

    The exchange knows its session and never the other way round: a cycle would keep its body until the collector runs.
    """

    check_id = CHECK_ID
    resumable = True

    def __init__(self, exchange: Exchange, mode: Mode, *, named: bool) -> None:
        self.mode = mode
        self.named = named
        self.coverage = Coverage(Seen.FULL)
        self._route = exchange.route
        self._parts: list[bytes] | None = []
        self._size = 0

    @property
    def payload(self) -> bytes | None:
        return None if self._parts is None else b"".join(self._parts)

    def feed(self, data: bytes) -> int:
        """Keep `data`. Raises Violation once, where a payload that policy names is too large to be approved."""
        if self._parts is None:
            return EVERYTHING
        self._size += len(data)
        self._parts.append(data)
        if self._size <= LARGEST:
            return 0
        self._parts = None
        if self.named:
            detail: dict[str, str | int] = {"why": "too_large", "limit": LARGEST}
            finding = RULES["approval.required"].finding(
                self._route, Phase.REQUEST_BODY, check=CHECK_ID, action=Action.BLOCK, detail=detail
            )
            if finding is not None:
                raise Violation(finding)
        return EVERYTHING

    def finish(self) -> int:
        return EVERYTHING


def keep(exchange: Exchange, mode: Mode = Mode.SHADOW, *, named: bool = False) -> PayloadSession:
    """A session that keeps the payload of this exchange, where `payload_of` finds it. named: by policy's actions."""
    session = exchange.extensions[KEY] = PayloadSession(exchange, mode, named=named)
    return session


def payload_of(exchange: Exchange) -> bytes | None:
    """The decoded body as it will leave, None when it is not known."""
    if exchange.request_rewrite is not None:
        return exchange.request_rewrite
    session = exchange.extensions.get(KEY)
    return session.payload if isinstance(session, PayloadSession) else None
