"""What one worker's addons share: the policy in force, the recorder, the verdict log, the settings.

Rule: `policy.current` is read once at the start of an exchange and kept by it; a reload swaps one reference, so an
exchange never sees two policies, and nothing needs a lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clyra_proxy.candidate.office import CandidateOffice, idle_office
from clyra_proxy.enforcement.halt.desk import HaltDesk
from clyra_proxy.enforcement.mirror.late import LateMirrors
from clyra_proxy.engine.mirrored import observed
from clyra_proxy.genai.wire.scanning import ScanningRoom

if TYPE_CHECKING:
    from clyra_proxy.approvals.late import LateApprovalGate
    from clyra_proxy.engine.selftest_pass import SelfTestPass
    from clyra_proxy.engine.settings import EngineSettings
    from clyra_proxy.evidence.client import RecorderClient
    from clyra_proxy.home import Home
    from clyra_proxy.policy.compiler import CompiledPolicy
    from clyra_proxy.policy.route import Route
    from clyra_proxy.schemalock.traffic_learning import TrafficLearning
    from clyra_proxy.state.store import StateStore
    from clyra_proxy.telemetry.metrics import WorkerMetrics
    from clyra_proxy.telemetry.verdict_log import VerdictLog


class PolicyHolder:
    """The compiled policy in force."""

    __slots__ = ("current",)

    def __init__(self, current: CompiledPolicy) -> None:
        self.current = current

    def swap(self, candidate: CompiledPolicy) -> None:
        """Put `candidate` in force for every exchange that begins from now on."""
        self.current = candidate


@dataclass(slots=True)
class Runtime:
    """One worker's shared state.

    worker: number of the worker, from 0. selftest: set only while the start-up self-test runs, and valid only for who
    knows its secret. takes_copies: what comes are mirrored copies, judged in shadow (`listen.mode: mirror`).
    """

    home: Home
    policy: PolicyHolder
    settings: EngineSettings
    recorder: RecorderClient
    verdict_log: VerdictLog
    metrics: WorkerMetrics
    learning: TrafficLearning
    scanning: ScanningRoom = field(default_factory=ScanningRoom)
    halts: HaltDesk = field(default_factory=HaltDesk)
    state: StateStore | None = None
    approvals: LateApprovalGate | None = None
    candidates: CandidateOffice = field(default_factory=idle_office)
    worker: int = 0
    selftest: SelfTestPass | None = field(default=None)
    takes_copies: bool = False
    mirrors: LateMirrors = field(init=False)

    def __post_init__(self) -> None:
        self.mirrors = LateMirrors(self.home.mirror_log, self.halts.state, self.metrics)

    def match(self, host: str, port: int, method: str, path: str, content_type: str) -> Route:
        """The route for a request: the self-test's own while it runs, otherwise what policy says."""
        if self.selftest is not None and (route := self.selftest.route(host, port, path)) is not None:
            return route
        route = self.policy.current.match(host, port, method, path, content_type)
        return observed(route) if self.takes_copies else route

    def is_selftest(self, route: Route) -> bool:
        """Whether a route is the self-test's own."""
        return self.selftest is not None and self.selftest.owns(route)
