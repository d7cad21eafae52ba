"""Waiting for people without holding anything up: one task a worker asks for all packets that are waited for at once.

Rule: who waits is woken by a change of state, by the end of his time, or by the end of the worker; a recorder that is
away for a moment is asked again until then, because a restart of it loses nothing. The number of waiters is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.approvals.desk import Desk, DeskError, DeskRefusal

log = logging.getLogger("clyra.approvals")

PACE_S = 0.25
SLOW_PACE_S = 2.0
WAITING = "requested"
MOST_IDS = 256

type State = dict[str, Any]


@dataclass(slots=True)
class Waiters:
    """Everybody in this worker who waits for a packet."""

    desk: Desk
    _waiting: dict[str, set[asyncio.Future[State]]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None
    count: int = 0

    async def wait(self, packet: str, seconds: float) -> State | None:
        """The state once it is no longer `requested`; None when the time is over first."""
        future: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(packet, set()).add(future)
        self.count += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="approvals")
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return None
        finally:
            self.count -= 1
            waiters = self._waiting.get(packet, set())
            waiters.discard(future)
            if not waiters:
                self._waiting.pop(packet, None)

    async def close(self) -> None:
        """Let everybody go who still waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()

    async def _watch(self) -> None:
        pace = PACE_S
        while self._waiting:
            await asyncio.sleep(pace)
            try:
                states = await self.desk.states(list(self._waiting)[:MOST_IDS])
                pace = PACE_S
            except (DeskError, DeskRefusal) as error:
                log.warning("the recorder cannot be asked about approvals: %s", type(error).__name__)
                pace = SLOW_PACE_S
                continue
            for packet, state in states.items():
                if isinstance(state, dict) and state.get("state") != WAITING:
                    self._wake(packet, state)

    def _wake(self, packet: str, state: State) -> None:
        for future in self._waiting.get(packet, ()):
            if not future.done():
                future.set_result(state)
