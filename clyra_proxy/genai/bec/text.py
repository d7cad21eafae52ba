"""One message judged as a whole: its words, its addresses, its accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from clyra_proxy.genai.bec.headers import Acquaintances, Sign
from clyra_proxy.genai.bec.mail import Mail, mails_of
from clyra_proxy.genai.bec.scoring import LEAST, LIKELY, Assessment, assess
from clyra_proxy.genai.inspection import Signal
from clyra_proxy.policy.genai.bec import Bec

RULE = "bec.suspected"
MOST_PATTERNS = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """score: points of words and signs together. bec_class: `payee_change`, `gift_card`, ..., "" when nothing is."""

    score: int = 0
    bec_class: str = ""
    patterns: tuple[str, ...] = ()

    def signal(self, threshold: int, path: str = "", **detail: str) -> Signal:
        """The finding this is. level: `suspected`, or `likely` some points above the threshold."""
        facts: dict[str, str | int] = {
            "bec_class": self.bec_class,
            "score": self.score,
            "level": "likely" if self.score >= threshold + LIKELY else "suspected",
            "patterns": ",".join(self.patterns[:MOST_PATTERNS]),
        }
        return Signal(RULE, path=path, detail=facts | {key: value for key, value in detail.items() if value})


def judge_mail(mail: Mail, acquaintances: Acquaintances, threshold: int = LEAST) -> Judged:
    """What one message amounts to, exactly so from `threshold` on; below it, it may be told as less.

    Raises OverflowError when the patterns ran out of memory.
    """
    signs = tuple(acquaintances.signs(mail))
    shown = sum(sign.score for sign in signs)
    words = assess(mail.text, max(threshold - shown, 1))
    score = words.score + shown
    if not score:
        return Judged()
    return Judged(score, _class(words, signs), (*words.patterns, *(sign.id for sign in signs)))


def strongest(text: str, acquaintances: Acquaintances, threshold: int = LEAST) -> Judged:
    """The strongest message in a text (JSON with several, or one)."""
    judged = (judge_mail(mail, acquaintances, threshold) for mail in mails_of(text))
    return max(judged, key=lambda one: one.score, default=Judged())


def scan_text(text: str, settings: Bec | None = None) -> list[Signal]:
    """The findings in a text alone, without a policy's acquaintances unless `settings` has them."""
    settings = settings or Bec()
    known = Acquaintances(settings) if settings.model_fields_set else _strangers()
    found = strongest(text, known, settings.threshold)
    return [found.signal(settings.threshold)] if found.score >= settings.threshold else []


def _class(words: Assessment, signs: tuple[Sign, ...]) -> str:
    """The theme of the words where there is one; else what the strongest sign points at."""
    if words.bec_class:
        return words.bec_class
    return max(signs, key=lambda sign: sign.score).bec_class if signs else ""


@lru_cache(maxsize=1)
def _strangers() -> Acquaintances:
    return Acquaintances(Bec())
