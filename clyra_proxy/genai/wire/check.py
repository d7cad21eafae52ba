"""The body check `genai`: a session for every body of an exchange with a model or a tool server.

It recognises the protocol on the request head, once, or by a body that calls a tool (`watching`); what it opens only
collects whole bodies, or reads streams of events. Judging takes time and happens where it can be waited for
(`clyra_proxy.genai.wire.steps`); until then an enforcing session lets nothing go.
"""

from __future__ import annotations

from collections.abc import Callable

from clyra_proxy.checks import BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.protocols.recognise import READINGS
from clyra_proxy.genai.wire.collecting import CollectingSession
from clyra_proxy.genai.wire.recognition import recognised
from clyra_proxy.genai.wire.sessions import open_message
from clyra_proxy.genai.wire.state import KEY, GenAiState, state_of
from clyra_proxy.genai.wire.streaming import EventSession
from clyra_proxy.genai.wire.watching import WatchingSession, may_post_calls
from clyra_proxy.policy.route import PerRoute, Route
from clyra_proxy.verdict.model import Action, Mode, Phase
from clyra_proxy.verdict.rules import mode_of_failure, rules_applied_by

CHECK_ID = "genai"


class GenAiCheck:
    """policy: gives the compiled section in force, None when it is switched off; asked once per exchange."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY, Phase.RESPONSE_BODY, Phase.MESSAGE})
    budget_ms = 20.0
    on_error = Action.BLOCK

    def __init__(self, policy: Callable[[], CompiledGenAi | None]) -> None:
        self._policy = policy
        self._modes = PerRoute(_mode_on)

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session for a body of this exchange, None when it is none of ours."""
        if phase is Phase.MESSAGE:
            return open_message(exchange)
        if phase is Phase.REQUEST_BODY:
            return self._begin(exchange)
        state = state_of(exchange)
        if state is None or exchange.response is None:
            return None
        media = exchange.response_body.media_type
        reader = state.reading.stream(media, state.request) if exchange.response.status < 300 else None
        if reader is None:
            return CollectingSession(exchange, state, phase)
        session = EventSession(exchange, state, reader)
        state.stream = session
        exchange.response_events = session.mode is Mode.ENFORCE and not session.coded
        return session

    def _begin(self, exchange: Exchange) -> BodySession | None:
        """For the request: of a conversation that its head tells, or of what may turn out to be one."""
        route = exchange.route
        if route.genai == "off" or (compiled := self._policy()) is None:
            return None
        reading = recognised(exchange.request, exchange.destination, route.genai)
        if reading is None and not may_post_calls(exchange):
            return None
        mode = self._modes.of(route)
        if mode is Mode.OFF:
            return None
        if compiled.halted_tools():
            mode = Mode.ENFORCE  # A halted tool is refused whatever the mode of the route.

        def collect() -> CollectingSession:
            state = GenAiState(reading or READINGS["mcp"], compiled, mode)
            exchange.extensions[KEY] = state
            return CollectingSession(exchange, state, Phase.REQUEST_BODY)

        if reading is not None:
            return collect()
        return WatchingSession(exchange, mode, compiled.settings.max_inspect_bytes, collect)


def _mode_on(route: Route) -> Mode:
    """The strictest mode of all that could be found on a route."""
    off = all(rule.mode(route) is Mode.OFF for rule in rules_applied_by(CHECK_ID))
    return Mode.OFF if off else mode_of_failure(route, CHECK_ID)
