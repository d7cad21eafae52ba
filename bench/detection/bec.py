"""Measure BEC detection: recall on lures, false positives on business mail and on everything else, by threshold.

    python -m bench.detection.bec [--misses] [--write docs/bec.md]

Populations. `lures`: ../shared/data/injection/bec_dev.jsonl (one source, nine languages; its texts were read while the
vocabulary was written, so this is a development figure); `own lures`, `business`: templates of `mail/`,
counted by template because copies are not independent; `ordinary`: every benign text of the development corpus, from
sources that have nothing to do with mail. Intervals are Wilson, 95 %.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.detection.bec_corpus import synthesise
from bench.detection.corpus import CORPUS, read_rows
from bench.detection.measuring import Rate
from clyra_proxy.genai.bec.headers import Acquaintances
from clyra_proxy.genai.bec.text import strongest
from clyra_proxy.policy.genai.bec import Bec

LURES = CORPUS.with_name("bec_dev.jsonl")
THRESHOLDS = (3, 4, 5, 6, 7, 8)
DEFAULT = 5
BEGIN = "<!-- measured by `python -m bench.detection.bec --write docs/bec.md` -->"
END = "<!-- end of measurement -->"


@dataclass(frozen=True, slots=True)
class Scored:
    """One text, or the worst of a template's copies. lure: what it is. unit: what intervals count."""

    population: str
    group: str
    language: str
    lure: bool
    score: int
    text: str


def measure() -> tuple[list[Scored], float]:
    """Every text scored; seconds a kilobyte took on average."""
    nobody = Acquaintances(Bec())
    characters, started = 0, time.process_time()

    def score(text: str) -> int:
        nonlocal characters
        characters += len(text)
        return strongest(text, nobody).score

    score("warm up: pay to the new account")
    found = [*_lures(LURES, score), *_templates(score), *_ordinary(score)]
    return found, (time.process_time() - started) / max(characters / 1024, 1)


def _lures(path: Path, score: Callable[[str], int]) -> Iterator[Scored]:
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield Scored("lures", row["kind"], row["lang"], True, score(row["text"]), row["text"])


def _templates(score: Callable[[str], int]) -> Iterator[Scored]:
    copies: dict[str, list[Scored]] = defaultdict(list)
    for mail in synthesise():
        population = "own lures" if mail.lure else "business"
        copies[mail.template].append(
            Scored(population, mail.kind, mail.language, mail.lure, score(mail.text), mail.text)
        )
    for same in copies.values():
        yield (min if same[0].lure else max)(same, key=lambda one: one.score)


def _ordinary(score: Callable[[str], int]) -> Iterator[Scored]:
    for row in read_rows():
        if not row.label:
            yield Scored("ordinary", row.source, row.lang, False, score(row.text), row.text)


def rate(scored: Iterable[Scored], threshold: int = DEFAULT) -> Rate:
    """Flagged of all."""
    several = list(scored)
    return Rate(sum(one.score >= threshold for one in several), len(several))


def grouped(scored: Iterable[Scored], key: Callable[[Scored], str]) -> dict[str, list[Scored]]:
    groups: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[key(one)].append(one)
    return dict(sorted(groups.items()))


def report(scored: list[Scored], seconds: float) -> Iterator[str]:
    """The measurement as Markdown."""
    populations = grouped(scored, lambda one: one.population)
    yield f"Flagged at the default threshold ({DEFAULT}), with 95 % intervals; {seconds * 1000:.2f} ms per KB."
    yield ""
    yield "| population | what is flagged | |"
    yield "|---|---|---|"
    for name in ("lures", "own lures", "business", "ordinary"):
        meaning = "recall" if populations[name][0].lure else "false positives"
        yield f"| {name} | {meaning} | {rate(populations[name])} |"
    yield ""
    yield "| threshold | " + " | ".join(populations) + " |"
    yield "|---|" + "---|" * len(populations)
    for threshold in THRESHOLDS:
        cells = (f"{rate(one, threshold).value:.2%}" for one in populations.values())
        yield f"| {threshold} | " + " | ".join(cells) + " |"
    for name in ("lures", "own lures", "business"):
        for title, key in (("kind", lambda one: one.group), ("language", lambda one: one.language)):
            yield ""
            yield f"| {name}, by {title} | flagged |"
            yield "|---|---|"
            for group, several in grouped(populations[name], key).items():
                yield f"| {group} | {rate(several)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--misses", action="store_true", help="also print missed lures and flagged business mail")
    parser.add_argument("--write", type=Path, help="put the measurement between the markers of this page")
    options = parser.parse_args()
    scored, seconds = measure()
    print("\n".join(report(scored, seconds)))
    if options.write:
        before, _, rest = options.write.read_text("utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        lines = "\n".join(report(scored, seconds))
        options.write.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", "utf-8")
    if options.misses:
        for one in scored:
            if one.lure != (one.score >= DEFAULT):
                print(f"\n--- {one.population} {one.group} {one.language} score {one.score}\n{one.text[:600]}")


if __name__ == "__main__":
    main()
