"""The body check `engine`: keeps a request from leaving until the engines were asked, where they need its body.

Engines are told what other checks read of a body, and values of it that policy names, so the body must have ended
first; one of which more comes than is held is `too_large`. A body that nobody reads passes as it comes, and the engines
are asked before its first byte leaves; where a person may have to approve it, it is held as far as that goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clyra_proxy.checks import EVERYTHING, BodySession
from clyra_proxy.enforcement.engines.asked import AskedEngine, mode_on
from clyra_proxy.enforcement.engines.compiled import CompiledEngines
from clyra_proxy.enforcement.engines.gathering import kind_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import Route
from clyra_proxy.verdict.model import Action, Coverage, Mode, Phase, Seen

CHECK_ID = "engine"
KEY = "engines"
"""Key in `Exchange.extensions` of the state; absent where no engine is asked."""
LARGEST = 16 << 20
"""Bytes of a body that is kept until engines were asked."""


@dataclass(slots=True)
class EngineState:
    """Of one exchange. engines: who is asked. session: what keeps its body, None when nothing does."""

    compiled: CompiledEngines
    engines: tuple[AskedEngine, ...]
    mode: Mode
    session: EngineSession | None = None
    asked: bool = False

    def body(self, exchange: Exchange) -> bytes | None:
        """The decoded body as it will leave, b"" where there is none, None when it is not known."""
        if exchange.request_rewrite is not None:
            return exchange.request_rewrite
        return b"" if self.session is None else self.session.payload

    @property
    def unknown(self) -> bool:
        """Whether something of the body should be told and was too much to be waited for."""
        return self.session is not None and self.session.overflowed and self.session.needed


def state_of(exchange: Exchange, compiled: CompiledEngines | None) -> EngineState | None:
    """The state of an exchange, made when it is asked for first; None when no engine is concerned."""
    state: EngineState | None = exchange.extensions.get(KEY)
    if state is None and compiled is not None:
        engines = compiled.concerned(exchange.route, kind_of(exchange))
        if engines:
            state = exchange.extensions[KEY] = EngineState(compiled, engines, mode_on(exchange.route))
    return state


class EngineCheck:
    """policy: gives the engines of the policy in force. spared: routes about which nobody is asked (the self-test)."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY})
    budget_ms = 5.0
    on_error = Action.BLOCK

    def __init__(self, policy: Callable[[], CompiledEngines | None], spared: Callable[[Route], bool]) -> None:
        self._policy = policy
        self._spared = spared

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session where the body is read by somebody, or where an answer may ask for a person."""
        if (compiled := self._policy()) is None or self._spared(exchange.route):
            return None
        state = state_of(exchange, compiled)
        if state is None:
            return None
        read = bool(exchange.extensions.keys() & {"activation", "genai"})
        told = any(engine.settings.values for engine in state.engines)
        if not read and not told and not any(engine.may_hold for engine in state.engines):
            return None
        state.session = EngineSession(state.mode, keeps=told, needed=told or read)
        return state.session


class EngineSession:
    """keeps: whether the body itself is told of, by values that policy names. needed: whether its end must be known.

    payload: the decoded body after its end, None before, when it is not kept, and when it was too large. overflowed:
    more came than is held, and the rest is not waited for.
    """

    check_id = CHECK_ID
    resumable = True

    def __init__(self, mode: Mode, *, keeps: bool, needed: bool) -> None:
        self.mode = mode
        self.coverage = Coverage(Seen.FULL)
        self.payload: bytes | None = None
        self.overflowed = False
        self.needed = needed
        self._keeps = keeps
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> int:
        """Hold `data`."""
        self._size += len(data)
        if self._size > LARGEST:
            self.overflowed = True
            self._parts.clear()
        if self.overflowed:
            return EVERYTHING
        if self._keeps:
            self._parts.append(data)
        return 0

    def finish(self) -> int:
        if self._keeps and not self.overflowed:
            self.payload = b"".join(self._parts)
        return EVERYTHING
