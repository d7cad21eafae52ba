"""One worker as its supervisor sees it: a process, a channel to it, and what it last said about itself.

The worker is a fresh interpreter, never a fork of a running event loop. It leads its own process group, so that a
Ctrl-C in the terminal reaches the supervisor alone, which then winds the workers down in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from enum import StrEnum

from clyra_proxy.engine.control import Channel, ChannelClosed, Message
from clyra_proxy.engine.launch import WorkerConfig
from clyra_proxy.errors import StartupError
from recorder.keys.passphrase import without_secrets

START_LIMIT_S = 60.0
HANG_LIMIT_S = 30.0


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


class WorkerProcess:
    """Make with `spawn`. `ready` resolves to the worker's first report, or fails with the reason it could not start."""

    def __init__(self, slot: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.slot = slot
        self.state = WorkerState.STARTING
        self.started = self.last_beat = time.monotonic()
        self.report: Message = {}
        self.ready: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Task[int] = asyncio.create_task(process.wait(), name=f"worker {slot} exit")
        self._process = process
        self._channel = channel
        self.on_signals: Callable[[Message], None] = lambda _: None
        self._failure: StartupError | None = None
        self._reading = asyncio.create_task(channel.serve(self._on_message), name=f"worker {slot} channel")
        self.gone.add_done_callback(self._on_exit)

    @classmethod
    async def spawn(
        cls, config: WorkerConfig, inherited: list[int], on_exit: Callable[[WorkerProcess], None]
    ) -> WorkerProcess:
        """Start the process and hand it its configuration. `inherited`: descriptors it must keep open."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "clyra_proxy.engine.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *inherited],
                process_group=0,
                env=without_secrets(os.environ),
            )
        worker = cls(config.slot, process, await Channel.over(ours))
        worker.gone.add_done_callback(lambda _: on_exit(worker))
        worker._channel.send({"config": config.to_json()})
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def silent_s(self) -> float:
        """Seconds since the worker's event loop last showed that it runs."""
        return time.monotonic() - self.last_beat

    async def until_ready(self) -> Message:
        """The worker's first report. Raises StartupError when it failed, died or took too long."""
        try:
            return await asyncio.wait_for(asyncio.shield(self.ready), START_LIMIT_S)
        except TimeoutError as error:
            self.kill()
            raise StartupError(
                f"Worker {self.slot} was not ready within {START_LIMIT_S:.0f} seconds.",
                "It was ended.",
                "Look at its messages above; a slow disk or a huge schema set are the usual causes.",
            ) from error

    async def ask(self, command: str, within_s: float = 60.0, **fields: object) -> Message:
        """Send a command and wait for its answer; `{"ok": False, ...}` when the worker went away or is too slow."""
        try:
            return await self._channel.request({"command": command, **fields}, within_s)
        except (ChannelClosed, TimeoutError):
            return {"ok": False, "what": f"Worker {self.slot} did not answer `{command}`.", "why": "", "todo": ""}

    async def drain(self, bound_s: float) -> None:
        """Let the worker finish what it has and leave; end it when it takes longer than `bound_s`."""
        if self.state is not WorkerState.GONE:
            self.state = WorkerState.DRAINING
            self._channel.send({"command": "drain", "bound_s": bound_s})
        try:
            await asyncio.wait_for(asyncio.shield(self.gone), bound_s + 5.0)
        except TimeoutError:
            self.kill()
            await self.gone

    def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def _on_message(self, message: Message) -> None:
        self.last_beat = time.monotonic()
        event = message.pop("event", "")
        if event == "failed":
            self._failure = StartupError(message["what"], message["why"], message["todo"])
        elif event == "signals":
            self.on_signals(message)
        elif event in {"ready", "beat"}:
            if event == "ready" and not self.ready.done():
                self.state = WorkerState.READY
                self.ready.set_result(dict(message))
                del message["policy"]  # for the banner; it would grow stale
            self.report = message

    def _on_exit(self, exited: asyncio.Task[int]) -> None:
        self.state = WorkerState.GONE
        if not self.ready.done() and not exited.cancelled():
            asyncio.create_task(self._fail(exited.result()))  # noqa: RUF006 - short, and the future it settles is kept

    async def _fail(self, status: int) -> None:
        await asyncio.wait([self._reading], timeout=5.0)  # its last words may still be in the channel
        if not self.ready.done():
            self.ready.set_exception(
                self._failure
                or StartupError(
                    f"Worker {self.slot} ended before it was ready (status {status}).",
                    "It gave no reason.",
                    "Look at its messages above.",
                )
            )
            self.ready.exception()  # whoever waits gets it; nobody waiting is not an accident worth a warning
