"""Putting a text where it is found: into a carrier, and into a style of typing."""

from __future__ import annotations

import json
import random
import re

from bench.detection.synthesis.grammar import Grammar

_BLANKS = re.compile(r" {2,}")


def placed(carrier: str, payload: str, grammar: Grammar, rng: random.Random) -> str:
    """The carrier with the payload in it, escaped where the carrier is JSON."""
    inside = json.dumps(payload, ensure_ascii=False)[1:-1] if carrier[:1] in "{[" else payload
    return grammar.holding(at=inside).fill(carrier, rng)


def styled(text: str, rng: random.Random) -> str:
    """The text as somebody might type it: sentence case, as it is, small, or loud; blanks tidied."""
    tidy = _BLANKS.sub(" ", text).strip()
    dice = rng.random()
    if dice < 0.55:
        return tidy[:1].upper() + tidy[1:]
    if dice < 0.85:
        return tidy
    return tidy.lower() if dice < 0.93 else tidy.upper()
