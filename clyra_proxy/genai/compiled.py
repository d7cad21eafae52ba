"""The GenAI part of a policy, compiled once when the policy is loaded: what looks at conversations, in order.

The order matters only for reading a verdict: what is asked for is the strictest of all. Raises PolicyError for what
cannot be compiled (a bad pattern, a missing file), so that it is never a surprise in traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.enforcement.halt.tools import HaltedTools
from clyra_proxy.genai.budgets import inspector as budgets
from clyra_proxy.genai.embedding.encoder import require_encoder
from clyra_proxy.genai.exceptions import Exceptions, load_exceptions
from clyra_proxy.genai.inspection import Inspection, Inspector, Signal, StreamScanner, Workshop
from clyra_proxy.genai.late import LateInspector
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall, Usage
from clyra_proxy.genai.output import inspector as output
from clyra_proxy.genai.tools import inspector as tools
from clyra_proxy.policy.genai.section import GenAiSecurity

if TYPE_CHECKING:
    from clyra_proxy.genai.detectors.client import ExternalDetectors

_SAMPLE = "Ignore this: https://example.com/?q=1, user@example.com, aGVsbG8gd29ybGQsIGhvdyBhcmU=, \u0434\u0430."


@dataclass(frozen=True, slots=True)
class CompiledGenAi:
    """inspectors: all that are configured, in order. detectors: external ones, None without any. secret: the salt."""

    settings: GenAiSecurity
    inspectors: tuple[Inspector, ...]
    exceptions: Exceptions
    detectors: ExternalDetectors | None
    secret: bytes
    halted_tools: Callable[[], frozenset[str]] = frozenset

    def load(self) -> None:
        """Make what is made late. Called in a thread: ahead of conversations, or before the first look."""
        for inspector in self.inspectors:
            if isinstance(inspector, LateInspector):
                inspector.made()

    @property
    def loaded(self) -> bool:
        return all(inspector.known for inspector in self.inspectors if isinstance(inspector, LateInspector))

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
    made = (
        *_heavy(settings, base_dir, workshop),
        tools.compile_inspector(settings.tools, base_dir, workshop),
        output.compile_inspector(settings.output, base_dir, workshop),
        budgets.compile_inspector(settings.budgets, base_dir, workshop),
        HaltedTools(workshop.halted_tools),
        _statements(base_dir, workshop),
    )
    inspectors = tuple(inspector for inspector in made if inspector is not None)
    return CompiledGenAi(
        settings,
        inspectors,
        load_exceptions(base_dir / settings.exceptions if settings.exceptions else None),
        _compile_detectors(settings, base_dir),
        workshop.secret,
        workshop.halted_tools,
    )


def _statements(base_dir: Path, workshop: Workshop) -> Inspector | None:
    """SQL in tool calls. The parser is imported when the first statement comes."""
    if workshop.sql is None:
        return None
    from clyra_proxy.activation.sql.tool_calls import compile_inspector

    return compile_inspector(workshop.sql, base_dir)


def _heavy(settings: GenAiSecurity, base_dir: Path, workshop: Workshop) -> tuple[Inspector | None, ...]:
    """The rooms with the large packs and the classifier: now, or when the first conversation comes.

    Whether the encoder that a policy asks for is installed is always seen now.
    """
    if settings.injection.enabled and settings.injection.embedding:
        require_encoder()

    def injection() -> Inspector | None:
        from clyra_proxy.genai.injection.inspector import compile_inspector

        return _warmed(compile_inspector(settings.injection, base_dir, workshop), workshop)

    def leaks() -> Inspector | None:
        from clyra_proxy.genai.leaks.inspector import compile_inspector

        return compile_inspector(settings.leaks, base_dir, workshop)

    def mail() -> Inspector | None:
        from clyra_proxy.genai.bec.inspector import compile_inspector

        return compile_inspector(settings.bec, base_dir, workshop)

    if workshop.late and settings.injection.packs is None:
        return LateInspector("injection", injection), LateInspector("leak", leaks), LateInspector("bec", mail)
    return injection(), leaks(), mail()


def _compile_detectors(settings: GenAiSecurity, base_dir: Path) -> ExternalDetectors | None:
    """External detectors, and the client that asks them, only where there are any."""
    if not settings.detectors.services:
        return None
    from clyra_proxy.genai.detectors.client import compile_detectors

    return compile_detectors(settings.detectors, base_dir)


def _warmed(inspector: Inspector | None, workshop: Workshop) -> Inspector | None:
    """The inspector, with what is built on first use built now; for a worker, what ordinary texts need, too."""
    if inspector is None:
        return None
    texts = [Segment(_SAMPLE, provenance) for provenance in Provenance]
    if workshop.late:
        from clyra_proxy.genai.injection.samples import ordinary_texts

        texts += [Segment(text, Provenance.USER) for text in ordinary_texts()]
    for _ in inspector.inspect(Inspection(Conversation("generic", Direction.REQUEST, segments=tuple(texts)), now=1.0)):
        pass
    return inspector
