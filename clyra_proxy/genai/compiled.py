"""The GenAI part of a policy, compiled once when the policy is loaded: what looks at conversations, in order.

The order matters only for reading a verdict: what is asked for is the strictest of all. Raises PolicyError for what
cannot be compiled (a bad pattern, a missing file), so that it is never a surprise in traffic.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clyra_proxy.genai.inspection import Inspection, Inspector, Signal, StreamScanner, Workshop
from clyra_proxy.genai.model import ToolCall, Usage
from clyra_proxy.policy.genai.section import GenAiSecurity


@dataclass(frozen=True, slots=True)
class CompiledGenAi:
    """inspectors: all that are configured, in order. detectors: external ones, None without any."""

    settings: GenAiSecurity
    inspectors: tuple[Inspector, ...]
    exceptions: Any
    detectors: Any

    def open_scanner(self, inspection: Inspection) -> StreamScanner | None:
        """What looks at the text of a streamed answer as it grows."""
        for inspector in self.inspectors:
            if (opener := getattr(inspector, "open_stream_scanner", None)) is not None:
                scanner: StreamScanner | None = opener(inspection)
                return scanner
        return None

    def judge_call(self, call: ToolCall, inspection: Inspection) -> list[tuple[str, Signal]]:
        """What inspectors say of one call before its answer is complete."""
        found: list[tuple[str, Signal]] = []
        for inspector in self.inspectors:
            judge: Callable[..., list[Signal]] | None = getattr(inspector, "judge_call", None)
            if judge is not None:
                found.extend((inspector.id, signal) for signal in judge(call, inspection))
        return found

    def settle(self, inspection: Inspection, usage: Usage) -> None:
        """The exchange is over, whatever its end: give places back, count what was really used."""
        for inspector in self.inspectors:
            if (settle := getattr(inspector, "settle", None)) is not None:
                settle(inspection, usage)


def compile_genai(settings: GenAiSecurity, base_dir: Path, workshop: Workshop) -> CompiledGenAi | None:
    """None when the section is switched off. base_dir: folder that file names start from. Raises PolicyError."""
    if not settings.enabled:
        return None
    made = []
    for room in ("injection", "leaks", "tools", "output", "budgets", "bec"):
        try:
            module = importlib.import_module(f"clyra_proxy.genai.{room}.inspector")
        except ModuleNotFoundError:
            continue
        made.append(module.compile_inspector(getattr(settings, room), base_dir, workshop))
    try:
        exceptions = importlib.import_module("clyra_proxy.genai.exceptions").load_exceptions(
            base_dir / settings.exceptions if settings.exceptions else None
        )
    except ModuleNotFoundError:
        exceptions = _NoExceptions()
    detectors = importlib.import_module("clyra_proxy.genai.detectors.client").compile_detectors(
        settings.detectors, base_dir
    )
    return CompiledGenAi(settings, tuple(one for one in made if one is not None), exceptions, detectors)


class _NoExceptions:
    def suppress(self, signal: Signal, inspection: Inspection) -> str | None:
        return None
