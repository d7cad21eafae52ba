"""How long everything that judges a text takes on texts that the process has not seen, cold and warm.

    python -m bench.detection.unseen            the table
    python -m bench.detection.unseen --json     for programs

Rule: what `clyra genai scan` runs with the default policy, each text once, in processor time of the thread. Each kind
and size has a process of its own: its first texts are the cold ones, the second half of all the warm ones. Kinds: rows
of the development corpus of about the size as they are (`as they are`), benign rows joined up to the size (`ordinary`)
and rows of all kinds joined (`mixed`, half of it attacks).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from bench.detection.corpus import Row, read_rows
from bench.detection.speed import BUDGET_MS
from clyra_proxy.genai.bare_text import TextJudge
from clyra_proxy.genai.bec.text import scan_text as scan_for_bec
from clyra_proxy.genai.injection.inspector import compile_detector
from clyra_proxy.genai.leaks.text import scan_text as scan_for_leaks
from clyra_proxy.policy.genai.section import GenAiSecurity

KINDS = ("as they are", "ordinary", "mixed")
_COLD = {1_000: 40, 10_000: 8, 100_000: 2}
_SAMPLES = {1_000: 600, 10_000: 120, 100_000: 24}
_LONG = 200
"""Characters of a row that is worth joining."""


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of the texts of one kind and size, as p50 and p95. parts: of the warm ones, by detector."""

    kind: str
    size: int
    cold: tuple[float, float]
    warm: tuple[float, float]
    parts: dict[str, tuple[float, float]]

    @property
    def budget(self) -> float:
        return BUDGET_MS[self.size]


def texts(rows: Sequence[Row], kind: str, size: int, seed: int) -> Iterator[str]:
    """No text twice."""
    chance = random.Random(seed)
    if kind == "as they are":
        near = list(dict.fromkeys(row.text for row in rows if 0.7 * size <= len(row.text) <= 1.1 * size))
        yield from chance.sample(near, min(len(near), _SAMPLES[size]))
        return
    pool = [row.text for row in rows if kind == "mixed" or (row.kind == "benign" and len(row.text) > _LONG)]
    yield from dict.fromkeys(_joined(pool, size, chance) for _ in range(_SAMPLES[size]))


def _joined(pool: Sequence[str], size: int, chance: random.Random) -> str:
    joined = ""
    while len(joined) < size:
        joined += chance.choice(pool) + "\n"
    return joined[:size]


def measure_here(kind: str, size: int, seed: int) -> Took:
    """Measured in this process, which must not have judged anything yet."""
    times = [
        {part: _ms(judge, text) for part, judge in judges().items()} for text in texts(read_rows(), kind, size, seed)
    ]
    warm = times[len(times) // 2 :]
    return Took(
        kind,
        size,
        _percentiles([sum(one.values()) for one in times[: _COLD[size]]]),
        _percentiles([sum(one.values()) for one in warm]),
        {part: _percentiles([one[part] for one in warm]) for part in judges()},
    )


@cache
def judges() -> Mapping[str, Callable[[str], object]]:
    """What `clyra genai scan` asks about a text, ready as it is there."""
    settings = GenAiSecurity()
    TextJudge(settings, Path())
    return {
        "injection": compile_detector(settings.injection, Path()).assess,
        "leaks": scan_for_leaks,
        "mail": scan_for_bec,
    }


def _ms(judge: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    judge(text)
    return (time.thread_time() - begun) * 1000


def _percentiles(times: list[float]) -> tuple[float, float]:
    times = sorted(times)
    return round(times[len(times) // 2], 2), round(times[min(len(times) - 1, int(len(times) * 0.95))], 2)


def measure(seed: int) -> Iterator[Took]:
    """Every kind and size, each in a process of its own."""
    for size in _SAMPLES:
        for kind in KINDS if size == min(_SAMPLES) else KINDS[1:]:
            asked = [sys.executable, "-m", __spec__.name, "--one", kind, str(size), "--seed", str(seed)]
            told = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
            pairs = {part: tuple(pair) for part, pair in told["parts"].items()}
            yield Took(kind, size, tuple(told["cold"]), tuple(told["warm"]), pairs)


def table(taken: Iterable[Took]) -> Iterator[str]:
    """In Markdown, with what was aimed at."""
    yield "| text | characters | cold p50 / p95 | warm p50 / p95 | goal of p95 | injection | leaks | mail |"
    yield "|---|---|---|---|---|---|---|---|"
    for took in taken:
        parts = " | ".join(f"{took.parts[part][0]:.2f} / {took.parts[part][1]:.2f}" for part in took.parts)
        cold, warm = (f"{p50:.2f} / {p95:.2f}" for p50, p95 in (took.cold, took.warm))
        yield f"| {took.kind} | {took.size} | {cold} | {warm} | {took.budget:g} | {parts} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help="measure one kind and size in this process")
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(asdict(measure_here(options.one[0], int(options.one[1]), options.seed))))
    elif options.json:
        print(json.dumps([asdict(one) for one in measure(options.seed)], indent=2))
    else:
        for line in table(measure(options.seed)):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
