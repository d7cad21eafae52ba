"""Near misses: ordinary short texts that use the words of attacks, or their shapes, and are none.

The corpus has hardly any mails, requests and tickets of this kind, and they are what a proxy reads all day. Rule: they
are written for this repository; one half trains the classifier and may be read by who writes rules, with more of its
kind from templates; the other is only measured, as it is judged by the model that ships, and no rule is changed for one
of its texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from bench.detection.corpus import Row
from bench.detection.synthesis.grammar import Grammar

HALVES = ("training", "held_back")
_FOLDER = Path(__file__).parent / "near_misses"
_FILLED, _LOWER = 2000, 0.1
"""How often templates are filled, and the share of the texts in small letters."""
_SUSPICIOUS = re.compile(
    r"ignor|disregard|forg[eo]t|overrid|bypass|circumvent|reveal|disclos|secret|hidden|password|prompt|instruction|rule"
    r"|guideline|restrict|limit|filter|safe|unlock|jailbreak|inject|attack|pwned|pretend|act as|role|character|system"
    r"|configuration|admin|developer|mode\b|refus|from now on|you are|previous|above|repeat|policy|training|model|\bbot"
    r"|assistant|robot|\bai\b|share|show|print|delete|order|command|allowed|access|disabl|must|never|secur|permission",
    re.IGNORECASE,
)


@cache
def near_misses(half: str) -> tuple[Row, ...]:
    """The rows of a half, `training` or `held_back`. kind: the scene."""
    scenes = yaml.safe_load((_FOLDER / f"{half}.yaml").read_text(encoding="utf-8"))
    return tuple(Row(text, 0, "near_misses", scene, "en") for scene, texts in scenes.items() for text in texts)


@cache
def filled_near_misses(seed: int) -> tuple[Row, ...]:
    """More rows to train with, from templates: none of them stands in either half. kind: `filled`."""
    written = {row.text for half in HALVES for row in near_misses(half)}
    texts = dict.fromkeys(_filled(random.Random(f"{seed}:near misses")))
    return tuple(Row(text, 0, "near_misses", "filled", "en") for text in texts if text not in written)


def _filled(rng: random.Random) -> Iterator[str]:
    content = yaml.safe_load((_FOLDER / "templates.yaml").read_text(encoding="utf-8"))
    grammar = Grammar(content["slots"])
    for _ in range(_FILLED):
        text = grammar.fill(rng.choice(content["text"]), rng)
        yield text.lower() if rng.random() < _LOWER else text


def is_suspicious(row: Row) -> bool:
    """Whether a text has any word that attacks use."""
    return _SUSPICIOUS.search(row.text) is not None
