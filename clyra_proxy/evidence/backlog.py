"""Everything a worker still has to replay: its own spool, and the spools of workers that are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.outbox import Outbox
from clyra_proxy.evidence.spool import Spool, adopt


class Backlog:
    """folder: where the spools are, 0700. Raises EvidenceError when it cannot be used."""

    def __init__(self, folder: Path, source: str, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._adopted: list[Spool] = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.own = Spool(folder / f"{source}.spool", max_bytes)
        except OSError as error:
            raise EvidenceError(f"Cannot open the evidence spool in {folder}.", f"{error.strerror}.") from None

    def next(self) -> Spool | None:
        """The next spool with something in it, our own first."""
        if self.own.waiting:
            return self.own
        return next((spool for spool in self._adopted if spool.waiting), None)

    def adopt(self) -> None:
        """Take over what processes that are gone left behind."""
        self._adopted += adopt(self._folder, self._max_bytes)

    def spill(self, outbox: Outbox) -> None:
        """Move what waits in memory to disk; what does not fit is gone, and its counters say so."""
        if outbox.queue:
            events = outbox.spill()
            if not self.own.append(events):
                outbox.spill_failed(len(events))

    def replayed(self, spool: Spool) -> None:
        """The last batch of `spool` is in the log; an adopted spool that is empty is removed."""
        spool.done()
        if spool is not self.own and not spool.waiting:
            self._adopted.remove(spool)
            spool.close()

    async def sync(self) -> None:
        """Force appended events to disk, in a thread."""
        if self.own.unsynced:
            await asyncio.to_thread(self.own.sync)

    def close(self) -> None:
        for spool in (*self._adopted, self.own):
            spool.close()
