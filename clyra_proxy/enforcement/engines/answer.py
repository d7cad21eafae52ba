"""What an engine may say, whatever it speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")
MOST_REASONS = 8


class Outcome(StrEnum):
    """The answer in a word."""

    ALLOW = "allow"
    APPROVE = "approve"  # a person must decide
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Answer:
    """outcome: of the engine. reasons: ids of what decided, at most MOST_REASONS. decision: its id."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    decision: str = ""


ALLOWED = Answer(Outcome.ALLOW)


def ids_of(told: Iterable[object]) -> tuple[str, ...]:
    """The reasons that are ids. A sentence is not kept: an engine may have put values of the request into it."""
    return tuple(one for one in told if isinstance(one, str) and _ID.fullmatch(one))[:MOST_REASONS]
