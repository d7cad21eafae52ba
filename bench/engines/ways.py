"""The ways to decide, and their measurement.

The rule is one that every way can say: a write needs the agent `billing`, reads are free. Rule of fairness: what a way
needs before its first decision (compiling, connecting) is not timed; everything it does for one decision is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from clyra_proxy.approvals.facts import ActionFacts
from clyra_proxy.enforcement.engines.compiled import CompiledEngines
from clyra_proxy.enforcement.engines.gathering import question_of
from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.load import parse_policy
from tests.support.engines.asking import engines, opa, openfga
from tests.support.engines.fga import MODEL_ID
from tests.support.engines.server import EngineProcess

PATHS = 500
POLICY = """\
enforcement:
  mode: enforce
  approvals:
    actions:
      - {name: billing, class: A, methods: [POST], agents: [billing]}
      - {name: others, class: C, forbidden: true, methods: [POST]}
destinations:
  local: {hosts: [api.example.com]}
"""
CEDAR = """\
permit(principal, action == Clyra::Action::"read", resource);
permit(principal == Clyra::Agent::"billing", action == Clyra::Action::"write", resource);
"""
REAL = (
    "real: built-in rules, Cedar (cedarpy), the HTTP client and everything else in this process, the Rego language; "
    "stand-ins: the servers of OPA (rego-cpp behind Python) and OpenFGA, so their times are not OPA's or OpenFGA's"
)

type Decide = Callable[[Exchange], Awaitable[bool]]


@dataclass(slots=True)
class Way:
    """One way to decide. server: the process that answers, None when nobody else does. best_cpu: seconds a decision."""

    name: str
    decide: Decide
    server: psutil.Process | None = None
    walls: list[float] = field(default_factory=list)
    best_cpu: float = float("inf")
    best_server: float = float("inf")

    async def round(self, cases: Sequence[Exchange]) -> list[bool]:
        """Decide all cases, one after the other; what was said."""
        said: list[bool] = []
        served, began = self._served(), time.process_time()
        for case in cases:
            started = time.perf_counter()
            said.append(await self.decide(case))
            self.walls.append(time.perf_counter() - started)
        self.best_cpu = min(self.best_cpu, (time.process_time() - began) / len(cases))
        self.best_server = min(self.best_server, (self._served() - served) / len(cases))
        return said

    def told(self) -> dict[str, float]:
        cuts = quantiles(self.walls, n=20)
        told = {
            "p50_us": _us(cuts[9]),
            "p95_us": _us(cuts[18]),
            "cpu_us": _us(self.best_cpu),
            "per_cpu_s": round(1 / self.best_cpu),
        }
        return told if self.server is None else {**told, "server_cpu_us": _us(self.best_server)}

    def _served(self) -> float:
        if self.server is None:
            return 0.0
        times = self.server.cpu_times()
        return float(times.user + times.system)


async def measure(decisions: int, rounds: int) -> dict[str, Any]:
    """Everything, as one line. decisions: a round, of each way."""
    policy = compile_policy(parse_policy(POLICY), Path("/"))
    cases = list(islice(cycle(_cases(policy)), decisions))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clyra-bench-")))
        server = stack.enter_context(EngineProcess(folder / "server.log"))
        ways = await _ways(policy, folder, server, stack)
        said: list[list[bool]] = []
        for way in ways:
            await way.round(cases[:PATHS])  # connections are opened, caches filled
            way.walls.clear()
        for _ in range(rounds):
            said += [await way.round(cases) for way in ways]
    same = all(one == said[0] for one in said) and len(set(said[0])) == 2
    return {
        "bench": "engines",
        "decisions": decisions * rounds,
        "same": same,
        "question_cpu_us": _question_cost(policy, cases),
        **{way.name: way.told() for way in ways},
        "real": REAL,
    }


async def _ways(policy: CompiledPolicy, folder: Path, server: EngineProcess, stack: AsyncExitStack) -> list[Way]:
    (folder / "rules.cedar").write_text(CEDAR)
    cedar = await stack.enter_async_context(
        engines(folder, cedar=[{"name": "cedar", "policies": ["rules.cedar"]}]),
    )
    plain = await stack.enter_async_context(engines(opa=[opa(server.url, "writers/allow")]))
    kept = await stack.enter_async_context(engines(opa=[opa(server.url, "writers/allow", cache_seconds=60)]))
    fga = await stack.enter_async_context(engines(openfga=[openfga(server.url, model=MODEL_ID)]))
    process = psutil.Process(server.running.pid)
    return [
        Way("built_in", _built_in(policy)),
        Way("cedar", _asked(cedar, policy)),
        Way("opa_stand_in", _asked(plain, policy), process),
        Way("opa_cached", _asked(kept, policy), process),
        Way("openfga_stand_in", _asked(fga, policy), process),
    ]


def _built_in(policy: CompiledPolicy) -> Decide:
    """Match the route, classify the action: what every request costs anyway."""
    nothing = ActionFacts()

    async def decide(case: Exchange) -> bool:
        request, where = case.request, case.destination
        case.route = policy.match(where.host, where.port, request.method, request.path)
        needed = policy.approvals.requirement(case, b"", (), nothing)
        return needed is None or not needed.forbidden

    return decide


def _asked(compiled: CompiledEngines, policy: CompiledPolicy) -> Decide:
    """Make the question and ask, as the data path does."""

    async def decide(case: Exchange) -> bool:
        question = question_of(case, policy.approvals)
        (told,) = await compiled.ask(compiled.engines, question, b"", case.route)
        return told.finding is None

    return decide


def _cases(policy: CompiledPolicy) -> Iterator[Exchange]:
    """Requests of two agents, reads and writes, to many paths."""
    fields = ((b"host", b"api.example.com"), (b"content-type", b"application/json"))
    for number in range(PATHS):
        agent = "billing" if number % 3 else "reader"
        method = "POST" if number % 2 else "GET"
        path = f"/v1/accounts/{number}/entries?page=1"
        yield Exchange(
            id=f"bench-{number}",
            client_ip="127.0.0.1",
            client_port=1,
            destination=Destination("api.example.com", 443, "https", authority="api.example.com"),
            request=RequestHead(fields, method, path, "HTTP/1.1"),
            route=policy.match("api.example.com", 443, method, path),
            policy_sha256=policy.sha256,
            policy_generation=1,
            identity=Identity(agent, "proxy"),
        )


def _question_cost(policy: CompiledPolicy, cases: Sequence[Exchange]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        questions: list[Question] = [question_of(case, policy.approvals) for case in cases]
        best = min(best, (time.process_time() - began) / len(questions))
    return _us(best)


def _us(seconds: float) -> float:
    return round(seconds * 1e6, 1)
