"""How the points of rules and of the classifier make one score.

Rule: at the first level a text is flagged by one critical rule, or by weaker rules and the classifier together, never
by weak rules alone: two warnings in one text are chance far more often than one plain order is. Above that level
points simply add up, as in the OWASP Core Rule Set, and a higher level flags whatever a lower one flags. In a text of
at most SHORT bytes there is little room for chance: an error is as good as critical there, broad rules count without
being asked about, and the more rules agree the less the classifier has to say. The few constants were chosen over
sources that the classifier had not seen, for at most 0.1 % false positives on ordinary text at THRESHOLD and 2 % on
texts about attacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from clyra_proxy.genai.injection.assessment import Found

THRESHOLD = 5.0
SHORT = 300
LONG = 1000
"""Bytes from which the classifier must be sure to count, and does not vouch for broad rules: more room for chance."""
CRITICAL = 5.0
"""Points of a rule that is enough alone."""
SUMMING = 2
"""Level from which points simply add up."""
_ERROR = 4.0
"""Points that count as critical in a short text; and the most that weaker rules, or the classifier, count alone."""
WARNING = 3.0
"""Points of a rule that means something beside others; the most that a broad rule, one above the level, counts."""
_LONE = 1.0
"""What a rule that is not critical counts less where it is the only one in a text that is not short."""
_VOUCHED = 3.0
"""Points of the classifier from which broad rules count in a text that is not short."""
_FAINT = 2.0
"""Points below which the classifier says nothing where no rule does."""
_SEVERAL = 0.5
"""What several rules count more in a short text where the classifier says anything; one counts as an error there."""


def counting(found: Iterable[Found], points: float, size: int, level: int) -> Iterator[Found]:
    """What counts, with its worth there: rules of the level, and broader ones up to a warning each.

    points: of the classifier. size: bytes of the text.
    """
    vouched = size <= SHORT or (size <= LONG and points >= _VOUCHED)
    for item in found:
        if item.rule.level > level:
            if vouched:
                yield replace(item, worth=min(item.worth, WARNING))
        elif size <= SHORT and item.rule.level < SUMMING and _ERROR <= item.worth < CRITICAL:
            yield replace(item, worth=CRITICAL)
        else:
            yield item


def score_of(worst: Sequence[Found], points: float, size: int, level: int) -> float:
    """The score of a text. worst: what counts of it. points: of the classifier. size: bytes of the text."""
    worths = [item.worth for item in worst]
    if any(item.worth >= CRITICAL and item.rule.level <= level for item in worst):
        return sum(worths) + points
    corroborated = _corroborated(worst, points, size, level)
    if level < SUMMING or not worths:
        return corroborated
    return max(corroborated, sum(worths) + (points if max(worths) >= 1 else min(points, _ERROR)))


def _corroborated(worst: Sequence[Found], points: float, size: int, level: int) -> float:
    """The score where rules and classifier have to agree."""
    if not worst:
        return min(points, _ERROR) if points >= _FAINT else 0.0
    telling = [item for item in worst if item.worth >= WARNING]
    if not telling:
        return min(max(item.worth for item in worst) + points, _ERROR)
    return _together(telling, size) + points + _agreement(telling, points, size, level)


def _together(telling: Sequence[Found], size: int) -> float:
    """What rules that mean something count together."""
    rules = _ERROR if len(telling) > 1 else min(telling[0].worth, _ERROR)
    return rules - _LONE if len(telling) == 1 and size > SHORT else rules


def _agreement(telling: Sequence[Found], points: float, size: int, level: int) -> float:
    """What is added in a short text where the classifier says anything and one of the rules is of the level."""
    if size > SHORT or not points or not any(item.rule.level <= level for item in telling):
        return 0.0
    return _SEVERAL if len(telling) > 1 else max(0.0, _ERROR - telling[0].worth)
