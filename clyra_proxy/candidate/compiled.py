"""The candidate policy, compiled with state of its own, and without anything that would act or ask.

Guarantees: its counters, pins and idempotency keys live in this process's memory and nowhere else; it keeps no rejected
row, asks no external detector and no policy engine, and knows no halt of its own. What it therefore cannot judge is
named in `unasked` and stands in every verdict of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from clyra_proxy.errors import PolicyError, SchemaError
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.policy.candidate import CandidatePolicy
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.load import LoadedPolicy, load_with_source
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.route import Atomic, PerRoute, Route
from clyra_proxy.state.memory import MemoryState


@dataclass(frozen=True, slots=True)
class Candidate:
    """loaded: its file. settings: as the policy in force has them.

    unasked: words for what it would judge otherwise and cannot: `detectors`, `engines`, `identity` (who may call, how),
    `trust` (authorities of upstreams).
    """

    loaded: LoadedPolicy
    policy: CompiledPolicy
    settings: CandidatePolicy
    unasked: tuple[str, ...]
    _routes: PerRoute[Route]

    def match(self, host: str, port: int, method: str, path: str, content_type: str) -> Route:
        """The route of a request. A body it spools is looked at piece by piece all the same: it goes nowhere."""
        return self._routes.of(self.policy.match(host, port, method, path, content_type))


def compile_candidate(live: PolicyDocument, base_dir: Path, generation: int, workshop: Workshop) -> Candidate | None:
    """None without a file. base_dir: folder that its name starts from. Raises PolicyError with the file's own problems.

    live: the policy that names it. workshop: of that policy; only its secret is used, so that exceptions are about the
    same texts.
    """
    settings = live.enforcement.candidate
    if settings.policy is None:
        return None
    file = base_dir / settings.policy
    try:
        loaded = _load(file)
        own = Workshop(MemoryState(), workshop.secret, late=workshop.late)
        policy = compile_policy(loaded.document, loaded.base_dir, generation, own)
    except (PolicyError, SchemaError) as error:
        raise PolicyError(
            f"The candidate policy cannot be used: {error.what}",
            error.why or "`enforcement.candidate.policy` names it.",
            error.todo,
        ) from error
    unasked = [word for word, stop in _STOPS.items() if stop(policy)]
    unasked += ["identity"] if loaded.document.identity != live.identity else []
    unasked += ["trust"] if loaded.document.enforcement.upstream_ca != live.enforcement.upstream_ca else []
    return Candidate(loaded, policy, settings, tuple(unasked), PerRoute(_streamed))


def _load(file: Path) -> LoadedPolicy:
    loaded = load_with_source(file)
    if loaded.document.enforcement.candidate.policy is not None:
        raise PolicyError(
            f"{file} names a candidate of its own.", "It is one.", "Take `enforcement.candidate` out of it."
        )
    return loaded


def _streamed(route: Route) -> Route:
    return route if route.atomic is Atomic.STREAM else replace(route, atomic=Atomic.STREAM)


def _without_detectors(policy: CompiledPolicy) -> bool:
    genai = policy.genai
    if genai is None or genai.detectors is None:
        return False
    policy.genai = replace(genai, detectors=None)
    return True


def _without_engines(policy: CompiledPolicy) -> bool:
    asked = getattr(policy, "engines", None) is not None
    if asked:
        policy.engines = None
    return asked


_STOPS: dict[str, Callable[[CompiledPolicy], bool]] = {"detectors": _without_detectors, "engines": _without_engines}
"""What is asked over the network: the word for it, and what takes it out of a policy, telling whether it was there."""
