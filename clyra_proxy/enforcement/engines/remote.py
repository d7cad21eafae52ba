"""What the engines that are asked over HTTP have in common: the guarded service, and answers kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from clyra_proxy.enforcement.engines.answer import Answer
from clyra_proxy.policy.engines import Opa, OpenFga
from clyra_proxy.services.cache import AnswerCache, key_of
from clyra_proxy.services.guarded import GuardedService


class RemoteEngine:
    """path: below the engine's `url`. Raises PolicyError when its files or its secret cannot be used."""

    def __init__(self, settings: Opa | OpenFga, base_dir: Path, path: str) -> None:
        url = f"{settings.url.rstrip('/')}/{path}"
        self._service = GuardedService(settings, base_dir, f"Policy engine `{settings.name}`", url)
        self._cache: AnswerCache[Answer] = AnswerCache(settings.cache_seconds, settings.cache_entries)

    @property
    def failing(self) -> bool:
        return self._service.is_left_alone

    async def aclose(self) -> None:
        await self._service.aclose()

    async def _answer(
        self,
        asked: Callable[[], Sequence[bytes]],
        work: Callable[[], Coroutine[Any, Any, Answer]],
        seconds: float,
    ) -> Answer:
        """What `work` comes to, or came to lately. asked: what the answer depends on. Raises ServiceFailure."""
        if not self._cache.keeps:
            return await self._service.ask(work, seconds)
        key, loop = key_of(asked()), asyncio.get_running_loop()
        answer = self._cache.get(key, loop.time())
        if answer is None:
            answer = await self._service.ask(work, seconds)
            self._cache.put(key, answer, loop.time())
        return answer
