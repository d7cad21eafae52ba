"""The end of an exchange: budgets learn what was really used, places are given back, nothing is kept."""

from __future__ import annotations

import logging

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.model import Usage
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import KEY, GenAiState, inspection_of
from clyra_proxy.state.store import StateError

log = logging.getLogger("clyra.genai")

_UNUSED = Usage(0, 0)


def settle(exchange: Exchange, state: GenAiState, room: ScanningRoom) -> None:
    """Once per exchange. A request that was refused has used nothing."""
    exchange.extensions.pop(KEY, None)
    request = state.request
    if request is None or not state.started:
        return
    inspection = inspection_of(exchange, state, request)
    if exchange.response is None:
        usage = _UNUSED
    elif state.answer is not None:
        usage = state.answer.usage
    else:
        usage = Usage()
    compiled = state.compiled

    def work() -> None:
        try:
            compiled.settle(inspection, usage)
        except StateError as error:
            log.error("A budget could not be settled: %s.", type(error).__name__)  # noqa: TRY400 - leases end by themselves

    room.start(work)
