"""`python -m bench.detection.synthesis --seed 1 --out FILE [--scale 1.0]`: write synthetic rows as JSON lines.

The same seed and scale give the same file. No text occurs twice.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from bench.detection.synthesis.attacks import Attacks
from bench.detection.synthesis.benign import Benign
from bench.detection.synthesis.row import Row

_ROWS = {
    "direct": 1500,
    "extraction": 1000,
    "jailbreak": 1500,
    "indirect": 3500,
    "indirect_agentless": 800,
    "exfiltration": 1200,
    "tool_poisoning": 600,
    "multilingual": 2500,
    "multilingual_indirect": 800,
    "encoded": 2000,
    "benign_twin": 4000,
    "benign_chat": 2500,
    "benign_long": 1200,
    "benign_tools": 600,
    "benign_multilingual": 2500,
    "benign_encoded": 1200,
}
_PATIENCE = 20  # fillings per wanted row, before a small family is declared exhausted


def generate(seed: int, scale: float = 1.0) -> Iterator[Row]:
    """All rows, family by family. Each family has its own random source, so that one does not shift the others."""
    seen: set[str] = set()
    for family, count in _ROWS.items():
        rng = random.Random(f"{seed}:{family}")
        maker = chain(Attacks(rng).families().items(), Benign(rng).families().items())
        rows = next(make for name, make in maker if name == family)()
        wanted = round(count * scale)
        yield from _different(rows, wanted, seen)


def _different(rows: Iterator[Row], wanted: int, seen: set[str]) -> Iterator[Row]:
    found = 0
    for _ in range(wanted * _PATIENCE):
        if found == wanted:
            return
        row = next(rows)
        if row.text not in seen:
            seen.add(row.text)
            found += 1
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8") as out:
        for row in generate(options.seed, options.scale):
            out.write(json.dumps(row.written(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
