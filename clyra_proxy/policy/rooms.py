"""What a policy says to each room that has checks of its own, compiled: conversations, rows, engines, copies.

Rule: a room is imported only when the policy needs it, so that a process that judges no traffic, or none of that kind,
does not carry it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.policy.models import PolicyDocument

if TYPE_CHECKING:
    from clyra_proxy.activation.compiled import CompiledActivation
    from clyra_proxy.candidate.compiled import Candidate
    from clyra_proxy.enforcement.engines.compiled import CompiledEngines
    from clyra_proxy.enforcement.mirror.compiled import CompiledMirror
    from clyra_proxy.genai.compiled import CompiledGenAi
    from clyra_proxy.genai.inspection import Workshop


@dataclass(frozen=True, slots=True)
class Rooms:
    """genai: what looks at conversations. activation: what looks at rows. engines: policy engines. mirror: second
    upstreams. candidate: a second policy that judges the same exchanges and never acts. None: switched off."""

    genai: CompiledGenAi | None = None
    activation: CompiledActivation | None = None
    engines: CompiledEngines | None = None
    mirror: CompiledMirror | None = None
    candidate: Candidate | None = None


def compile_rooms(document: PolicyDocument, base_dir: Path, generation: int, workshop: Workshop) -> Rooms:
    """All that the policy switches on. base_dir: folder that file names start from. Raises PolicyError, SchemaError."""
    return Rooms(
        genai=_genai(document, base_dir, workshop),
        activation=_activation(document, base_dir, workshop),
        engines=_engines(document, base_dir),
        mirror=_mirror(document, base_dir, workshop),
        candidate=_candidate(document, base_dir, generation, workshop),
    )


def _genai(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledGenAi | None:
    from clyra_proxy.genai.compiled import compile_genai

    return compile_genai(
        document.genai_security, base_dir, replace(workshop, sql=document.data_platform.activation.sql)
    )


def _activation(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledActivation | None:
    from clyra_proxy.activation.compiled import compile_activation
    from clyra_proxy.activation.inspection import RowWorkshop

    tools = RowWorkshop(workshop.state, workshop.secret)
    return compile_activation(document.data_platform.activation, base_dir, tools, workshop.folder)


def _candidate(document: PolicyDocument, base_dir: Path, generation: int, workshop: Workshop) -> Candidate | None:
    if document.enforcement.candidate.policy is None:
        return None
    from clyra_proxy.candidate.compiled import compile_candidate

    return compile_candidate(document, base_dir, generation, workshop)


def _mirror(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledMirror | None:
    if not document.enforcement.mirror.targets:
        return None
    from clyra_proxy.enforcement.mirror.compiled import compile_mirror

    return compile_mirror(document.enforcement.mirror, document.genai_security.leaks, base_dir, workshop.secret)


def _engines(document: PolicyDocument, base_dir: Path) -> CompiledEngines | None:
    if not document.enforcement.engines.all:
        return None
    from clyra_proxy.enforcement.engines.compiled import compile_engines

    return compile_engines(document.enforcement.engines, base_dir)
