"""The check on conversations: every text of one is judged with its provenance.

Rule: one signal for each text that is flagged, at its path; earlier turns too, since a poisoned conversation stays
poisoned, and answers are remembered by hash, so repeating a history costs nothing. Words of the operator (system
prompts) and of the model itself weigh less; descriptions of tools are judged as orders of a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.injection.assessment import Assessment, Judge
from clyra_proxy.genai.injection.detector import Detector
from clyra_proxy.genai.injection.packs import Rule, load_packs, rules_folder
from clyra_proxy.genai.inspection import Inspection, Signal, Workshop
from clyra_proxy.genai.joining import joined
from clyra_proxy.genai.model import Provenance, Segment
from clyra_proxy.policy.genai.injection import Injection

_MOST_PATTERNS = 8


class InjectionInspector:
    """Judges the texts of a conversation for prompt injection."""

    id = "injection"

    def __init__(self, detector: Judge) -> None:
        self._detector = detector

    def inspect(self, inspection: Inspection) -> Iterable[Signal]:
        """One signal a flagged text; for what is split over the parts of a message, one without a path."""
        found = False
        for segment in inspection.conversation.segments:
            assessment = self._detector.assess(segment.text, segment.provenance)
            if assessment.flagged:
                found = True
                yield signal_of(assessment, segment)
        if found:
            return
        for segment in joined(inspection.conversation):
            assessment = self._detector.assess(segment.text, segment.provenance)
            if assessment.flagged:
                yield signal_of(assessment, segment)
                return


def signal_of(assessment: Assessment, segment: Segment) -> Signal:
    """What a flagged text means for the verdict."""
    return Signal(assessment.rule, path=segment.path, detail=detail_of(assessment, segment.provenance))


def detail_of(assessment: Assessment, provenance: Provenance) -> dict[str, str | int]:
    """Ids and numbers for a finding."""
    detail: dict[str, str | int] = {
        "patterns": ",".join(assessment.patterns[:_MOST_PATTERNS]),
        "score": round(assessment.score),
        "level": assessment.level,
        "provenance": provenance.value,
    }
    if assessment.tricks:
        detail["tricks"] = ",".join(assessment.tricks[:_MOST_PATTERNS])
    return detail


def compile_inspector(settings: Injection, base_dir: Path, workshop: Workshop) -> InjectionInspector | None:
    """The check as the policy wants it; None when it is off. Raises PolicyError for packs that do not load."""
    return InjectionInspector(compile_detector(settings, base_dir)) if settings.enabled else None


def compile_detector(settings: Injection, base_dir: Path) -> Judge:
    """The detector as the policy wants it. Raises PolicyError, and StartupError where the encoder is not installed."""
    detector = Detector(
        level=settings.level,
        threshold=settings.threshold,
        rules=_rules(settings, base_dir),
        classifier=Classifier.load() if settings.classifier else None,
    )
    if not settings.embedding:
        return detector
    from clyra_proxy.genai.embedding.layer import Layer, LayeredDetector

    return LayeredDetector(detector, Layer.load())


def _rules(settings: Injection, base_dir: Path) -> tuple[Rule, ...]:
    rules = load_packs(rules_folder()).rules
    if settings.packs is not None:
        rules += load_packs((base_dir / settings.packs).resolve(), beside=rules_folder()).rules
    return tuple(rule for rule in rules if rule.id not in settings.without)
