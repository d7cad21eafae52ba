"""All engines of a policy, asked about one request at the same time.

Guarantees: `ask` ends within the budget and says something of every engine that was asked. Files and secrets are read,
and Cedar policies compiled, when the policy is loaded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from clyra_proxy.enforcement.engines.asked import ANSWERS, AskedEngine, Told, mode_on
from clyra_proxy.enforcement.engines.engine import Engine
from clyra_proxy.enforcement.engines.question import Question, example
from clyra_proxy.policy.engines import Cedar, Engines, Opa, OpenFga
from clyra_proxy.policy.route import Route
from clyra_proxy.services.failure import Cause
from clyra_proxy.services.together import ask_together
from clyra_proxy.verdict.model import Mode

log = logging.getLogger("clyra.engines")


class CompiledEngines:
    """engines: in the order of the policy. budget_s: longest time of all together."""

    def __init__(self, engines: Sequence[AskedEngine], budget_s: float) -> None:
        self.engines = tuple(engines)
        self._budget_s = budget_s

    def concerned(self, route: Route, kind: str) -> tuple[AskedEngine, ...]:
        """Who is asked about a `read` or a `write` on a route; nobody where the rules are off."""
        if mode_on(route) is Mode.OFF:
            return ()
        return tuple(engine for engine in self.engines if engine.concerns(route, kind))

    async def ask(
        self, engines: Sequence[AskedEngine], question: Question, body: bytes | None, route: Route
    ) -> list[Told]:
        """What each of `engines` has to say. body: the decoded request body, None when it is not known."""
        told = await ask_together((one.ask(question, body, route, self._budget_s) for one in engines), self._budget_s)
        return [one or engine.told(Cause.TIMEOUT, route) for one, engine in zip(told, engines, strict=True)]

    def refuse_all(self, engines: Sequence[AskedEngine], cause: Cause, route: Route) -> list[Told]:
        """What it comes to that no question could be made."""
        return [engine.told(cause, route) for engine in engines]

    def judge_here(self, question: Question, body: bytes, route: Route) -> list[Told]:
        """Ask only those that run in this process, without an event loop."""
        concerned = self.concerned(route, question.request.kind)
        return [one.judge(question, body, route) for one in concerned if one.is_local]

    async def probe(self) -> Mapping[str, str]:
        """Ask every engine about an example. Name -> `answers` (yes or no, no matter which), or why it does not."""
        await asyncio.gather(*(engine.probe(example()) for engine in self.engines))
        return self.standing

    async def warn(self) -> None:
        """Probe, and say in the log which engine does not answer."""
        for name, standing in (await self.probe()).items():
            if standing != ANSWERS:
                log.warning("Policy engine %s: %s; what needs it gets its declared outcome.", name, standing)

    @property
    def standing(self) -> Mapping[str, str]:
        """Name -> how the engine is, from what was asked so far."""
        return {engine.settings.name: engine.standing for engine in self.engines}

    @property
    def failing(self) -> int:
        """How many are left alone because they do not answer."""
        return sum(engine.engine.failing for engine in self.engines)

    async def aclose(self) -> None:
        """Close all connections."""
        for engine in self.engines:
            await engine.engine.aclose()


def compile_engines(settings: Engines, base_dir: Path) -> CompiledEngines | None:
    """The engines of a policy, None when there are none. Raises PolicyError for what cannot be used."""
    if not settings.all:
        return None
    return CompiledEngines(
        [AskedEngine(one, _engine(one, base_dir)) for one in settings.all], settings.budget_ms / 1000
    )


def _engine(settings: Opa | Cedar | OpenFga, base_dir: Path) -> Engine:
    """Imports what the kind needs, and nothing else: Cedar is optional, and so is an HTTP client."""
    match settings:
        case Opa():
            from clyra_proxy.enforcement.engines.opa import OpaEngine

            return OpaEngine(settings, base_dir)
        case Cedar():
            from clyra_proxy.enforcement.engines.cedar import CedarEngine

            return CedarEngine(settings, base_dir)
        case OpenFga():
            from clyra_proxy.enforcement.engines.openfga import OpenFgaEngine

            return OpenFgaEngine(settings, base_dir)
