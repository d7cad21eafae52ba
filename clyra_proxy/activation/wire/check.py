"""The body check `activation`: a session for every body of an exchange that writes to a destination we know.

The profile is told on the request head, once. Sessions only collect, bounded by `max_body_bytes`; an enforcing one lets
nothing go until the rows were judged, in the hook after the body (`clyra_proxy.activation.wire.steps`). Answers are
collected to be told for all rows, and to know what became of them.
"""

from __future__ import annotations

from collections.abc import Callable

from clyra_proxy.activation.compiled import CompiledActivation
from clyra_proxy.activation.profiles.catalogue import OFF
from clyra_proxy.activation.wire.collecting import RowSession
from clyra_proxy.activation.wire.state import KEY, ActivationState, state_of
from clyra_proxy.checks import BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import PerRoute, Route
from clyra_proxy.stream.document import open_shelf
from clyra_proxy.verdict.model import Action, Mode, Phase
from clyra_proxy.verdict.rules import mode_of_failure, rules_applied_by

CHECK_ID = "activation"


class ActivationCheck:
    """policy: gives the compiled section in force, None when it is switched off; asked once per exchange."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY, Phase.RESPONSE_BODY})
    budget_ms = 20.0
    on_error = Action.BLOCK

    def __init__(self, policy: Callable[[], CompiledActivation | None]) -> None:
        self._policy = policy
        self._modes = PerRoute(_mode_on)

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session for a body of this exchange, None when it is none of ours."""
        state = self._begin(exchange) if phase is Phase.REQUEST_BODY else state_of(exchange)
        return RowSession(exchange, state, phase) if state is not None else None

    def _begin(self, exchange: Exchange) -> ActivationState | None:
        route = exchange.route
        if route.activation == OFF or (compiled := self._policy()) is None:
            return None
        mode = self._modes.of(route)
        if mode is Mode.OFF:
            return None
        profile = compiled.catalogue.recognise(exchange.request, exchange.destination, route.activation)
        endpoint = profile.endpoint(exchange.request, exchange.destination) if profile is not None else None
        if profile is None or endpoint is None or not (endpoint.writes or endpoint.amends):
            return None
        state = ActivationState(profile.id, endpoint, compiled, mode)
        exchange.extensions[KEY] = state
        open_shelf(exchange)
        return state


def _mode_on(route: Route) -> Mode:
    """The strictest mode of all that could be found on a route."""
    off = all(rule.mode(route) is Mode.OFF for rule in rules_applied_by(CHECK_ID))
    return Mode.OFF if off else mode_of_failure(route, CHECK_ID)
