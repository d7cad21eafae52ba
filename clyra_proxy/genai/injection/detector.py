"""Judging one text: views, rules, windows, score.

Guarantees: `assess` is safe to call from several threads; its time is linear in the text; equal texts of equal
provenance get equal answers, remembered by hash. Scores of rules that match within one window add up, as in the OWASP
Core Rule Set; a long text is as bad as its worst window, so a short attack in a long document is not diluted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from clyra_proxy.genai.injection.assessment import Assessment, Found, rule_of
from clyra_proxy.genai.injection.finding import Mentions, found_at
from clyra_proxy.genai.injection.folding import WordFolder, words_of
from clyra_proxy.genai.injection.matching import Hit, RuleSet, lexicon_of
from clyra_proxy.genai.injection.memory import LIMIT, Memory
from clyra_proxy.genai.injection.mention import is_source_code
from clyra_proxy.genai.injection.packs import Category, Rule, View, load_packs, rules_folder
from clyra_proxy.genai.injection.passages import passages
from clyra_proxy.genai.injection.sieve import Scan
from clyra_proxy.genai.injection.views import TEXTS, Look, looks
from clyra_proxy.genai.injection.weighing import LONG, SHORT, THRESHOLD, WARNING, counting, score_of
from clyra_proxy.genai.injection.windows import worst_window
from clyra_proxy.genai.model import Provenance
from clyra_proxy.patience import go_on

CLASSIFIER = "classifier"
"""The id that stands for it among the patterns."""
_TRUST = {Provenance.SYSTEM: 0.3, Provenance.ASSISTANT: 0.5}
"""What a score is multiplied with: operators write orders to the model all day, and models quote what they read."""
_VETTED = 3
"""Level up to which rules take part at any level: broad ones, which decide nothing alone."""
_SURE = 4.0
"""Points that the classifier must give a text of more than LONG bytes to count there."""
_AROUND = 150
"""Bytes before and after what rules found that the classifier is asked about, and the points it must give."""
_HINT = 1.0
_PASSAGE = 2.0
"""Points that the classifier must give a passage of a longer text for it to be judged alone; _BROADLY if no rule of the
level weighs as much there."""
_BROADLY = 3.0
_PLAINLY = 2.0
"""Times the threshold that the plain words alone must weigh to settle it."""
_STRICT = 3
"""Level from which a mention counts like a use."""


class Scorer(Protocol):
    """A trained classifier. score: one logit a text. points: what a logit is worth beside the rules, 0 to 5."""

    def score(self, texts: Sequence[str]) -> Any: ...

    def points(self, logit: float) -> float: ...


class Detector:
    """Rules of one paranoia level, compiled, and the classifier."""

    def __init__(
        self,
        *,
        level: int = 1,
        threshold: float = THRESHOLD,
        rules: Sequence[Rule] | None = None,
        classifier: Scorer | None = None,
        remember: int = LIMIT,
    ) -> None:
        """level: 1 to 4. threshold: points from which a text is flagged. rules: default: the shipped packs.
        remember: how many answers are kept.

        Rules up to level 3 take part at any level where the classifier finds the text suspicious itself.
        """
        self.level, self.threshold, self._classifier = level, threshold, classifier
        known = load_packs(rules_folder()).rules if rules is None else rules
        rules = [rule for rule in known if rule.level <= max(level, _VETTED)]
        self._lexicon = lexicon_of(rules)
        texts = self._set(rule for rule in rules if set(TEXTS) & set(rule.views))
        self._sets = dict.fromkeys(TEXTS, texts) | {
            View.HIDDEN: self._set(rule for rule in rules if View.HIDDEN in rule.views),
            View.LATIN: self._set(rule for rule in rules if View.LATIN in rule.views),
            View.DESPACED: RuleSet([rule for rule in rules if View.DESPACED in rule.views], despaced=True),
        }
        self._folder = WordFolder(words_of(pattern for rule in rules for pattern in rule.any))
        self._memory: Memory[Assessment] = Memory(remember)

    def _set(self, rules: Iterable[Rule]) -> RuleSet:
        return RuleSet(list(rules), lexicon=self._lexicon)

    @classmethod
    def load(cls, *, level: int = 1, classifier: Scorer | None = None, remember: int = LIMIT) -> Detector:
        """The shipped packs at a level, with a classifier or without."""
        return cls(level=level, classifier=classifier, remember=remember)

    def assess(self, text: str, provenance: Provenance = Provenance.UNKNOWN) -> Assessment:
        """Judge a text. Never raises on any text; OutOfTimeError where `patience` ends."""
        begun = time.perf_counter()
        key = self._memory.key(text, provenance)
        known = self._memory.get(key)
        if known is None:
            known = self._judge(looks(text, self._folder), provenance)
            self._memory.put(key, known)
        return replace(known, ms=(time.perf_counter() - begun) * 1000)

    def _judge(self, views: Iterator[Look], provenance: Provenance) -> Assessment:
        """Disguises are looked for only where the plain words do not settle it."""
        plain = next(views)
        scans: dict[bytes, Scan] = {}
        asked: dict[tuple[int, int], float] = {}
        hits, points = self._hits(plain, scans), self._points([plain])
        said = self._weighed(plain.content, [(plain, hit) for hit in hits], points, provenance, asked)
        if said.score >= _PLAINLY * self.threshold:
            return said
        others = list(views)
        found = [(look, hit) for look in others for hit in self._hits(look, scans)]
        if any(look.view is View.DESPACED for look, _ in found) and is_source_code(plain.content):
            found = [(look, hit) for look, hit in found if look.view is not View.DESPACED]
        undone = self._points([look for look in others if look.hidden and look.view in (View.DECODED, View.FOLDED)])
        if not found and undone <= points:
            return said
        found = [*((plain, hit) for hit in hits), *found]
        return self._weighed(plain.content, found, max(points, undone), provenance, asked)

    def _weighed(
        self,
        plain: bytes,
        hits: Sequence[tuple[Look, Hit]],
        points: float,
        provenance: Provenance,
        asked: dict[tuple[int, int], float],
    ) -> Assessment:
        """The whole, and where that is not enough its passages. asked: points of passages, kept for the next time."""
        judged = self._sifted(plain, hits, _trusted(points, len(plain)), len(plain), provenance)
        if judged.flagged or len(plain) <= SHORT or self._classifier is None:
            return judged
        found = [found_at(look, hit, provenance, mention=False) for look, hit in hits]
        for start, end in passages(plain, found):
            inside = [pair for pair, item in zip(hits, found, strict=True) if start <= item.start < end]
            if (start, end) not in asked:
                asked[start, end] = self._points_of([plain[start:end].decode("utf-8", "ignore")])
            points = asked[start, end]
            if (
                points >= self._enough(inside)
                and (there := self._sifted(plain, inside, points, end - start, provenance)).flagged
            ):
                return there
        return judged

    def _enough(self, hits: Sequence[tuple[Look, Hit]]) -> float:
        """The points that the classifier must give a passage."""
        plainly = any(hit.rule.level <= self.level and hit.rule.score >= WARNING for _, hit in hits)
        return _PASSAGE if plainly else _BROADLY

    def _sifted(
        self, plain: bytes, hits: Sequence[tuple[Look, Hit]], points: float, size: int, provenance: Provenance
    ) -> Assessment:
        """Whether anything is merely mentioned is only asked when it matters: when the text would be flagged."""
        weighed = provenance
        found = [found_at(look, hit, weighed, mention=False) for look, hit in hits]
        judged = self._judged(found, points, size, provenance)
        if judged.flagged and provenance.foreign and size > LONG and not self._suspects(plain, found):
            weighed = Provenance.UNKNOWN
            found = [found_at(look, hit, weighed, mention=False) for look, hit in hits]
            judged = self._judged(found, points, size, provenance)
        if not judged.flagged or self.level >= _STRICT:
            return judged
        mentioned = Mentions(provenance)
        found = [found_at(look, hit, weighed, mention=mentioned(look, hit)) for look, hit in hits]
        return self._judged(found, points, size, provenance)

    def _suspects(self, plain: bytes, found: list[Found]) -> bool:
        """Whether the classifier, too, finds something in the very place that weighs most.

        Without that, standing in a foreign text adds nothing: a long document has room for chance, and manuals and
        licences address their readers all the time.
        """
        worst = worst_window([item for item in found if item.rule.level <= self.level])
        if self._classifier is None or not worst:
            return True
        first, last = min(item.start for item in worst), max(item.start for item in worst)
        place = plain[max(0, first - _AROUND) : last + _AROUND].decode("utf-8", "ignore")
        return self._points_of([place]) >= _HINT

    def matching(self, text: str) -> frozenset[str]:
        """Ids of all rules that match anywhere in the text, whatever they are worth."""
        return frozenset(hit.rule.id for look in looks(text, self._folder) for hit in self._hits(look, {}))

    def _points(self, views: Sequence[Look]) -> float:
        """The most that the classifier gives for any of the views."""
        return self._points_of([look.content.decode() for look in views])

    def _points_of(self, texts: Sequence[str]) -> float:
        if self._classifier is None or not texts:
            return 0.0
        return max(float(self._classifier.points(float(logit))) for logit in self._classifier.score(texts))

    def _hits(self, look: Look, scans: dict[bytes, Scan]) -> list[Hit]:
        """scans: texts that have been read for words; a Latin text often reads as the plain one does."""
        go_on()
        scan = None
        if look.view is not View.DESPACED:
            scan = scans[look.content] = scans.get(look.content) or self._lexicon.scan(look.content)
        return [hit for hit in self._sets[look.view].hits(look.content, scan) if _applies(hit.rule, look)]

    def _judged(self, found: list[Found], points: float, size: int, provenance: Provenance) -> Assessment:
        found = list(counting(found, points, size, self.level))
        seen = [item for item in found if item.view is not View.DESPACED]  # blanks tell use from mention
        worst = worst_window(seen if any(item.mention for item in seen) else found)
        score = round(score_of(worst, points, size, self.level) * _TRUST.get(provenance, 1.0), 2)
        if not score:
            return Assessment(level=self.level)
        worst.sort(key=lambda item: -item.worth)
        category = worst[0].rule.category if worst else Category.DIRECT
        hidden = bool(worst) and all(item.hidden for item in worst)
        return Assessment(
            score=score,
            flagged=score >= self.threshold,
            category=category,
            rule=rule_of(category, provenance, hidden=hidden),
            patterns=tuple(item.rule.id for item in worst) + ((CLASSIFIER,) if points else ()),
            tricks=tuple(dict.fromkeys(trick for item in worst for trick in item.tricks)),
            spans=len(found),
            level=self.level,
        )


def _trusted(points: float, size: int) -> float:
    """What counts of the classifier's points for a whole text of so many bytes."""
    return points if points >= _SURE or size <= LONG else 0.0


def _applies(rule: Rule, look: Look) -> bool:
    return look.view in rule.views or (look.view in TEXTS and View.PLAIN in rule.views)
