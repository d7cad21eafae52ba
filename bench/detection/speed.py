"""How long judging a text takes: ordinary texts by size, hostile ones, and every rule against its own near misses.

    python -m bench.detection.speed             tables
    python -m bench.detection.speed --json      for programs

Each figure is the best of several runs of a text that the detector has not remembered, in processor time of the
thread, as shipped (rules of the default level and classifier). Ordinary texts are benign rows of the development
corpus, joined up to the size.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial

from bench.detection.corpus import CORPUS, Row, read_rows
from bench.detection.hostile import HOSTILE, nearly_matching
from clyra_proxy.genai.classifier import Classifier
from clyra_proxy.genai.injection.detector import Detector
from clyra_proxy.genai.injection.matching import RuleSet
from clyra_proxy.genai.injection.packs import View, load_packs, rules_folder

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BUDGET_MS = {1_000: 2.0, 10_000: 10.0, 100_000: 100.0}
_RUNS = 3
_SAMPLES = {1_000: 300, 10_000: 100, 100_000: 20, 1_000_000: 3}


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds. bytes: of the texts. budget: of the 95th percentile, 0 when there is none."""

    name: str
    bytes: int
    p50: float
    p95: float
    most: float
    budget: float = 0.0

    @property
    def nanoseconds_a_byte(self) -> float:
        return self.p50 * 1e6 / max(1, self.bytes)


def best_ms(work: Callable[[], object]) -> float:
    """Processor time of the best of some runs, in milliseconds."""
    times = []
    for _ in range(_RUNS):
        begun = time.thread_time()
        work()
        times.append((time.thread_time() - begun) * 1000)
    return min(times)


@cache
def shipped() -> Detector:
    """The detector of the default policy, remembering nothing."""
    return Detector.load(classifier=Classifier.load(), remember=0)


def judging(text: str) -> Callable[[], object]:
    return lambda: shipped().assess(text)


def ordinary(rows: Sequence[Row], size: int, seed: int) -> Iterator[str]:
    """Texts of that many characters, made of whole benign rows in random order."""
    texts = [row.text for row in rows if not row.label]
    shuffled = random.Random(seed)
    for _ in range(_SAMPLES[size]):
        parts: list[str] = []
        length = 0
        while length < size:
            parts.append(shuffled.choice(texts))
            length += len(parts[-1]) + 1
        yield "\n".join(parts)[:size]


def timing(name: str, size: int, times: list[float], budget: float = 0.0) -> Timing:
    """Percentiles by nearest rank."""
    times = sorted(times)
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    return Timing(name, size, times[len(times) // 2], p95, times[-1], budget)


def measure_ordinary(rows: Sequence[Row], seed: int) -> Iterator[Timing]:
    for size in SIZES:
        times = [best_ms(judging(text)) for text in ordinary(rows, size, seed)]
        yield timing(f"ordinary, {size // 1000} KB", size, times, BUDGET_MS.get(size, 0.0))


def measure_hostile(size: int) -> Iterator[Timing]:
    for name, make in HOSTILE.items():
        text = make(size)
        yield timing(name, len(text.encode("utf-8", "replace")), [best_ms(judging(text))])


def measure_rules(size: int) -> Iterator[Timing]:
    for rule in load_packs(rules_folder()).rules:
        compiled = RuleSet([rule], despaced=rule.views == (View.DESPACED,))
        contents = [text.encode() for text in nearly_matching(rule, size)]
        times = [best_ms(partial(compiled.hits, content)) for content in contents]
        yield timing(rule.id, max(map(len, contents)), times)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hostile-size", type=int, default=1_000_000)
    parser.add_argument("--rule-size", type=int, default=100_000)
    options = parser.parse_args(arguments)
    parts = {
        "ordinary": list(measure_ordinary(read_rows(CORPUS), options.seed)),
        "hostile": sorted(measure_hostile(options.hostile_size), key=lambda one: -one.nanoseconds_a_byte),
        "rules": sorted(measure_rules(options.rule_size), key=lambda one: -one.most)[:20],
    }
    if options.json:
        json.dump({name: [asdict(one) for one in rows] for name, rows in parts.items()}, sys.stdout, indent=2)
    else:
        for name, timings in parts.items():
            print(f"\n{name:32} {'bytes':>9} {'p50 ms':>9} {'p95 ms':>9} {'most ms':>9} {'ns/byte':>8}")
            for one in timings:
                over = " OVER BUDGET" if one.budget and one.p95 > one.budget else ""
                figures = f"{one.p50:9.2f} {one.p95:9.2f} {one.most:9.2f} {one.nanoseconds_a_byte:8.0f}"
                print(f"{one.name:32} {one.bytes:9} {figures}{over}")
    return 1 if any(one.budget and one.p95 > one.budget for one in parts["ordinary"]) else 0


if __name__ == "__main__":
    sys.exit(main())
