"""What the data path does beside its event loop, done at once: the thread of the candidate is the room for all of it.

What the checks await on the data path is a thread; here nothing waits for anything, so a coroutine of theirs runs from
its beginning to its end in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from clyra_proxy.activation.wire.settling import Settling, settle_together
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.state.store import StateStore


class InlineRoom(ScanningRoom):
    """A room without threads. Budgets are kept by who runs all of it (`clyra_proxy.candidate.lane`)."""

    def __init__(self) -> None:
        """Nothing to start."""

    async def run[Result](self, look: Callable[[], Result], budget_s: float) -> Result:
        return look()

    def start(self, work: Callable[[], None]) -> None:
        work()

    def close(self) -> None:
        """Nothing to end."""


class InlineSettling(Settling):
    """Settles a write when it ends: there is no turn of an event loop here that others could end in."""

    def add(self, store: StateStore, work: Callable[[], None]) -> None:
        settle_together(store, [work])


def run_through[Result](work: Coroutine[object, None, Result]) -> Result:
    """The result of a coroutine that never waits. Raises what it raises; RuntimeError when it does wait."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    work.close()
    raise RuntimeError("a check of the candidate waits for something")
