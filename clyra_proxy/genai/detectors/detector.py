"""One external detector: cache, breaker, bounded calls, and an end in time whatever the other side does.

Guarantees: `answers` returns an answer for every item or raises ServiceFailure, at the latest when the time given is
over; a call that does not end is abandoned, not waited for. A client that goes away leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from clyra_proxy.genai.detectors.cache import cache_key, is_kept
from clyra_proxy.genai.detectors.question import Adapter, Answer, Call, Item, Question, merged
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.policy.genai.detectors import Detector
from clyra_proxy.services.cache import AnswerCache
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.guarded import GuardedService

OFF_LOOP_BYTES = 64 << 10
"""Answers above this are read in a thread."""


class ExternalDetector:
    """One detector of a policy, on one event loop. Raises PolicyError when its files or secret cannot be used."""

    def __init__(self, settings: Detector, adapter: Adapter, base_dir: Path) -> None:
        self.settings = settings
        self._adapter = adapter
        self._service = GuardedService(settings, base_dir, f"Detector `{settings.name}`")
        self._cache: AnswerCache[Answer] = AnswerCache(settings.cache_seconds, settings.cache_entries)

    async def answers(self, items: Sequence[Item], inspection: Inspection, seconds: float) -> dict[str, Answer]:
        """Item id -> answer, within `seconds`. Raises ServiceFailure."""
        loop = asyncio.get_running_loop()
        direction = inspection.conversation.direction.value
        keys = {item.id: cache_key(item, direction) for item in items}
        known = {name: answer for name, key in keys.items() if (answer := self._cache.get(key, loop.time()))}
        missing = [item for item in items if item.id not in known]
        if not missing:
            return known
        told = await self._service.ask(lambda: self._ask(missing, inspection, seconds), seconds)
        for name, answer in told.items():
            if is_kept(answer):
                self._cache.put(keys[name], answer, loop.time())
        return {**known, **told}

    async def aclose(self) -> None:
        await self._service.aclose()

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
            raise ServiceFailure(Cause.MISMATCH)
        return {name: merged(several) for name, several in found.items()}

    async def _call(self, call: Call) -> Mapping[str, Answer]:
        body = await self._service.post(call.body)
        if len(body) > OFF_LOOP_BYTES:
            return await asyncio.to_thread(self._adapter.read, call, body)
        return self._adapter.read(call, body)
