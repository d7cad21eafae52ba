"""The inspector of answers: structured output, and content that would act where it ends up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.genai.inspection import Inspection, Signal, Workshop
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.output.contexts import ContextJudge
from clyra_proxy.genai.output.structured import signals_of_structure
from clyra_proxy.policy.genai.output import Output


class OutputInspector:
    """Inspector and CallInspector of the family `output`. It keeps no state."""

    id = "output"

    def __init__(self, settings: Output) -> None:
        self._check_structured = settings.check_structured
        self._contexts = tuple(map(ContextJudge, settings.contexts))

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        if self._check_structured:
            yield from signals_of_structure(inspection)
        for context in self._contexts:
            yield from context.judge(inspection)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """What is known of one call before its answer is complete."""
        for context in self._contexts:
            yield from context.judge_call(call, inspection)


def compile_inspector(settings: Output, base_dir: Path, workshop: Workshop) -> OutputInspector | None:
    """The inspector of a policy, None when nothing is checked. Raises PolicyError for a pack that cannot be read."""
    if not settings.check_structured and not settings.contexts:
        return None
    return OutputInspector(settings)
