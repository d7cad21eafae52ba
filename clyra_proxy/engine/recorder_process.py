"""The recorder as the supervisor's child: started first, restarted when it dies, stopped last.

The recorder stays a process of its own with its own keys; this only spares a single machine a second terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

from clyra_proxy.engine.backoff import Backoff
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
from clyra_proxy.policy.proving import Evidence
from recorder.keys import passphrase

READY_LIMIT_S = 20.0
STOP_LIMIT_S = 15.0

log = logging.getLogger("clyra.supervisor")


class RecorderProcess:
    """One supervised recorder for one data folder."""

    def __init__(self, home: Home, evidence: Evidence) -> None:
        self._home = home
        self._evidence = evidence
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it answers. Raises StartupError when it ends or stays silent."""
        if await self._answers():
            raise StartupError(
                f"A recorder already serves {self._home.recorder_socket}.",
                "Two recorders must not write one log.",
                "Stop it, or start the proxy with --no-recorder to use it.",
            )
        self._process = await self._spawn()
        deadline = asyncio.get_running_loop().time() + READY_LIMIT_S
        while not await self._answers():
            if self._process.returncode is not None:
                raise StartupError(
                    f"The recorder ended at once (status {self._process.returncode}).",
                    "Its own message stands above.",
                    "Correct that, or start the proxy with --no-recorder to use one that runs elsewhere.",
                )
            if asyncio.get_running_loop().time() > deadline:
                await self.stop()
                raise StartupError(
                    f"The recorder did not answer within {READY_LIMIT_S:.0f} seconds.",
                    f"Nothing listens on {self._home.recorder_socket}.",
                    "Look at its messages above.",
                )
            await asyncio.sleep(0.05)
        self._keeping = asyncio.create_task(self._keep(self._process), name="recorder")

    async def stop(self) -> None:
        """Ask it to seal what it holds and leave; end it when it takes too long."""
        if self._keeping is not None:
            self._keeping.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            self.kill()
            await process.wait()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        backoff = Backoff()
        while True:
            status = await process.wait()
            delay = backoff.next()
            log.error("the recorder ended (status %s); starting it again in %.1f s", status, delay)
            await asyncio.sleep(delay)
            self.restarts += 1
            self._process = process = await self._spawn()

    async def _spawn(self) -> asyncio.subprocess.Process:
        with passphrase.for_child() as (environment, descriptors):
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "clyra_proxy.engine.leash", str(os.getpid())),
                *(sys.executable, "-P", "-m", "recorder.main", "serve", "--home", str(self._home.root)),
                *("--seal-records", str(self._evidence.seal_after_records)),
                *("--seal-age", str(self._evidence.seal_after_seconds)),
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,
                env=environment,
                pass_fds=descriptors,
            )

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(self._home.recorder_socket)
        except OSError:
            return False
        writer.close()
        return True
