"""A shared store with what was declared for its loss: some primitives go on locally, others fail.

Guarantees: what must be seen by all (values: nonces, idempotency keys, approval tokens, pins) is never answered by the
local store; what may go on locally does so at once, and `lost` says so to whoever writes verdicts. When the shared
store is back it alone counts again: what was counted locally meanwhile is not added to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from clyra_proxy.policy.sharing import OnLoss, WhenLost
from clyra_proxy.state.redis import RedisState
from clyra_proxy.state.store import Addition, Admission, StateError, StateStore, Taken

log = logging.getLogger("clyra.state")


class FallingState:
    """A StateStore. shared: asked first. local: takes over where `on_loss` says so."""

    def __init__(self, shared: RedisState, local: StateStore, on_loss: OnLoss) -> None:
        self._shared = shared
        self._local = local
        self._counters = on_loss.counters is WhenLost.LOCAL
        self._places = on_loss.places is WhenLost.LOCAL
        self.lost = False
        """Whether the last answer that was needed did not come from the shared store."""

    prompt = False

    def together(self, now: float) -> AbstractContextManager[object]:
        return nullcontext()

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        return self._either(lambda store: store.add(key, amount, window_s, now), self._counters)

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        return self._either(lambda store: store.add_within(key, amount, limit, window_s, now), self._counters)

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        return self._either(lambda store: store.add_all(additions, now), self._counters)

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        return self._either(lambda store: store.take(key, amount, rate, burst, now, reserve), self._counters)

    def total(self, key: str, window_s: int, now: float) -> int:
        return self._either(lambda store: store.total(key, window_s, now), self._counters)

    def get(self, key: str, now: float) -> str | None:
        return self._either(lambda store: store.get(key, now), False)

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        self._either(lambda store: store.put(key, value, now, ttl_s), False)

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        return self._either(lambda store: store.put_new(key, value, now, ttl_s), False)

    def delete(self, key: str) -> None:
        self._either(lambda store: store.delete(key), False)

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        return self._either(lambda store: store.entries(prefix, now, limit), False)

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        return self._either(lambda store: store.acquire(key, holder, limit, lease_s, now), self._places)

    def release(self, key: str, holder: str) -> None:
        if self._places:
            self._local.release(key, holder)  # It may have been taken there while the shared store was away.
        self._either(lambda store: store.release(key, holder), self._places)

    def close(self) -> None:
        """Close the connections of both."""
        self._shared.close()
        if (close := getattr(self._local, "close", None)) is not None:
            close()

    def _either[Result](self, work: Callable[[StateStore], Result], falls_back: bool) -> Result:
        try:
            result = work(self._shared)
        except StateError as error:
            if not self.lost:
                log.warning("%s; %s", error, "counting goes on locally" if falls_back else "what needs it fails")
            self.lost = True
            if not falls_back:
                raise
            return work(self._local)
        if self.lost:
            log.warning("the shared store answers again")
            self.lost = False
        return result
