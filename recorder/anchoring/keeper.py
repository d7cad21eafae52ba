"""The recorder's side of anchoring: keeps the anchoring process running, and writes into the log what it reports.

Rule: ingestion never waits for anything here. A round's successes become records on the writer thread like any other
work; failures are logged and shown in the status; a process that ends is started again, later and later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

from recorder.anchoring import report
from recorder.anchoring.errors import AnchorError
from recorder.anchoring.report import Report
from recorder.layout import Layout

log = logging.getLogger("recorder.anchoring")

_LOOK_S = 1.0
_RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
_LINE_BYTES = 1 << 20
MODULE = "recorder.anchoring.worker"

type Write = Callable[[list[tuple[str, dict[str, Any]]]], None]
"""Queues records of the recorder's own making; they are durable some time later."""


class Keeper:
    """Lives on the recorder's event loop. write: see Write."""

    def __init__(self, layout: Layout, write: Write) -> None:
        self._layout = layout
        self._write = write
        self._child: asyncio.subprocess.Process | None = None
        self._asking: list[asyncio.Future[Report | None]] = []
        self._targets: dict[str, dict[str, object]] = {}
        self._last: Report | None = None
        self._error = ""

    async def run(self) -> None:
        """Keep the process alive while there is anything to do. Runs until cancelled."""
        failed = 0
        while True:
            if not self.wanted():
                await asyncio.sleep(_LOOK_S)
                continue
            started = time.monotonic()
            try:
                await self._live()
            except (OSError, ValueError) as error:
                self._error = f"the anchoring process cannot be used: {error}"
            failed = 0 if time.monotonic() - started > 60 else min(failed + 1, len(_RETRY_S))
            log.error("the anchoring process ended (%s); it is started again", self._error or "no reason known")
            await asyncio.sleep(_RETRY_S[failed - 1] if failed else 1.0)

    def wanted(self) -> bool:
        """Whether anything is configured. A broken file is reported by the process itself, so it counts."""
        try:
            found = orjson.loads(self._layout.anchors.read_bytes())
        except FileNotFoundError:
            return False
        except (OSError, orjson.JSONDecodeError):
            return True
        return not isinstance(found, dict) or found.get("targets") != []

    async def now(self, timeout_s: float = 60.0) -> Report:
        """Anchor the newest checkpoint at every target, now. Raises AnchorError when no round could be run."""
        child = self._child
        if child is None or child.stdin is None:
            why = self._error or "No anchors are configured."
            raise AnchorError("Nothing was anchored.", why, "Add one with 'clyra anchor add'.")
        waiting: asyncio.Future[Report | None] = asyncio.get_running_loop().create_future()
        self._asking.append(waiting)
        try:
            child.stdin.write(b"now\n")
            found = await asyncio.wait_for(waiting, timeout_s)
        except (TimeoutError, OSError):
            raise AnchorError("Nothing was anchored in time.", "The anchoring process did not answer.") from None
        finally:
            with contextlib.suppress(ValueError):
                self._asking.remove(waiting)
        if found is None:
            raise AnchorError("Nothing was anchored.", self._error or "The recorder's log says why.")
        return found

    async def order(self, _: bytes) -> dict[str, object]:
        """An operator's request for a round now. Raises AnchorError."""
        return (await self.now()).summary()

    async def size_now(self) -> int | None:
        """Anchor now; the size that anything outside confirmed, or None. For sealing, which goes on either way."""
        if not self.wanted():
            return None
        try:
            found = await self.now()
        except AnchorError as error:
            log.warning("the end of the next bundle is not anchored: %s", error)
            return None
        return found.size if found.placed else None

    def status(self) -> dict[str, object]:
        """For the recorder's status document: newest anchor, how far each target is, what is wrong."""
        return {
            "running": self._child is not None,
            "size": self._last.size if self._last else 0,
            "targets": self._targets,
            "alarm": any(target.get("alarm") for target in self._targets.values()),
            "error": self._error,
        }

    async def _live(self) -> None:
        """One life of the process."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            MODULE,
            str(self._layout.root),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        self._child, self._error = child, ""
        try:
            await asyncio.gather(self._hear(child), self._listen(child))
        finally:
            self._child = None
            self._settle(None)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _hear(self, child: asyncio.subprocess.Process) -> None:
        """Take every report; return when the process ends."""
        assert child.stdout is not None  # noqa: S101 - a pipe was asked for
        while line := await child.stdout.readline():
            found = report.from_line(line)
            if found is None:
                self._settle(None)
                continue
            self._take(found)

    async def _listen(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None  # noqa: S101 - a pipe was asked for
        while line := await child.stderr.readline():
            self._error = line.decode("utf-8", "replace").strip()[:500]
            log.error("anchoring: %s", self._error)

    def _take(self, found: Report) -> None:
        self._last, self._error = found, ""
        now = int(time.time())
        for name in found.placed:
            self._targets[name] = {"size": found.size, "at": now}
        for failure in found.failures:
            known = {key: value for key, value in self._targets.get(failure.name, {}).items() if key in ("size", "at")}
            self._targets[failure.name] = {**known, "failed_at": now, "error": failure.error, "alarm": failure.alarm}
            level = logging.CRITICAL if failure.alarm else logging.WARNING
            log.log(
                level, "anchor %s (%s) failed at size %d: %s", failure.name, failure.kind, found.size, failure.error
            )
        if found.placed:
            log.info("size %d anchored at %s", found.size, ", ".join(found.placed))
            self._write(list(found.records))
        if found.asked:
            self._settle(found)

    def _settle(self, found: Report | None) -> None:
        for waiting in self._asking:
            if not waiting.done():
                waiting.set_result(found)
