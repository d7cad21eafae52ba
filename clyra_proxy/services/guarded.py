"""One service: breaker, bounded calls, and an end in time whatever the other side does.

Guarantees: `ask` returns what the work returns or raises ServiceFailure, at the latest when the time given is over;
work that does not end is abandoned, not waited for. Who goes away meanwhile leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from clyra_proxy.policy.services import Service
from clyra_proxy.services.admission import Admission
from clyra_proxy.services.breaker import CircuitBreaker
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.transport import Transport

LEAST_S = 0.005
"""Less time than this is none: the work is not begun."""


class GuardedService:
    """On one event loop. url: what calls are posted to, when that is not the service's own `url`.

    owner: whose service it is, in messages. Raises PolicyError when its files or its secret cannot be used.
    """

    def __init__(self, settings: Service, base_dir: Path, owner: str, url: str = "") -> None:
        self._transport = Transport(settings, url or settings.url, base_dir, owner)
        self._breaker = CircuitBreaker(settings.breaker)
        self._admission = Admission(settings.concurrency, settings.waiting)
        self._abandoned: set[asyncio.Task[Any]] = set()

    @property
    def is_left_alone(self) -> bool:
        """Whether it failed so often lately that it is asked only from time to time."""
        return self._breaker.is_open

    async def ask[Told](self, work: Callable[[], Coroutine[Any, Any, Told]], seconds: float) -> Told:
        """What `work` (any number of calls of `post`, and reading them) comes to. Raises ServiceFailure."""
        if seconds < LEAST_S:
            raise ServiceFailure(Cause.TIMEOUT, blames=False)
        if not self._breaker.admit(asyncio.get_running_loop().time()):
            raise ServiceFailure(Cause.CIRCUIT_OPEN, blames=False)
        try:
            told = await self._in_time(work, seconds)
        except ServiceFailure as failure:
            if failure.blames:
                self._breaker.failed(asyncio.get_running_loop().time())
            else:
                self._breaker.abandoned()
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return told

    async def post(self, body: bytes) -> bytes:
        """One call, when there is a place for it; the body of the answer. Raises ServiceFailure."""
        async with self._admission.place():
            return await self._transport.post(body)

    async def aclose(self) -> None:
        for task in tuple(self._abandoned):
            task.cancel()
        await self._transport.aclose()

    async def _in_time[Told](self, work: Callable[[], Coroutine[Any, Any, Told]], seconds: float) -> Told:
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():  # not awaited: cancelling may itself wait for the other side
                self._abandoned.add(task)
                task.add_done_callback(self._forget)
                task.cancel()
        if not task.done():
            raise ServiceFailure(Cause.TIMEOUT)
        return task.result()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not complain about it
