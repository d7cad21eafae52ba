"""One worker: an event loop with an engine, told what to do by its supervisor and by nobody else.

Order of a start: policy compiled, authority checked, engine built with all addons, self-test passed; only then does
it accept from the sockets it was lent. When the supervisor is gone the worker drains and leaves; a thread makes sure
of that even when the event loop hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable

from clyra_proxy.enforcement.halt.desk import HaltDesk
from clyra_proxy.engine.control import Channel, Message
from clyra_proxy.engine.drain import drain
from clyra_proxy.engine.launch import WorkerConfig
from clyra_proxy.engine.loading_ahead import is_loading
from clyra_proxy.engine.worker_engine import WorkerEngine
from clyra_proxy.errors import ClyraError
from clyra_proxy.processors import keep_to_own
from clyra_proxy.watchdog import WATCHDOG

BEAT_S = 0.5
LAST_GRACE_S = 5.0

log = logging.getLogger("clyra.worker")


class Worker:
    """One run of a worker process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._config: asyncio.Future[WorkerConfig] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._bound_s: float | None = None
        self._engine: WorkerEngine | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._halts = HaltDesk()
        self._halts.tell = channel.send

    async def run(self) -> int:
        """Serve until told to leave; the exit status."""
        reading = asyncio.create_task(self._channel.serve(self._on_message), name="supervisor channel")
        reading.add_done_callback(lambda _: self._abandoned())
        try:
            config = await self._config
        except asyncio.CancelledError:
            return 1  # the supervisor went away before it said anything
        watch_life(config.life, config.drain_s, self._leave.set)
        self._engine = engine = WorkerEngine(config, self._halts)
        try:
            report = await engine.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the supervisor must be able to say it
            return self._fail(error)
        spare_the_collector()
        keep_to_own(config.slot, len(config.sockets))
        self._channel.send({"event": "ready", **report})
        engine.load_ahead()
        beating = asyncio.create_task(self._beat(engine), name="heartbeat")
        await self._leave.wait()
        cut = await drain(engine.master, config.drain_s if self._bound_s is None else self._bound_s)
        if cut:
            log.warning("worker %d: %d exchanges were cut at the end of the drain", config.slot, cut)
        beating.cancel()
        await engine.close()
        return 0

    def _abandoned(self) -> None:
        self._leave.set()
        if not self._config.done():
            self._config.cancel()

    def _fail(self, error: Exception) -> int:
        if isinstance(error, ClyraError):
            what, why, todo = error.what, error.why, error.todo
        else:
            traceback.print_exception(error)
            what, why = "A worker failed while starting.", f"{type(error).__name__}: {error}."
            todo = "This is a fault of the program; report it with the traceback above."
        self._channel.send({"event": "failed", "what": what, "why": why, "todo": todo})
        return 1

    async def _on_message(self, message: Message) -> None:
        if "config" in message:
            config = WorkerConfig.from_json(message["config"])
            self._halts.take(config.halts)
            self._config.set_result(config)
        elif message.get("command") == "halts":
            self._halt(message)
        elif message.get("command") == "drain":
            self._bound_s = message.get("bound_s")
            self._leave.set()
        else:
            job = asyncio.create_task(self._obey(message))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    def _halt(self, message: Message) -> None:
        """Before anything else is read from the supervisor: what is halted now, and the end of what must be cut."""
        changed = self._halts.take(message["snapshot"])
        cut = self._engine.cut_denied() if changed and self._engine is not None else 0
        self._channel.reply(message, {"ok": True, "cut": cut})

    async def _obey(self, message: Message) -> None:
        try:
            if self._engine is None:
                raise RuntimeError("not started")  # noqa: TRY301 - told to the supervisor like any other fault
            answer = await self._engine.obey(message)
        except ClyraError as error:
            answer = {"ok": False, "what": error.what, "why": error.why, "todo": error.todo}
        except Exception as error:
            log.exception("command %s failed", message.get("command"))
            answer = {"ok": False, "what": "A worker failed.", "why": f"{type(error).__name__}: {error}.", "todo": ""}
        self._channel.reply(message, answer)

    async def _beat(self, engine: WorkerEngine) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            late_ms = (loop.time() - due) * 1000
            self._channel.send({"event": "beat", "late_ms": round(late_ms, 1), **engine.describe()})
            due = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)


def spare_the_collector() -> None:
    """What start-up made stays for good, so the cyclic collector need not look at it again and again.

    Exchanges make few cycles; collecting every 50,000 new containers instead of every 2,000 gives back about a
    twelfth of the processor time and keeps memory flat (`make bench-engine`, rss_growth).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def watch_life(descriptor: int, drain_s: float, leave: Callable[[], None]) -> None:
    """Leave when the supervisor is gone (end of file on its pipe); at once when even the drain does not end."""
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        os.read(descriptor, 1)
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(leave)
        time.sleep(drain_s + LAST_GRACE_S)
        os._exit(1)

    threading.Thread(target=wait_for_the_end, name="supervisor life", daemon=True).start()


async def serve(channel_descriptor: int) -> int:
    """Everything between the first and the last moment of the event loop."""
    worker = Worker(await Channel.over(socket.socket(fileno=channel_descriptor)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker._leave.set)
    return await worker.run()


def main() -> int:
    """The process of one worker: serve until told to go. Returns its exit status."""
    logging.basicConfig(level=logging.INFO, format="clyra worker[%(process)d] %(levelname)s %(message)s")
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # the supervisor speaks for the terminal and the operator
    WATCHDOG.start()
    status = asyncio.run(serve(int(sys.argv[1])))
    if is_loading():
        logging.shutdown()
        os._exit(status)  # everything is closed; only the interpreter's own end is left out
    return status


if __name__ == "__main__":
    sys.exit(main())
