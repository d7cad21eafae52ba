"""The ends of writes that come in one turn of the event loop, settled together: one step of the store for all of them.

Answers of an upstream come in bunches under load, and a transaction for each of them costs more than what is written in
it. Rule: they are settled when the turn's work is done and before its small answers leave (the engine writes those
behind the work of a turn), so that a sender who repeats what he was just answered finds it settled. A store that fails
leaves all of them unsettled: counters count on, and the writes are under way until that expires.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext

from clyra_proxy.state.store import StateStore
from clyra_proxy.telemetry.redaction import describe_fault

log = logging.getLogger("clyra.activation")


class Settling:
    """What waits for the end of this turn. Lives on one event loop."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended: dict[StateStore, list[Callable[[], None]]] = {}

    def add(self, store: StateStore, work: Callable[[], None]) -> None:
        """`work` settles one write in `store`."""
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._settle)
        self._ended.setdefault(store, []).append(work)

    def _settle(self) -> None:
        ended, self._ended = self._ended, {}
        for store, works in ended.items():
            settle_together(store, works)


def settle_together(store: StateStore, works: list[Callable[[], None]]) -> None:
    """Settle writes in one step of the store. Never raises: what is left unsettled is forgotten when it expires."""
    try:
        with store.together(time.time()) if len(works) > 1 else nullcontext():
            for work in works:
                work()
    except Exception as error:  # noqa: BLE001 - nobody waits for it
        log.error("%d writes could not be settled: %s%s.", len(works), *describe_fault(error))  # noqa: TRY400 - no content
