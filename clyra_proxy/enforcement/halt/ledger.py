"""Where changes of the kill switch go: the file on disk, then the evidence.

Guarantees: what is not in the evidence yet is in the file, so that a crash between the two loses nothing (a record may
come twice); one write at a time, the last one with the latest book; nothing raises, it answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from clyra_proxy.enforcement.halt import file
from clyra_proxy.enforcement.halt.evidence import Event
from clyra_proxy.enforcement.halt.model import Halt
from clyra_proxy.errors import ClyraError

log = logging.getLogger("clyra.halt")


class Recorder(Protocol):
    """What takes the evidence. state: `ready`, or why not. keeps: whether it keeps what it cannot record at once."""

    keeps: bool

    @property
    def state(self) -> str: ...

    async def record(self, typ: str, data: dict[str, Any]) -> bool: ...


class Ledger:
    """folder: of the file. waiting: events of an earlier run that were not recorded."""

    def __init__(self, folder: Path, recorder: Recorder, waiting: Sequence[Event]) -> None:
        self._folder = folder
        self._recorder = recorder
        self._waiting = list(waiting)
        self._saving = asyncio.Lock()
        self._halts: Sequence[Halt] = ()

    async def keep(self, halts: Sequence[Halt], events: Sequence[Event]) -> tuple[bool, bool]:
        """Write the file, then record. Whether it is on disk, and whether all of it is in the evidence."""
        self._halts = halts
        self._waiting += events
        durable = await self._save()
        return durable, await self._record()

    async def catch_up(self, halts: Sequence[Halt]) -> None:
        """Record what an earlier run could not."""
        self._halts = halts
        if self._waiting:
            await self._record()

    async def _save(self) -> bool:
        async with self._saving:
            halts, waiting = self._halts, tuple(self._waiting)
            try:
                await asyncio.to_thread(file.save, self._folder, halts, waiting)
            except ClyraError as error:
                log.error("halts could not be kept on disk: %s", error)  # noqa: TRY400 - said in words
                return False
        return True

    async def _record(self) -> bool:
        if not self._recorder.keeps:
            return False
        events = tuple(self._waiting)
        durable = all([await self._recorder.record(typ, data) for typ, data in events])
        self._waiting = [event for event in self._waiting if not any(event is told for told in events)]
        await self._save()
        return durable
