"""Asking all external detectors of a policy about one conversation.

Guarantees: `ask` never raises (but for being cancelled), ends within the budget, and says for each detector that is
concerned either what it found or that it is unavailable, with the outcome its policy declares. Detectors are asked at
the same time; one that follows `on_failure: next` is asked only when the one before it failed. Signals only add up:
no answer makes a finding of anyone else milder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from clyra_proxy.genai.detectors.contract import ContractAdapter
from clyra_proxy.genai.detectors.detector import ExternalDetector
from clyra_proxy.genai.detectors.judging import judge, unavailable
from clyra_proxy.genai.detectors.llm_judge import LlmJudge
from clyra_proxy.genai.detectors.question import Adapter, Item
from clyra_proxy.genai.detectors.selecting import select
from clyra_proxy.genai.detectors.vendors import AzurePromptShields, LakeraGuard, OpenAiModeration, PresidioAnalyzer
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.policy.genai.detectors import AdapterName, Detector, DetectorKind, Detectors, OnFailure
from clyra_proxy.policy.matching import covers_route
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.together import ask_together
from clyra_proxy.verdict.model import Action

OFF_LOOP_CHARACTERS = 64 << 10
"""Content above this is prepared in a thread."""


class ExternalDetectors:
    """The detectors of a policy, on one event loop. chains: each detector with its stand-ins, in order."""

    def __init__(self, chains: Sequence[Sequence[ExternalDetector]], budget_s: float) -> None:
        self._chains = tuple(tuple(chain) for chain in chains)
        self._budget_s = budget_s

    async def ask(self, inspection: Inspection) -> list[Signal]:
        """Everything the detectors have to say, in the order of the policy."""
        deadline = asyncio.get_running_loop().time() + self._budget_s
        concerned = [chain for chain in self._chains if _concerns(chain[0].settings, inspection)]
        told = await ask_together((_ask_chain(chain, inspection, deadline) for chain in concerned), self._budget_s)
        late = ([unavailable(chain[-1].settings, Cause.TIMEOUT)] for chain in concerned)
        return [
            signal
            for signals, missing in zip(told, late, strict=True)
            for signal in (missing if signals is None else signals)
        ]

    async def aclose(self) -> None:
        """Close all connections."""
        for chain in self._chains:
            for detector in chain:
                await detector.aclose()


async def _ask_chain(chain: Sequence[ExternalDetector], inspection: Inspection, deadline: float) -> list[Signal]:
    signals: list[Signal] = []
    for detector in chain:
        settings = detector.settings
        try:
            items = await _prepared(inspection, settings)
            if not items:
                return signals
            seconds = min(settings.timeout_ms / 1000, deadline - asyncio.get_running_loop().time())
            answers = await detector.answers(items, inspection, seconds)
            return [*signals, *judge(settings, items, answers)]
        except ServiceFailure as failure:
            cause = failure.cause
        except Exception:  # noqa: BLE001 - whatever goes wrong here is an unavailable detector, never a silent pass
            cause = Cause.INTERNAL
        if settings.on_failure is not OnFailure.NEXT:
            return [*signals, unavailable(settings, cause)]
        signals.append(unavailable(settings, cause, Action.ALLOW))
    return [*signals, unavailable(chain[-1].settings, Cause.INTERNAL)]


async def _prepared(inspection: Inspection, settings: Detector) -> tuple[Item, ...]:
    conversation = inspection.conversation
    size = sum(len(segment.text) for segment in conversation.segments)
    if settings.kind is DetectorKind.DEEPFAKE:
        size = sum(len(media.base64) for media in conversation.media)
    if size > OFF_LOOP_CHARACTERS:
        return await asyncio.to_thread(select, inspection, settings)
    return select(inspection, settings)


def _concerns(settings: Detector, inspection: Inspection) -> bool:
    if inspection.conversation.direction not in settings.directions:
        return False
    return not settings.routes or any(covers_route(pattern, inspection.route) for pattern in settings.routes)


def compile_detectors(settings: Detectors, base_dir: Path) -> ExternalDetectors | None:
    """The detectors of a policy; None when there are none. base_dir: folder that file names start from.

    Secrets and certificates are read here. Raises PolicyError when one cannot be used.
    """
    chains: list[list[ExternalDetector]] = []
    stands_in = False
    for service in settings.services:
        detector = ExternalDetector(service, _ADAPTERS[service.adapter](service), base_dir)
        if stands_in:
            chains[-1].append(detector)
        else:
            chains.append([detector])
        stands_in = service.on_failure is OnFailure.NEXT
    return ExternalDetectors(chains, settings.budget_ms / 1000) if chains else None


def _labels(service: Detector) -> frozenset[str]:
    return frozenset(service.labels) - {"*"}


_ADAPTERS: dict[AdapterName, Callable[[Detector], Adapter]] = {
    AdapterName.CLYRA: lambda service: ContractAdapter(tuple(service.labels)),
    AdapterName.OPENAI_MODERATION: lambda service: OpenAiModeration(service.model, _labels(service)),
    AdapterName.LAKERA: lambda service: LakeraGuard(service.model, _labels(service)),
    AdapterName.AZURE_PROMPT_SHIELDS: lambda service: AzurePromptShields(),
    AdapterName.PRESIDIO: lambda service: PresidioAnalyzer(service.language),
    AdapterName.LLM_JUDGE: lambda service: LlmJudge(service.model),
}
