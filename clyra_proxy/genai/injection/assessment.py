"""What the detector says about one text: ids and numbers, never a piece of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from clyra_proxy.genai.injection.packs import Category, Rule, View
from clyra_proxy.genai.model import Provenance

_RULES = {
    Category.DIRECT: "injection.direct",
    Category.JAILBREAK: "injection.jailbreak",
    Category.EXTRACTION: "injection.extraction",
    Category.OBFUSCATED: "injection.obfuscated",
    Category.INDIRECT: "injection.indirect",
    Category.EXFILTRATION: "injection.indirect",
    Category.TOOL_POISONING: "tools.poisoned",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A rule matched in a view. worth: its points there. start: byte of the plain view, roughly. tricks, hidden: of
    the view. mention: the words are spoken about, not spoken."""

    rule: Rule
    view: View
    worth: float
    start: int
    tricks: tuple[str, ...] = ()
    hidden: bool = False
    mention: bool = False

    @property
    def kind(self) -> tuple[str, float]:
        """What counts once in a window."""
        return self.rule.id, self.worth


@dataclass(frozen=True, slots=True)
class Assessment:
    """score: points of the worst window, classifier included. flagged: score reaches the threshold.

    category: of the pattern that weighs most; None without any. rule: id in the rule catalogue. patterns: ids of the
    rules that matched in the worst window, heaviest first. tricks: what hid them (`base64`, `tags`).
    spans: places that matched in the whole text. level: the paranoia level it was judged at. ms: time spent.
    """

    score: float = 0.0
    flagged: bool = False
    category: Category | None = None
    rule: str = ""
    patterns: tuple[str, ...] = ()
    tricks: tuple[str, ...] = ()
    spans: int = 0
    level: int = 1
    ms: float = 0.0


class Judge(Protocol):
    """A detector of prompt injection. threshold: points from which it flags."""

    threshold: float

    def assess(self, text: str, provenance: Provenance = Provenance.UNKNOWN) -> Assessment:
        """Judge a text. Never raises on any text."""
        ...


def rule_of(category: Category, provenance: Provenance, *, hidden: bool) -> str:
    """The rule of the catalogue that a category means for a text of this provenance.

    hidden: the words were found only in a view that undoes an encoding.
    """
    if provenance is Provenance.TOOL_DESCRIPTION:
        return "tools.poisoned"
    if provenance.foreign:
        return "injection.indirect"
    if category is Category.TOOL_POISONING:
        return "injection.indirect"  # tool words outside a tool's description
    return "injection.obfuscated" if hidden else _RULES[category]
