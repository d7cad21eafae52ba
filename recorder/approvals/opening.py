"""Opening the approvals room of a running recorder: its orders, its page, its rounds.

Rule: settings that cannot be used, or a page that cannot listen, stop no recorder: records go on, and approvals say
that they cannot be had.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from recorder.approvals.office import Office
from recorder.approvals.operator import Operator
from recorder.approvals.rounds import Rounds
from recorder.approvals.settings import ApprovalSettingsError
from recorder.approvals.web.listener import PageListener
from recorder.commit import Writer
from recorder.errors import SocketError
from recorder.interface import APPROVAL_DESK_PATH
from recorder.layout import Layout
from recorder.service import Order

log = logging.getLogger("recorder.approvals")
logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells addresses, and some of them are secrets


@dataclass(slots=True)
class OpenApprovals:
    """What is running of it. orders: by path."""

    office: Office
    listener: PageListener
    orders: dict[str, Order]
    keeping: asyncio.Task[None]

    async def close(self) -> None:
        """Before the writer stops."""
        self.keeping.cancel()
        await asyncio.gather(self.keeping, return_exceptions=True)
        await self.listener.close()
        await self.office.close()


async def open_approvals(layout: Layout, writer: Writer) -> OpenApprovals:
    """Set right what the last run left, listen, and take orders."""
    office = Office(layout, writer)
    listener = PageListener(office)
    await office.open()
    try:
        settings = office.settings.current()
        if settings.approvers:
            await listener.open(settings.page)
            log.info("approvals page on %s", listener.url or "no address")
    except (ApprovalSettingsError, SocketError) as error:
        log.error("approvals: %s", error)  # noqa: TRY400 - told, and the recorder goes on
    office.desk.has_page = bool(listener.url)
    orders = office.signed_orders() | {APPROVAL_DESK_PATH: Operator(office, lambda: listener.url).order()}
    keeping = asyncio.create_task(Rounds(office, listener.url).run(), name="approvals")
    return OpenApprovals(office, listener, orders, keeping)
