"""Detectors compiled from policy values, and conversations to ask them about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.genai.detectors.client import ExternalDetectors, compile_detectors
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Conversation, Direction, Media, Provenance, Segment
from clyra_proxy.policy.genai.detectors import Detectors

PATIENCE_MS = 8000
"""Time for an answer that comes: a busy machine is not a failure of a detector."""

VIOLENCE = {"violence": {"block": 0.9}}
VENDORS: dict[str, dict[str, Any]] = {
    "openai": {
        "adapter": "openai_moderation",
        "model": "m",
        "kind": "moderation",
        "labels": {"violence": {"block": 0.9}},
    },
    "lakera": {"adapter": "lakera", "labels": {"prompt_attack": {"block": 1.0}}},
    "azure": {"adapter": "azure_prompt_shields", "labels": {"attack": {"block": 1.0}}},
    "presidio": {"adapter": "presidio", "kind": "pii", "labels": {"*": {"redact": 0.5}}},
    "judge": {"adapter": "llm_judge", "model": "m", "labels": {"unsafe": {"block": 0.9}}},
}
"""Path on the reference server -> settings of the detector that speaks this shape."""


def service(url: str, **changes: Any) -> dict[str, Any]:
    """A detector of a policy as YAML would give it."""
    base = {
        "name": "one",
        "kind": "prompt_injection",
        "url": url,
        "labels": {"suspicious": {"mark": 0.5, "block": 0.9}},
        "timeout_ms": PATIENCE_MS,
    }
    return {**base, **changes}


@asynccontextmanager
async def detectors(
    *services: Mapping[str, Any], base_dir: Path = Path("/"), budget_ms: int = PATIENCE_MS
) -> AsyncIterator[ExternalDetectors]:
    settings = Detectors.model_validate_json(orjson.dumps({"services": list(services), "budget_ms": budget_ms}))
    compiled = compile_detectors(settings, base_dir)
    assert compiled is not None
    try:
        yield compiled
    finally:
        await compiled.aclose()


def inspection(
    *texts: str | tuple[str, Provenance],
    media: Sequence[Media] = (),
    direction: Direction = Direction.REQUEST,
    route: str = "llm/chat",
) -> Inspection:
    """A conversation of texts (users' unless said otherwise)."""
    pairs = [(text, Provenance.USER) if isinstance(text, str) else text for text in texts]
    segments = tuple(
        Segment(text, provenance, path=f"/messages/{number}/content", block=f"message/{number}")
        for number, (text, provenance) in enumerate(pairs)
    )
    return Inspection(Conversation("openai-chat", direction, segments=segments, media=tuple(media)), route=route)


def facts(signals: Sequence[Signal]) -> list[tuple[str, str]]:
    """(rule, action) of each signal."""
    return [(signal.rule, signal.action.word if signal.action is not None else "") for signal in signals]
