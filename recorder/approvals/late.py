"""The approvals room in a recorder that may never need it: opened when there are settings or packets, else when asked.

Rule: what it needs (validation of settings, HTTP, mail) is not loaded before; a recorder without approvers starts as
quickly and stays as small as if there were no approvals.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder.http import Response
from recorder.interface import (
    APPROVAL_CONSUME_PATH,
    APPROVAL_DESK_PATH,
    APPROVAL_OPEN_PATH,
    APPROVAL_STATES_PATH,
)
from recorder.layout import Layout
from recorder.service import Order, Service

if TYPE_CHECKING:
    from recorder.approvals.opening import OpenApprovals


@dataclass(eq=False, slots=True)
class LateApprovals:
    """Lives on the service's event loop."""

    layout: Layout
    service: Service
    _opened: OpenApprovals | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begin(self) -> None:
        """Take orders; open now if there is something to look after."""
        for path in (APPROVAL_OPEN_PATH, APPROVAL_STATES_PATH, APPROVAL_CONSUME_PATH):
            self.service.signed[path] = self._order(path)
        self.service.orders[APPROVAL_DESK_PATH] = self._order(APPROVAL_DESK_PATH)
        if self.layout.approval_settings.exists() or self.layout.approval_book.exists():
            await self._open()

    async def close(self) -> None:
        """Before the writer stops."""
        async with self._opening:
            if self._opened is not None:
                await self._opened.close()

    async def _open(self) -> OpenApprovals:
        async with self._opening:
            if self._opened is None:
                from recorder.approvals.opening import open_approvals

                self._opened = await open_approvals(self.layout, self.service.writer)
            return self._opened

    def _order(self, path: str) -> Order:
        async def obey(body: bytes) -> dict[str, object] | Response:
            return await (await self._open()).orders[path](body)

        return obey
