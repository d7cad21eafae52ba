"""Engines compiled from policy values, and questions to ask them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.enforcement.engines.asked import Told
from clyra_proxy.enforcement.engines.compiled import CompiledEngines, compile_engines
from clyra_proxy.enforcement.engines.question import Question, example
from clyra_proxy.policy.engines import Engines
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.verdict.model import Mode
from tests.support.engines.fga import STORE_ID

PATIENCE_MS = 8000
"""Time for an answer that comes: a busy machine is not a failure of an engine."""

ROUTE = Route(id="local", destination="local", known=True, evidence=EvidenceClass.QUEUED, default_mode=Mode.ENFORCE)


def opa(url: str, path: str = "clyra/decision", **changes: Any) -> dict[str, Any]:
    """An OPA of a policy as YAML would give it."""
    return {"name": "opa", "url": url, "path": path, "timeout_ms": PATIENCE_MS, **changes}


def openfga(url: str, **changes: Any) -> dict[str, Any]:
    check = {"user": "agent:{agent}", "relation": "can_{kind}", "object": "destination:{destination}"}
    base = {"name": "fga", "url": url, "store": STORE_ID, "checks": [check], "timeout_ms": PATIENCE_MS}
    return {**base, **changes}


@asynccontextmanager
async def engines(
    base_dir: Path = Path("/"), budget_ms: int = PATIENCE_MS, **kinds: list[dict[str, Any]]
) -> AsyncIterator[CompiledEngines]:
    """kinds: `opa`, `cedar`, `openfga` as the policy has them."""
    settings = Engines.model_validate_json(orjson.dumps({**kinds, "budget_ms": budget_ms}))
    compiled = compile_engines(settings, base_dir)
    assert compiled is not None
    try:
        yield compiled
    finally:
        await compiled.aclose()


def question(agent: str = "billing", *, proven: bool = True, kind: str = "write", **changes: Any) -> Question:
    """A question about the destination `local`. changes: members of the question."""
    whole = example()
    asked = replace(
        whole,
        caller=replace(whole.caller, agent=agent, proven=proven, how="proxy" if proven else "process"),
        destination=replace(whole.destination, name="local", host="127.0.0.1", route="local", known=True),
        request=replace(whole.request, kind=kind, method="POST" if kind == "write" else "GET"),
        rows=None,
        conversation=None,
    )
    return replace(asked, **changes)


async def ask(compiled: CompiledEngines, asked: Question, body: bytes | None = b"") -> list[Told]:
    return await compiled.ask(compiled.engines, asked, body, ROUTE)


def facts(told: Sequence[Told]) -> list[tuple[str, str, str]]:
    """(word, rule, action) of each."""
    return [
        (one.word, one.finding.rule if one.finding else "", one.finding.action.word if one.finding else "")
        for one in told
    ]
