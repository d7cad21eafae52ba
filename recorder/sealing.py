"""When to seal: by number of records, by age of the oldest unsealed one, or on request; one at a time.

The work is done by a child process at low priority, so that a long window never delays an intent that waits for its
commit. The child only reads the log and writes the bundle; this process remembers what was sealed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable

from recorder import database
from recorder.commit import Writer
from recorder.errors import SealError
from recorder.keys import passphrase
from recorder.layout import Layout
from recorder.seal import last_bundle

log = logging.getLogger("recorder.sealing")

_LOOK_S = 1.0
_RETRY_S = 60.0


type Anchored = Callable[[], Awaitable[int | None]]
"""Anchors the newest checkpoint now; its size, or None where nothing outside could be reached."""


class Sealer:
    """Seals for a running recorder. max_records / max_age_s: 0 switches that trigger off."""

    def __init__(self, layout: Layout, max_records: int, max_age_s: float, anchored: Anchored | None = None) -> None:
        self._layout = layout
        self._anchored = anchored
        self._max_records = max_records
        self._max_age_s = max_age_s
        self._one = asyncio.Lock()
        connection = database.open_for_reading(layout.database)
        newest = last_bundle(connection)
        connection.close()
        self.sealed_to = newest[0] if newest else 0
        self._waiting_since = time.monotonic()

    async def seal(self, writer: Writer, start: int | None, end: int | None) -> dict[str, object]:
        """Seal a window in a child process and remember the bundle. Raises SealError."""
        async with self._one:
            bundle = await self._run_child(start, end if end is not None else await self._anchored_end(start))
            await self._remember(writer, bundle)
        log.info("sealed [%s, %s) as %s", bundle["start"], bundle["end"], bundle["path"])
        return bundle

    async def _anchored_end(self, start: int | None) -> int | None:
        """Where an open-ended window should end so that something outside confirms its end; None: at the newest."""
        size = await self._anchored() if self._anchored is not None else None
        first = self.sealed_to if start is None else start
        return size if size is not None and size > first else None

    async def keep_sealing(self, writer: Writer) -> None:
        """Seal whenever size or age says so. Runs until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._due(writer.store.size):
                continue
            try:
                await self.seal(writer, None, None)
            except SealError as error:
                log.error("sealing failed: %s", error)  # noqa: TRY400 - the words say it all
                await asyncio.sleep(_RETRY_S)

    def _due(self, size: int) -> bool:
        waiting = size - self.sealed_to
        if waiting <= 0:
            self._waiting_since = time.monotonic()
            return False
        old = self._max_age_s > 0 and time.monotonic() - self._waiting_since >= self._max_age_s
        return old or 0 < self._max_records <= waiting

    async def _run_child(self, start: int | None, end: int | None) -> dict[str, object]:
        window = [f"--{name}={bound}" for name, bound in (("start", start), ("end", end)) if bound is not None]
        command = ["-m", "recorder.main", "seal", "--child", f"--home={self._layout.root}", *window]
        with passphrase.for_child() as (environment, descriptors):
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                *command,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                pass_fds=descriptors,
            )
        try:
            out, errors = await child.communicate()
        except asyncio.CancelledError:
            child.kill()
            raise
        if child.returncode != 0:
            said = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise SealError(said or "The sealing process failed.")
        found: dict[str, object] = json.loads(out)
        return found

    async def _remember(self, writer: Writer, bundle: dict[str, object]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            try:
                start, end = int(str(bundle["start"])), int(str(bundle["end"]))
                digest, path, checkpoint = (str(bundle[name]) for name in ("digest", "path", "checkpoint"))
                writer.store.remember_bundle(start, end, digest, path, checkpoint.encode())
            finally:
                loop.call_soon_threadsafe(_settle, done)

        writer.run(work)
        await done
        self.sealed_to = max(self.sealed_to, int(str(bundle["end"])))
        self._waiting_since = time.monotonic()


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
