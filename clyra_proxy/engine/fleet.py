"""The workers of one proxy: started, replaced, reloaded and drained together.

Guarantees: at least one worker serves as long as one can; the port never closes in between (the supervisor keeps the
listening sockets, and while a slot has no worker its neighbours accept its connections); a reload takes effect in all
workers or in none; a rolling restart drains an old worker only after its successor has passed the self-test.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from clyra_proxy.engine.backoff import Backoff
from clyra_proxy.engine.control import Message
from clyra_proxy.engine.launch import Launch, WorkerConfig
from clyra_proxy.engine.worker_process import HANG_LIMIT_S, WorkerProcess, WorkerState
from clyra_proxy.errors import StartupError
from clyra_proxy.policy.models import PolicyDocument

LARGEST_DEATH_COUNT = 6
HALT_PATIENCE_S = 2.0
"""How long a worker's word is waited for that it took a halt; one that is silent is told all the same."""

log = logging.getLogger("clyra.supervisor")


class Fleet:
    """All worker slots of one launch. `hopeless` is called with an error when no worker can be kept alive.

    halts: what a new worker must know of the kill switch. on_signals: hears what workers counted for it.
    """

    def __init__(
        self,
        launch: Launch,
        listeners: list[list[socket.socket]],
        hopeless: Callable[[StartupError], None],
        halts: Callable[[], Message] = dict,
        on_signals: Callable[[Message], None] = lambda _: None,
    ) -> None:
        self.launch = launch
        self.generation = 1
        self.restarts = 0
        self._listeners = listeners
        self._hopeless = hopeless
        self._halts = halts
        self._on_signals = on_signals
        self._workers: list[WorkerProcess | None] = [None] * len(listeners)
        self._processes: set[WorkerProcess] = set()  # every live one, successors that are still starting included
        self._backoffs = [Backoff() for _ in listeners]
        self._revivals: dict[int, asyncio.Task[None]] = {}
        self._changing = asyncio.Lock()  # one reload, revival or rolling restart at a time
        self._stopping = False
        self._last_failure: StartupError | None = None
        self._life_read, self._life_write = os.pipe()

    @property
    def workers(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker is not None and worker.state is not WorkerState.GONE]

    @property
    def serving(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.state is WorkerState.READY]

    async def start(self) -> Message:
        """Start every worker and wait until all are ready. Returns the first one's report; raises StartupError."""
        for slot in range(len(self._listeners)):
            self._workers[slot] = await self._spawn(slot)
        starting = [worker for worker in self._workers if worker is not None]
        try:
            return (await asyncio.gather(*(worker.until_ready() for worker in starting)))[0]
        except StartupError:
            await self.end()
            raise

    async def reload(self, document: PolicyDocument) -> Message:
        """Put `document` and the certificates on disk in force in every worker, or in none."""
        async with self._changing:
            workers = self.serving
            generation = self.generation + 1
            text = document.model_dump_json(by_alias=True)
            answers = await asyncio.gather(
                *(worker.ask("prepare", policy_json=text, generation=generation) for worker in workers)
            )
            refused = next((answer for answer in answers if not answer["ok"]), None)
            if refused is None and len({answer["sha256"] for answer in answers}) > 1:
                refused = {
                    "what": "The workers read different policies.",
                    "why": "A file changed while it was read.",
                    "todo": "Reload again.",
                }
            if refused is not None or not answers:
                await asyncio.gather(*(worker.ask("discard") for worker in workers))
                return {"what": "No worker is ready.", "why": "", "todo": "", **(refused or {}), "ok": False}
            await asyncio.gather(*(worker.ask("commit") for worker in workers))
            self.generation = generation
            self.launch = self.launch.with_document(document)
            return {"ok": True, "generation": generation, "sha256": answers[0]["sha256"], "workers": len(workers)}

    async def restart(self) -> Message:
        """Replace the workers one by one; stops at the first successor that does not become ready."""
        replaced = 0
        for slot in range(len(self._listeners)):
            async with self._changing:
                if self._stopping:
                    return {"ok": False, "what": "The proxy is stopping.", "why": "", "todo": "", "replaced": replaced}
                old = self._workers[slot]
                successor = await self._spawn(slot)
                try:
                    await successor.until_ready()
                except StartupError as error:
                    return {"ok": False, "what": error.what, "why": error.why, "todo": error.todo, "replaced": replaced}
                if self._stopping:
                    successor.kill()
                    continue
                self._workers[slot] = successor
                if old is not None and old.state is not WorkerState.GONE:
                    await old.drain(self.launch.drain_s)
                replaced += 1
        return {"ok": True, "replaced": replaced}

    async def halt(self, snapshot: Message) -> tuple[int, int]:
        """Tell every process what is halted, starting and draining ones too; how many took it, and what they cut."""
        asked = [worker.ask("halts", HALT_PATIENCE_S, snapshot=snapshot) for worker in self._processes]
        answers = [answer for answer in await asyncio.gather(*asked) if answer["ok"]]
        return len(answers), sum(answer["cut"] for answer in answers)

    async def drain(self) -> None:
        """Let every worker finish what it has; afterwards nothing listens any more."""
        self._stopping = True
        for revival in self._revivals.values():
            revival.cancel()
        await asyncio.gather(*(worker.drain(self.launch.drain_s) for worker in self.workers))
        self.close()

    async def end(self) -> None:
        """End every worker at once, those still starting included; nothing is left when this returns."""
        self._stopping = True
        self.close()
        processes = list(self._processes)
        for worker in processes:
            worker.kill()
        await asyncio.gather(*(worker.gone for worker in processes))

    def close(self) -> None:
        for sockets in self._listeners:
            for sock in sockets:
                sock.close()

    def end_hung_workers(self) -> None:
        """A worker whose event loop has been silent for too long is ended; its exit starts the replacement."""
        for worker in self.serving:
            if worker.silent_s > HANG_LIMIT_S:
                log.error(
                    "worker %d (pid %d) hangs: silent for %.0f s; ending it", worker.slot, worker.pid, HANG_LIMIT_S
                )
                worker.kill()

    async def _spawn(self, slot: int) -> WorkerProcess:
        launch = self.launch
        descriptors = tuple(tuple(sock.fileno() for sock in sockets) for sockets in self._listeners)
        config = WorkerConfig(
            slot=slot,
            generation=self.generation,
            policy_json=launch.document.model_dump_json(by_alias=True),
            policy_folder=str(launch.policy_file.resolve().parent),
            home=str(launch.home.root),
            host=launch.host,
            port=launch.port,
            mode=launch.mode,
            upstream=launch.upstream,
            header_timeout_s=launch.header_timeout_s,
            drain_s=launch.drain_s,
            sockets=descriptors,
            life=self._life_read,
            halts=self._halts(),
        )
        inherited = [self._life_read, *(descriptor for sockets in descriptors for descriptor in sockets)]
        worker = await WorkerProcess.spawn(config, inherited, self._on_exit)
        worker.on_signals = self._on_signals
        self._processes.add(worker)
        return worker

    def _on_exit(self, worker: WorkerProcess) -> None:
        self._processes.discard(worker)
        if self._stopping or self._workers[worker.slot] is not worker or not worker.ready.done():
            return  # meant to go, already replaced, or still being waited for by whoever started it
        if worker.ready.exception() is None:
            log.error("worker %d (pid %d) died; starting another", worker.slot, worker.pid)
            self._revivals[worker.slot] = asyncio.create_task(self._revive(worker.slot), name=f"revive {worker.slot}")

    async def _revive(self, slot: int) -> None:
        """Neighbours take over the slot's connections until a new worker is ready; keep trying, slower each time."""
        await self._tell_serving("adopt", slot)
        backoff = self._backoffs[slot]
        while True:
            await asyncio.sleep(backoff.next())
            async with self._changing:
                if self._is_dead(slot) and not await self._replace_dead(slot):
                    if self._is_beyond_hope(backoff):
                        return
                    continue
                await self._tell_serving("release", slot)
                return

    async def _replace_dead(self, slot: int) -> bool:
        worker = await self._spawn(slot)
        try:
            await worker.until_ready()
        except StartupError as error:
            self._last_failure = error
            log.error("worker %d cannot be started again: %s", slot, error)  # noqa: TRY400 - said in words
            return False
        self._workers[slot] = worker
        self.restarts += 1
        log.info("worker %d is back (pid %d)", slot, worker.pid)
        for other in range(len(self._workers)):
            if self._is_dead(other):
                await worker.ask("adopt", slot=other)
        return True

    def _is_beyond_hope(self, backoff: Backoff) -> bool:
        if self.serving or self._last_failure is None or backoff.deaths < LARGEST_DEATH_COUNT:
            return False
        self._hopeless(self._last_failure)
        return True

    def _is_dead(self, slot: int) -> bool:
        worker = self._workers[slot]
        return worker is None or worker.state is WorkerState.GONE

    async def _tell_serving(self, command: str, slot: int) -> None:
        """Commands about a slot go to every worker but the slot's own."""
        await asyncio.gather(*(worker.ask(command, slot=slot) for worker in self.serving if worker.slot != slot))
