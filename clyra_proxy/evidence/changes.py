"""Events that are not exchanges: what changes the proxy itself, handed to the recorder as records of their own.

Guarantee: `record` says whether the event is durable in the log; when it is not, it waits in the spool on disk and
is replayed with its original counter. It never raises for a recorder that is away: what happened has happened, and
must not wait for its evidence.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import orjson

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.client import RecorderClient

PATIENCE_S = 3.0


class ChangeRecorder(RecorderClient):
    """A link to the recorder for events that somebody else describes. Spools of others are left to the workers."""

    keeps = True
    adopts = False

    async def record(self, typ: str, data: dict[str, Any]) -> bool:
        """Hand over one event; True when it is durable, False when it waits to be."""
        line = orjson.dumps({"typ": typ, "data": data})
        if self.state != "ready" or self._courier.closing or self._outbox.full:
            self._outbox.put(line, None)
            self._courier.carry_within(0.0)
            return False
        future: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._outbox.put(line, future)
        self._courier.carry_within(0.0)
        with contextlib.suppress(EvidenceError, TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), PATIENCE_S)
            return True
        return False
