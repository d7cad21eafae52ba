"""Bounded concurrency with bounded waiting: so many calls at once, so many in the queue, the next is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clyra_proxy.services.failure import Cause, ServiceFailure


class Admission:
    """Places of one service. Not shared between loops."""

    def __init__(self, concurrency: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._most_waiting = waiting
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place. Raises ServiceFailure (BUSY) when all are taken and too many wait already."""
        if self._places.locked() and self._waiting >= self._most_waiting:
            raise ServiceFailure(Cause.BUSY, blames=False)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()
