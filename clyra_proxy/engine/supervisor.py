"""The parent process: opens the port, starts recorder and workers, keeps them alive, winds them down.

It never touches a client's bytes, so nothing a client sends can take it down. Signals: SIGHUP reloads policy and
certificates (the last good ones stay in force when the new ones are bad), SIGUSR1 halts everything, SIGUSR2 replaces
the workers one by one, SIGTERM and SIGINT drain and end with status 0, a second one ends at once with status 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from clyra_proxy.engine import certificates
from clyra_proxy.engine.control import Message, serve_commands
from clyra_proxy.engine.data_folder import claim, fresh_folder, write_state
from clyra_proxy.engine.fleet import Fleet
from clyra_proxy.engine.halting import Halting
from clyra_proxy.engine.launch import Launch
from clyra_proxy.engine.listeners import bound_port, open_listeners
from clyra_proxy.engine.notify import notify, notify_reloading
from clyra_proxy.engine.readiness import Board, HealthServer, Snapshot
from clyra_proxy.engine.recorder_process import RecorderProcess
from clyra_proxy.engine.worker_process import HANG_LIMIT_S
from clyra_proxy.errors import ClyraError, StartupError
from clyra_proxy.policy.load import load_policy
from clyra_proxy.telemetry.exposition import render

WATCH_INTERVAL_S = 0.25
ALIVE_LIMIT_S = HANG_LIMIT_S / 2

log = logging.getLogger("clyra.supervisor")


class Supervisor:
    """One running proxy. `run` returns the exit status; `announce` is told when it is ready (state and report)."""

    def __init__(self, launch: Launch, announce: Callable[[Message, Message], None]) -> None:
        self.launch = launch
        self.last_reload: Message = {}
        self._announce = announce
        self._home = launch.home
        self._board = Board()
        self._recorder = RecorderProcess(launch.home, launch.document.evidence) if launch.with_recorder else None
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._draining = False
        self._fatal: StartupError | None = None
        self._jobs: set[asyncio.Task[Message]] = set()

    async def run(self) -> int:
        """Start, serve until told to stop, drain. Raises StartupError when the start fails or no worker survives."""
        with claim(self._home), contextlib.ExitStack() as stack:
            certificates.publish(self._home)
            self._listeners = open_listeners(self.launch.hosts, self.launch.port, self.launch.workers)
            self.launch = self.launch.at_port(bound_port(self._listeners))
            metrics = fresh_folder(self._home.metrics)
            self._halting = Halting(self.launch, self._hand_out_halts)
            office = self._halting.office
            self._fleet = Fleet(self.launch, self._listeners, self._give_up, office.snapshot, self._halting.hear)
            health = HealthServer(
                self.launch.health_host,
                self.launch.health_port,
                self._board,
                lambda: render(metrics),
                self._halting.signed.answer,
            )
            stack.callback(health.close)
            self._install_signals()
            return await self._serve(health)

    async def _serve(self, health: HealthServer) -> int:
        watching = asyncio.create_task(self._watch(), name="watch")
        try:
            report = await self._unless_stopped(self._start())
            if report is None:
                return 0
            control = await serve_commands(self._home.proxy_control, self.command)
            self._publish()
            state = write_state(self.launch, health.address)
            notify("READY=1", f"STATUS=serving on {state['host']}:{state['port']}", f"MAINPID={os.getpid()}")
            self._announce(state, report)
            self._begin(self._tell_contradictions(report["policy"]["sha256"]))
            await self._stop.wait()
            control.close()
            return await self._wind_down()
        finally:
            watching.cancel()
            await self._fleet.end()
            await self._halting.close()
            self._home.proxy_state.unlink(missing_ok=True)
            self._home.proxy_control.unlink(missing_ok=True)
            if self._recorder is not None:
                self._recorder.kill() if self._at_once.is_set() else await self._recorder.stop()

    async def _start(self) -> Message:
        if self._recorder is not None:
            await self._recorder.start()
        await self._halting.start()
        return await self._fleet.start()

    async def _unless_stopped(self, work: Coroutine[Any, Any, Message]) -> Message | None:
        """The result of `work`, or None when a stop was asked for first."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if task.done():
            return task.result()
        task.cancel()
        return None

    # -- commands ------------------------------------------------------------------------------------------------

    async def command(self, request: Message) -> Message:
        """Answer `status`, `reload`, `restart`, `halt`, `resume` or `stop`."""
        match request.get("command"):
            case "status":
                return {"ok": True, **self._describe()}
            case "reload":
                return await self.reload()
            case "restart":
                return await self.restart()
            case "halt" | "resume":
                return await self._halting.command(request)
            case "stop":
                self._ask_to_stop()
                return {"ok": True}
            case other:
                return {"ok": False, "what": f"There is no command {other!r}.", "why": "", "todo": ""}

    async def reload(self) -> Message:
        """Read policy and certificates again; on any fault the last good ones stay in force, and the answer says so."""
        notify_reloading()
        try:
            certificates.publish(self._home)
            document = await asyncio.to_thread(load_policy, self.launch.policy_file)
        except ClyraError as error:
            answer: Message = {"ok": False, "what": error.what, "why": error.why, "todo": error.todo}
        else:
            answer = await self._fleet.reload(document)
            if answer["ok"] and document.listen != self.launch.document.listen:
                answer["note"] = "Changes of the `listen` section take effect at the next start."
        if answer["ok"]:
            self._halting.configure(self._fleet.launch.document, self._fleet.generation)
            self._begin(self._tell_contradictions(answer["sha256"]))
            log.info("reload: generation %d, policy %s, is in force", answer["generation"], answer["sha256"][:12])
        else:
            answer["kept"] = self._fleet.generation
            problem = " ".join(filter(None, (answer["what"], answer["why"], answer["todo"])))
            log.error("reload refused, generation %d stays in force: %s", self._fleet.generation, problem)
        self.last_reload = answer
        notify("READY=1")
        return answer

    async def _tell_contradictions(self, policy_sha256: str) -> Message:
        from clyra_proxy.enforcement.contradictions.telling import tell_in_force

        document, folder = self._fleet.launch.document, self.launch.policy_file.resolve().parent
        await tell_in_force(self._home, self._halting.journal.record, policy_sha256, document, folder)
        return {"ok": True}

    async def restart(self) -> Message:
        """Replace the workers one by one."""
        answer = await self._fleet.restart()
        if answer["ok"]:
            log.info("rolling restart: %d workers replaced", answer["replaced"])
        else:
            log.error("rolling restart stopped: %s %s", answer["what"], answer["why"])
        return answer

    # -- signals and the end -------------------------------------------------------------------------------------

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self.reload()))
        loop.add_signal_handler(signal.SIGUSR1, self._halting.signalled)
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._begin(self.restart()))

    async def _hand_out_halts(self, snapshot: Message) -> tuple[int, int]:
        return await self._fleet.halt(snapshot)

    def _begin(self, work: Coroutine[Any, Any, Message]) -> None:
        if self._draining or not self._fleet.workers:
            work.close()
            return
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def _ask_to_stop(self) -> None:
        if self._stop.is_set():
            self._at_once.set()
        self._stop.set()

    def _give_up(self, error: StartupError) -> None:
        self._fatal = error
        self._at_once.set()
        self._stop.set()

    async def _wind_down(self) -> int:
        self._draining = True
        self._publish()
        notify("STOPPING=1")
        if not self._at_once.is_set():
            log.info("draining: requests in flight have %.0f s to finish", self.launch.drain_s)
        drained = asyncio.create_task(self._drain())
        hurried = asyncio.create_task(self._at_once.wait())
        await asyncio.wait({drained, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if drained.done():
            return 0
        drained.cancel()
        await self._fleet.end()
        if self._fatal is not None:
            raise self._fatal
        log.warning("stopped at once; requests in flight were cut")
        return 1

    async def _drain(self) -> None:
        await asyncio.sleep(self.launch.lameduck_s)
        await self._fleet.drain()

    # -- what we say about ourselves -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            self._fleet.end_hung_workers()
            self._publish()
            await asyncio.sleep(WATCH_INTERVAL_S)

    def _publish(self) -> None:
        serving = self._fleet.serving
        alive = any(worker.silent_s < ALIVE_LIMIT_S for worker in self._fleet.workers)
        self._board.publish(Snapshot(alive, self._obstacles(), {"workers": len(serving), "draining": self._draining}))

    def _obstacles(self) -> tuple[str, ...]:
        if self._draining:
            return ("draining",)
        serving = self._fleet.serving
        if not serving:
            return ("no worker is ready",)
        faults = {fault for worker in serving for fault in worker.report.get("obstacles", ())}
        return tuple(sorted(faults))

    def _describe(self) -> Message:
        return {
            "pid": os.getpid(),
            "generation": self._fleet.generation,
            "restarts": self._fleet.restarts,
            "obstacles": list(self._obstacles()),
            "recorder_pid": self._recorder.pid if self._recorder else None,
            "last_reload": self.last_reload,
            "halts": self._halting.office.describe(),
            "workers": [
                {"slot": worker.slot, "pid": worker.pid, "state": worker.state.value, **worker.report}
                for worker in self._fleet.workers
            ],
        }
