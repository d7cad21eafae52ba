"""Judging a text alone, outside of any traffic: what `clyra check --text` and `clyra genai scan` print.

Rule: the detectors of live traffic with the settings of a policy, nothing else and nothing remembered between texts
but equal answers. What is asked for is the strictest thing any of them asks for; the mode of a rule (shadow, enforce)
plays no part. Ids, numbers and offsets only, never a piece of the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clyra_proxy.genai.bec.text import scan_text as scan_for_bec
from clyra_proxy.genai.injection.assessment import Assessment
from clyra_proxy.genai.injection.inspector import compile_detector, signal_of
from clyra_proxy.genai.injection.samples import ordinary_texts
from clyra_proxy.genai.inspection import Signal
from clyra_proxy.genai.leaks.text import scan_text as scan_for_leaks
from clyra_proxy.genai.model import Provenance, Segment
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.verdict.model import Action
from clyra_proxy.verdict.rules import RULES


@dataclass(frozen=True, slots=True)
class TextVerdict:
    """What all detectors say about one text. score: points of the heaviest finding; 5 is the threshold. ms: of all."""

    action: Action
    score: float
    signals: tuple[Signal, ...]
    assessment: Assessment
    ms: float

    @property
    def flagged(self) -> bool:
        """The text would not pass as it is."""
        return self.action >= Action.REDACT

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        labels = [RULES[signal.rule].labels for signal in self.signals]
        return {
            "decision": self.action.word,
            "score": self.score,
            "rules": list(dict.fromkeys(signal.rule for signal in self.signals)),
            "patterns": _listed(str(signal.detail.get("patterns", "")) for signal in self.signals),
            "owasp_llm": list(dict.fromkeys(one for label in labels for one in label.owasp_llm)),
            "atlas": list(dict.fromkeys(one for label in labels for one in label.atlas)),
            "ms": round(self.ms, 3),
        }


def _listed(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one for text in texts for one in text.split(",") if one))


class TextJudge:
    """All detectors that can judge a text without a conversation, compiled once."""

    def __init__(self, settings: GenAiSecurity, base_dir: Path) -> None:
        """Raises PolicyError for packs that do not load."""
        self._detector = compile_detector(settings.injection, base_dir) if settings.injection.enabled else None
        self._others: tuple[Callable[[str], Iterable[Signal]], ...] = (scan_for_leaks, scan_for_bec)
        for text in ordinary_texts():  # automata build their states when they first run
            self.judge(text)

    def judge(self, text: str, provenance: Provenance = Provenance.UNKNOWN) -> TextVerdict:
        """What the detectors say about `text`, had it come from there."""
        begun = time.perf_counter()
        signals: list[Signal] = []
        assessment = self._detector.assess(text, provenance) if self._detector else Assessment()
        if assessment.flagged:
            signals.append(signal_of(assessment, Segment(text, provenance)))
        for scan in self._others:
            signals.extend(scan(text))
        return TextVerdict(
            max((_wanted(signal) for signal in signals), default=Action.ALLOW),
            max([assessment.score, *(float(signal.detail.get("score", 0)) for signal in signals)]),
            tuple(signals),
            assessment,
            (time.perf_counter() - begun) * 1000,
        )


def _wanted(signal: Signal) -> Action:
    return RULES[signal.rule].action if signal.action is None else signal.action
