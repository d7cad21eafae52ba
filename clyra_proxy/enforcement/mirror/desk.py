"""One target's copies: so many under way at once, the others wait in line, and both answers are looked at in the end.

Guarantees: a copy that waits is looked at again before it is sent (halts, pace); comparing waits for the real answer,
never the other way round, and for so long only. Runs on the mirrors' own loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from clyra_proxy.enforcement.halt.state import Subject
from clyra_proxy.enforcement.mirror.comparing import Comparison
from clyra_proxy.enforcement.mirror.compiled import CompiledTarget
from clyra_proxy.enforcement.mirror.counting import Counting
from clyra_proxy.enforcement.mirror.lines import pair_line
from clyra_proxy.enforcement.mirror.model import Answer, Copy, Outcome, Result
from clyra_proxy.enforcement.mirror.noise import Noise, NoiseLearner, judge
from clyra_proxy.enforcement.mirror.sending import Sender, Sent


class TargetDesk:
    """is_halted: whether a subject is halted now."""

    def __init__(self, target: CompiledTarget, counting: Counting, is_halted: Callable[[Subject], bool]) -> None:
        self.target = target
        self._budget = target.budget
        self._counting = counting
        self._is_halted = is_halted
        self._sender = Sender(target)
        self._learner = NoiseLearner(target.settings.compare.noise_share, target.settings.compare.noise_pairs)
        self._waiting: deque[Copy] = deque()
        self._sending = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, copy: Copy) -> None:
        """Send it when its turn comes."""
        if not self._sender.has_token():
            self._end(copy, Outcome.DROPPED_RATE)
        else:
            self._waiting.append(copy)
            self._begin()

    def retire(self) -> None:
        """Another policy is in force: what is under way may end, within its own time, then connections are closed."""
        settings = self.target.settings
        self._keep(self.close((settings.timeout_ms + settings.compare.wait_ms) / 1000))

    async def close(self, seconds: float) -> None:
        """Send nothing more; wait so long for what is under way, then cut it."""
        while self._waiting:
            self._end(self._waiting.popleft(), Outcome.DROPPED_SHUTDOWN)
        others = self._tasks - {task for task in (asyncio.current_task(),) if task is not None}
        if others:
            _, late = await asyncio.wait(others, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._sender.aclose()

    def _begin(self) -> None:
        while self._waiting and self._sending < self.target.settings.concurrency:
            self._sending += 1
            self._keep(self._handle(self._waiting.popleft()))

    async def _handle(self, copy: Copy) -> None:
        try:
            sent = await self._send(copy)
            self._counting.count(self.target.name, copy.route, sent.outcome)
            if sent.answer is not None and self.target.settings.compare.enabled:
                await self._compare(copy, sent.answer, sent.milliseconds)
        finally:
            self._budget.leave(copy)

    async def _send(self, copy: Copy) -> Sent:
        """Give the place to the next one as soon as this one is sent, whether or not it can be compared yet."""
        try:
            if self._is_halted(copy.subject):
                return Sent(Outcome.SUPPRESSED_HALT)
            return await self._sender.send(copy)
        except asyncio.CancelledError:
            self._counting.count(self.target.name, copy.route, Outcome.DROPPED_SHUTDOWN)
            raise
        finally:
            self._budget.give(copy, len(copy.body))
            copy.body = b""
            self._sending -= 1
            self._begin()

    async def _compare(self, copy: Copy, mirror: Answer, milliseconds: float) -> None:
        kept = mirror.body is not None and self._budget.take(copy, len(mirror.body))
        if not kept:
            mirror = Answer(mirror.status, mirror.fields, None)
        await self._real_answer(copy)
        real, comparison = copy.answer, None
        judged: list[tuple[Any, Noise]] = []
        result = Result.UNCOMPARED
        if real is not None:
            comparison = self.target.comparer.compare(real, mirror)
            judged, result = self._judge(copy.route, comparison)
        statuses = (real.status if real is not None else 0, mirror.status)
        line = pair_line(self.target.name, copy, statuses, milliseconds, result, comparison, judged, time.time())
        self._counting.compared(self.target.name, result, line)

    def _judge(self, route: str, comparison: Comparison) -> tuple[list[tuple[Any, Noise]], Result]:
        found = comparison.differences
        if comparison.bodies:
            self._learner.add(route, found)
        judged = judge(found, route, self.target.ignored, self._learner)
        different = any(noise is Noise.NONE for _, noise in judged)
        return judged, Result.DIFFERENT if different else Result.SAME

    async def _real_answer(self, copy: Copy) -> None:
        if copy.settled:
            return
        copy.waiter = asyncio.get_running_loop().create_future()
        if copy.settled:  # meanwhile: the data path settles first and wakes us after
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.target.settings.compare.wait_ms / 1000):
                await copy.waiter

    def _end(self, copy: Copy, outcome: Outcome) -> None:
        self._budget.leave(copy)
        self._counting.count(self.target.name, copy.route, outcome)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
