"""Asking several services about one thing at the same time, with one end for all of them.

Guarantees: ends within the budget and a grace. A service ends by itself when the budget is over, and its breaker counts
that; only what then still runs is given up from here, because nobody could tell who is to blame for a cancelled call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

GRACE_S = 0.05
"""For services to end by themselves after the budget."""


async def ask_together[Told](works: Iterable[Coroutine[Any, Any, Told]], budget_s: float) -> list[Told | None]:
    """What each work came to, in their order; None for one that did not end. Each must itself keep to `budget_s`."""
    tasks = [asyncio.ensure_future(work) for work in works]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, timeout=budget_s + GRACE_S)
    finally:
        for task in tasks:
            task.cancel()  # what is still running is abandoned, not waited for
    return [task.result() if task.done() and not task.cancelled() else None for task in tasks]
