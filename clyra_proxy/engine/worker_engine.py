"""What a worker drives: the policy in force, the recorder link, the verdict log and the engine, as one.

A reload has two steps so that all workers change together or none does: `prepare` reads, compiles and checks without
touching anything in force; `commit` swaps one reference. Compilation runs in a thread, the event loop goes on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

import addons
from clyra_proxy.approvals.late import LateApprovalGate
from clyra_proxy.candidate.office import CandidateOffice
from clyra_proxy.enforcement.halt.desk import HaltDesk
from clyra_proxy.engine import certificates
from clyra_proxy.engine.control import Message
from clyra_proxy.engine.launch import WorkerConfig
from clyra_proxy.engine.loading_ahead import load_ahead, load_for
from clyra_proxy.engine.master import EngineMaster, build_master
from clyra_proxy.engine.metering import Metering
from clyra_proxy.engine.runtime import PolicyHolder, Runtime
from clyra_proxy.engine.selftest import SelfTestWatch, run_selftest
from clyra_proxy.engine.settings import EngineSettings, Listener, Mode
from clyra_proxy.errors import StartupError
from clyra_proxy.evidence.client import RecorderClient
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.home import Home
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.sharing import SharedState
from clyra_proxy.schemalock.traffic_learning import SAVE_EVERY_S, TrafficLearning
from clyra_proxy.state.opening import open_state
from clyra_proxy.state.secret import SECRET_FILE, shared_secret
from clyra_proxy.telemetry.metrics import WorkerMetrics
from clyra_proxy.telemetry.verdict_log import VerdictLog

SELFTEST_AGAIN_S = 2.0
RETIRE_S = 600.0
HOOK_TIMEOUT_S = 20.0
"""Longer than the first conversation may wait for its inspectors, its look included."""
_RECORDER_STATES = {
    "down": "the recorder is not reachable",
    "refusing": "the recorder refuses records",
    "catching_up": "spooled records are still being handed to the recorder",
}

log = logging.getLogger("clyra.worker")


class WorkerEngine:
    """Made from what the supervisor handed over; `start` makes it serve."""

    master: EngineMaster
    runtime: Runtime

    def __init__(self, config: WorkerConfig, halts: HaltDesk | None = None) -> None:
        self._config = config
        self._halts = halts or HaltDesk()
        self._home = Home(Path(config.home))
        self._listener = Listener(config.host, config.port, Mode(config.mode), config.upstream)
        self._servers: dict[int, list[asyncio.Server]] = {}
        self._prepared: CompiledPolicy | None = None
        self._recorded = False
        self._proving: asyncio.Task[None] | None = None
        self._saving: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._tools: Workshop | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> Message:
        """Load, check, prove, then accept. Returns what to report; raises ClyraError with the reason it cannot."""
        policy = await asyncio.to_thread(self._compile, self._config.policy_json, self._config.generation)
        authority = certificates.load_ca(self._home)
        settings = self._settings(policy.document)
        self.runtime = await self._connect(policy, settings)
        watch = SelfTestWatch(self.runtime)
        self.master = build_master(settings, [*addons.build_addons(self.runtime), watch])
        await self.master.start()
        self._metering = Metering(self.runtime, self.master)
        self._recorded = await run_selftest(self.master, self.runtime, watch)
        if not self._recorded:
            self._proving = asyncio.create_task(self._prove_until_recorded(watch), name="self-test")
        self._saving = asyncio.create_task(self._save_learning(), name="learning")
        self._probe_engines()
        await self._accept(self._config.slot)
        return {"policy": summarise(policy), "ca_expires": f"{authority.expires:%Y-%m-%d}", **self.describe()}

    def load_ahead(self) -> None:
        """Begin to load what traffic may need soon, beside what traffic there is."""
        load_ahead(self.runtime.policy.current)

    async def obey(self, message: Message) -> Message:
        """Carry out a command of the supervisor; the answer."""
        match message["command"]:
            case "prepare":
                policy = await asyncio.to_thread(self._compile, message["policy_json"], message["generation"])
                await asyncio.to_thread(load_for, policy, self.runtime.policy.current)
                certificates.load_ca(self._home)
                self._prepared = policy
                return {"ok": True, "sha256": policy.sha256}
            case "commit" if self._prepared is not None:
                self.master.reload_certificates()
                self._retire(self.runtime.policy.current)
                self.runtime.policy.swap(self._prepared)
                self._prepared = None
                self._probe_engines()
            case "discard":
                self._prepared = None
            case "adopt":
                await self._accept(message["slot"])
            case "release":
                for server in self._servers.pop(message["slot"], ()):
                    server.close()
            case other:
                return {"ok": False, "what": f"A worker cannot {other}.", "why": "", "todo": ""}
        return {"ok": True}

    def cut_denied(self) -> int:
        """Stop what is on its way and is halted now; how many exchanges."""
        return self.master.cut_denied() if hasattr(self, "master") else 0

    def describe(self) -> Message:
        """How the worker is right now. obstacles: why traffic should not come yet, empty when it may.

        loaded: the checks of conversations are in memory; the first one need not wait for them.
        """
        policy = self.runtime.policy.current
        return {
            "generation": policy.generation,
            "sha256": policy.sha256,
            "connections": self.master.active_connections(),
            "exchanges": self.master.active_exchanges(),
            "recorded": self._recorded,
            "loaded": policy.genai is not None and policy.genai.loaded,
            "engines": {} if policy.engines is None else dict(policy.engines.standing),
            "obstacles": self._obstacles(),
        }

    async def close(self) -> None:
        """Hand over what is queued for the recorder and the log, then let go."""
        if self._proving is not None:
            self._proving.cancel()
        if self._saving is not None:
            self._saving.cancel()
            self._save_learned()
        if self._probing is not None:
            self._probing.cancel()
        for task in self._retiring:
            task.cancel()
        await asyncio.to_thread(self.runtime.mirrors.close)
        await asyncio.to_thread(self.runtime.scanning.close)
        await self.runtime.policy.current.aclose()
        if self.runtime.approvals is not None:
            await self.runtime.approvals.close()
        await self.runtime.candidates.close()
        await self.runtime.recorder.close()
        await asyncio.to_thread(self.runtime.verdict_log.close)
        self._metering.close()

    # -- parts ---------------------------------------------------------------------------------------------------

    def _compile(self, policy_json: str, generation: int) -> CompiledPolicy:
        document = PolicyDocument.model_validate_json(policy_json, by_alias=True)
        return compile_policy(
            document, Path(self._config.policy_folder), generation, self._workshop(document.enforcement.state)
        )

    def _workshop(self, settings: SharedState) -> Workshop:
        """What checks are compiled with: the state that workers and replicas share, and this folder's secret.

        settings: of the first policy; a reload keeps the store that is open.
        """
        if self._tools is None:
            self._tools = Workshop(
                open_state(settings, self._home, Path(self._config.policy_folder)),
                shared_secret(self._home.root / SECRET_FILE),
                late=True,
                folder=self._home.root,
                halted_tools=lambda: self._halts.state.tools,
            )
        return self._tools

    def _settings(self, document: PolicyDocument) -> EngineSettings:
        folder = Path(self._config.policy_folder)
        trust = document.enforcement.upstream_ca
        return EngineSettings(
            confdir=self._home.ca,
            listeners=(),
            upstream_trust=folder / trust if trust else None,
            client_certificate=document.identity.client_ca is not None,
            header_timeout_s=self._config.header_timeout_s,
            hook_timeout_s=HOOK_TIMEOUT_S,
        )

    async def _connect(self, policy: CompiledPolicy, settings: EngineSettings) -> Runtime:
        telemetry = policy.document.telemetry
        verdict_log = VerdictLog(
            self._home.verdict_log, max_bytes=telemetry.verdict_log_bytes, keep=telemetry.verdict_log_files
        )
        recorder = RecorderClient(self._home, queue_events=policy.document.evidence.queue_records)
        await recorder.start()
        slot = self._config.slot
        holder, metrics = PolicyHolder(policy), WorkerMetrics(slot)
        learning = TrafficLearning(self._home.learned, lambda: holder.current.document.data_platform.schemalock.learn)
        return Runtime(
            self._home,
            holder,
            settings,
            recorder,
            verdict_log,
            metrics,
            learning,
            halts=self._halts,
            state=self._workshop(policy.document.enforcement.state).state,
            approvals=LateApprovalGate(self._home, Path(self._config.policy_folder), metrics),
            candidates=CandidateOffice(
                lambda: holder.current.candidate, lambda one: addons.candidate_checks(one.policy), recorder, metrics
            ),
            worker=slot,
            takes_copies=self._listener.mode is Mode.MIRROR,
        )

    def _probe_engines(self) -> None:
        """Let an engine that does not answer be known before a request needs it."""
        if (engines := self.runtime.policy.current.engines) is not None:
            self._probing = asyncio.create_task(engines.warn(), name="probe engines")

    def _retire(self, policy: CompiledPolicy) -> None:
        """Close what a replaced policy had open, once no exchange can still be judged by it."""

        async def close() -> None:
            await asyncio.sleep(RETIRE_S)
            await policy.aclose()

        task = asyncio.create_task(close(), name="retire policy")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _accept(self, slot: int) -> None:
        if slot not in self._servers:
            self._servers[slot] = []
            for descriptor in self._config.sockets[slot]:
                lent = socket.socket(fileno=descriptor)
                try:
                    self._servers[slot].append(await self.master.listen_on(self._listener, lent))
                finally:
                    lent.detach()  # the descriptor stays open: the slot may be adopted again later

    async def _save_learning(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._save_learned()

    def _save_learned(self) -> None:
        try:
            self.runtime.learning.save()
        except OSError as error:
            log.error("What was learned of the traffic could not be saved: %s.", error.strerror)  # noqa: TRY400

    async def _prove_until_recorded(self, watch: SelfTestWatch) -> None:
        """Repeat the self-test while the recorder is away; a failure now keeps us from being ready, and is said."""
        while not self._recorded:
            await asyncio.sleep(SELFTEST_AGAIN_S)
            try:
                self._recorded = await run_selftest(self.master, self.runtime, watch)
            except StartupError as error:
                log.error("%s", error)  # noqa: TRY400 - said in words

    def _obstacles(self) -> list[str]:
        obstacles = []
        if (state := self.runtime.recorder.state) != "ready":
            obstacles.append(_RECORDER_STATES.get(state, f"the recorder is {state}"))
        if not self._recorded:
            obstacles.append("the self-test has not been recorded yet")
        return obstacles


def summarise(policy: CompiledPolicy) -> Message:
    """What the banner says about a policy."""
    document = policy.document
    rules = sum(len(destination.rules) for destination in document.destinations.values())
    return {
        "sha256": policy.sha256,
        "generation": policy.generation,
        "destinations": len(document.destinations),
        "routes": len(document.destinations) + rules + 1,
        "mode": document.enforcement.mode.value,
        "rules": {name: mode.value for name, mode in document.enforcement.rules.items()},
    }
