"""The approval gate of a worker, made when the first request needs it: most workers never ask anybody.

What it is made of (an HTTP client, what makes a payload readable for people) is a twentieth of a worker's memory.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.home import Home

if TYPE_CHECKING:
    from clyra_proxy.approvals.gate import ApprovalGate, Meter
    from clyra_proxy.state.store import StateStore


class LateApprovalGate:
    """Arguments as of `ApprovalGate`."""

    def __init__(
        self, home: Home, base_dir: Path, meter: Meter | None = None, shared: StateStore | None = None
    ) -> None:
        self._arguments = (home, base_dir, meter, shared)
        self._lock = asyncio.Lock()
        self.known: ApprovalGate | None = None

    async def made(self) -> ApprovalGate:
        """The gate; the first call imports it, in a thread."""
        if self.known is None:
            async with self._lock:
                if self.known is None:
                    self.known = await asyncio.to_thread(self._make)
        return self.known

    def _make(self) -> ApprovalGate:
        from clyra_proxy.approvals.gate import ApprovalGate

        return ApprovalGate(*self._arguments)

    async def close(self) -> None:
        if self.known is not None:
            await self.known.close()
