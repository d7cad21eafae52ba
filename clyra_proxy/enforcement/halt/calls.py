"""Which tools an exchange on its way calls: what a halt of a tool must cut."""

from __future__ import annotations

from clyra_proxy.enforcement.halt.tools import is_made_here
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.model import Direction
from clyra_proxy.genai.wire.state import state_of


def tools_called(exchange: Exchange) -> tuple[str, ...]:
    """Tools that the request of an exchange calls, as far as it was read."""
    state = state_of(exchange)
    if state is None or state.request is None:
        return ()
    return tuple(call.name for call in state.request.calls if is_made_here(call, Direction.REQUEST))
