"""One external detector: cache, breaker, bounded calls, and an end in time whatever the other side does.

Guarantees: `answers` returns an answer for every item or raises DetectorFailure, at the latest when the time given is
over; a call that does not end is abandoned, not waited for. A client that goes away leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from clyra_proxy.genai.detectors.admission import Admission
from clyra_proxy.genai.detectors.breaker import CircuitBreaker
from clyra_proxy.genai.detectors.cache import AnswerCache, cache_key
from clyra_proxy.genai.detectors.question import (
    Adapter,
    Answer,
    Call,
    Cause,
    DetectorFailure,
    Item,
    Question,
    merged,
)
from clyra_proxy.genai.detectors.transport import Transport
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.policy.genai.detectors import Detector

LEAST_S = 0.005
"""Less time than this is none: the call is not begun."""


OFF_LOOP_BYTES = 64 << 10
"""Answers above this are read in a thread."""


class ExternalDetector:
    """One detector of a policy, on one event loop. Raises PolicyError when its files or secret cannot be used."""

    def __init__(self, settings: Detector, adapter: Adapter, base_dir: Path) -> None:
        self.settings = settings
        self._adapter = adapter
        self._transport = Transport(settings, base_dir)
        self._breaker = CircuitBreaker(settings.breaker)
        self._cache = AnswerCache(settings.cache_seconds, settings.cache_entries)
        self._admission = Admission(settings.concurrency, settings.waiting)
        self._abandoned: set[asyncio.Task[Mapping[str, Answer]]] = set()

    async def answers(self, items: Sequence[Item], inspection: Inspection, seconds: float) -> dict[str, Answer]:
        """Item id -> answer, within `seconds`. Raises DetectorFailure."""
        loop = asyncio.get_running_loop()
        direction = inspection.conversation.direction.value
        keys = {item.id: cache_key(item, direction) for item in items}
        known = {name: answer for name, key in keys.items() if (answer := self._cache.get(key, loop.time()))}
        missing = [item for item in items if item.id not in known]
        if not missing:
            return known
        if seconds < LEAST_S:
            raise DetectorFailure(Cause.TIMEOUT, blames=False)
        if not self._breaker.admit(loop.time()):
            raise DetectorFailure(Cause.CIRCUIT_OPEN, blames=False)
        told = await self._counted(missing, inspection, seconds)
        for name, answer in told.items():
            self._cache.put(keys[name], answer, loop.time())
        return {**known, **told}

    async def aclose(self) -> None:
        for task in tuple(self._abandoned):
            task.cancel()
        await self._transport.aclose()

    async def _counted(self, items: Sequence[Item], inspection: Inspection, seconds: float) -> Mapping[str, Answer]:
        """Ask, and tell the breaker how it went."""
        try:
            told = await self._in_time(items, inspection, seconds)
        except DetectorFailure as failure:
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

    async def _in_time(self, items: Sequence[Item], inspection: Inspection, seconds: float) -> Mapping[str, Answer]:
        task = asyncio.ensure_future(self._ask(items, inspection, seconds))
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():  # not awaited: cancelling may itself wait for the other side
                self._abandoned.add(task)
                task.add_done_callback(self._forget)
                task.cancel()
        if not task.done():
            raise DetectorFailure(Cause.TIMEOUT)
        return task.result()

    def _forget(self, task: asyncio.Task[Mapping[str, Answer]]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not complain about it

    async def _ask(self, items: Sequence[Item], inspection: Inspection, seconds: float) -> Mapping[str, Answer]:
        question = Question(
            request_id=str(uuid.uuid4()),
            kind=self.settings.kind.value,
            direction=inspection.conversation.direction,
            protocol=inspection.conversation.protocol,
            budget_ms=int(seconds * 1000),
        )
        calls = self._adapter.calls(items, question)
        tasks = [asyncio.ensure_future(self._call(call)) for call in calls]
        try:
            answered = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        found: dict[str, list[Answer]] = {}
        for one in answered:
            for name, answer in one.items():
                found.setdefault(name, []).append(answer)
        if found.keys() != {item.id for item in items}:
            raise DetectorFailure(Cause.MISMATCH)
        return {name: merged(several) for name, several in found.items()}

    async def _call(self, call: Call) -> Mapping[str, Answer]:
        async with self._admission.place():
            body = await self._transport.post(call.body)
        if len(body) > OFF_LOOP_BYTES:
            return await asyncio.to_thread(self._adapter.read, call, body)
        return self._adapter.read(call, body)
