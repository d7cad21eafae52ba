"""More English phrases for training than the synthesis holds: many wordings, few places.

Rule: what `bench.detection.synthesis` varies is the place and the disguise of an attack; here it is the wording,
because a model of n-grams knows a wording only if it has met its parts. The same seed gives the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.detection.corpus import Row
from bench.detection.synthesis.grammar import Grammar, english

_FOLDER = Path(__file__).parent / "phrases"
_ROWS = {"direct": 3000, "extraction": 2000, "jailbreak": 3000, "ask": 5000, "document": 3500}
_LABELS = {"direct": 1, "extraction": 1, "jailbreak": 1, "ask": 0, "document": 0}
_KINDS = {"direct": "direct", "extraction": "direct", "jailbreak": "jailbreak", "ask": "benign", "document": "benign"}


def phrased_rows(seed: int) -> Iterator[Row]:
    """All rows of the phrase files, each text once."""
    seen: set[str] = set()
    for family, count in _ROWS.items():
        rng = random.Random(f"{seed}:{family}")
        content = _read("attack" if _LABELS[family] else "benign")
        grammar = Grammar({**english().slots, **content["slots"]})
        for _ in range(count):
            text = _spoilt(grammar.fill(rng.choice(content[family]), rng), rng)
            if text not in seen:
                seen.add(text)
                yield Row(text, _LABELS[family], f"phrases_{family}", _KINDS[family], "en")


@cache
def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def _spoilt(text: str, rng: random.Random) -> str:
    """As typed by people in a hurry: sometimes lower or upper case, a slip of the keys, no full stop."""
    luck = rng.random()
    if luck < 0.1:
        text = text.upper() if luck < 0.03 else text.lower()
    elif luck < 0.18 and len(text) > 10:
        for _ in range(1 + len(text) // 80):
            place = rng.randrange(len(text) - 1)
            text = rng.choice(
                (
                    text[:place] + text[place + 1 :],
                    text[:place] + text[place + 1] + text[place] + text[place + 2 :],
                    text[:place] + text[place] + text[place:],
                )
            )
    elif luck < 0.3:
        text = text.rstrip(".!")
    return " ".join(text.split(" ")).strip()
