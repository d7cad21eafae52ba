"""The kill switch while no proxy runs: the same rules on the same file, for the next start.

Evidence waits in the file and is recorded when a proxy starts; there is nobody else to tell.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.enforcement.halt.office import HaltOffice
from clyra_proxy.errors import ClyraError
from clyra_proxy.home import Home
from clyra_proxy.policy.halts import Halts
from clyra_proxy.policy.load import load_policy

NOT_RUNNING = "No proxy runs here; it holds from the next start on."


class _Nobody:
    """No recorder: what is told stays in the file."""

    state = "down"
    keeps = False

    async def record(self, typ: str, data: dict[str, Any]) -> bool:
        return False


async def _no_workers(_: dict[str, Any]) -> tuple[int, int]:
    return 0, 0


def offline_office(home: Home) -> HaltOffice:
    """An office without workers, recorder or replicas. Who calls holds the claim of the data folder."""
    settings, sentinel = Halts(), None
    try:
        settings = load_policy(home.policy).enforcement.halt
    except ClyraError:
        pass  # A policy that does not load says nothing about halts; the shipped settings hold.
    else:
        sentinel = home.policy.resolve().parent / settings.sentinel_file if settings.sentinel_file else None
    return HaltOffice(home.halts, settings, _no_workers, _Nobody(), sentinel=sentinel)
