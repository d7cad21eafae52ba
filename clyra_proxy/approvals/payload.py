"""The body check `approval`: keeps the payload of a request that may need a person, and keeps it from leaving.

An approval is bound to the whole payload, so a request that policy's actions name is collected, bounded, before
anything of it leaves; so is one that a check may yet find to call a tool. What is larger cannot be shown to anybody and
is refused where approvals are enforced.
"""

from __future__ import annotations

from collections.abc import Callable

from clyra_proxy.approvals.classification import CompiledApprovals
from clyra_proxy.checks import EVERYTHING, BodySession, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.watching import KEY as WATCHED
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
        asking = named or not _ASKING.isdisjoint(exchange.extensions)
        if not asking and WATCHED not in exchange.extensions:
            return None
        mode = RULES["approval.required"].mode(exchange.route)
        # A check that may ask holds the body itself; here it is only kept.
        session = PayloadSession(exchange, Mode.ENFORCE if named and mode is Mode.ENFORCE else Mode.SHADOW, named=named)
        if asking:
            exchange.extensions[KEY] = session
        return session


class PayloadSession:
    """See the module. payload: the whole decoded body after its end, None before and when it was too large."""

    check_id = CHECK_ID
    resumable = True

    def __init__(self, exchange: Exchange, mode: Mode, *, named: bool) -> None:
        self.mode = mode
        self.named = named
        self.coverage = Coverage(Seen.FULL)
        self._exchange = exchange
        self._parts: list[bytes] | None = []
        self._size = 0

    @property
    def payload(self) -> bytes | None:
        return None if self._parts is None else b"".join(self._parts)

    def feed(self, data: bytes) -> int:
        """Keep `data`. Raises Violation once, where a payload that policy names is too large to be approved."""
        if self._parts is None:
            return EVERYTHING
        if KEY not in self._exchange.extensions and not self._may_be_asked():
            self._parts = None
            return EVERYTHING
        self._size += len(data)
        self._parts.append(data)
        if self._size <= LARGEST:
            return 0
        self._parts = None
        if self.named:
            detail: dict[str, str | int] = {"why": "too_large", "limit": LARGEST}
            finding = RULES["approval.required"].finding(
                self._exchange.route, Phase.REQUEST_BODY, check=CHECK_ID, action=Action.BLOCK, detail=detail
            )
            if finding is not None:
                raise Violation(finding)
        return EVERYTHING

    def finish(self) -> int:
        if KEY not in self._exchange.extensions and self._may_be_asked():
            self._exchange.extensions[KEY] = self
        return EVERYTHING

    def _may_be_asked(self) -> bool:
        """Whether a body that nothing was known of at first is, or may still be, a conversation."""
        return "genai" in self._exchange.extensions or WATCHED in self._exchange.extensions


def payload_of(exchange: Exchange) -> bytes | None:
    """The decoded body as it will leave, None when it is not known."""
    if exchange.request_rewrite is not None:
        return exchange.request_rewrite
    session = exchange.extensions.get(KEY)
    return session.payload if isinstance(session, PayloadSession) else None
