"""`make bench-detection`: measure detection by held-out sources and write `docs/detection.md`.

    python -m bench.detection              measure and write the page
    python -m bench.detection --print      measure and print the page

The page holds what was measured in this run and nothing else, but for the table of other detectors, which says where
and how it was measured. Needs the development corpus. About twelve minutes on two cores; a run that was cut off goes on
where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.detection import page, page_goals, page_layer, page_near, page_peers, train_head
from bench.detection.corpus import read_rows
from bench.detection.detectors import classifiers_for, in_place, placed_at, run_classifier, run_rules, run_trained
from bench.detection.folds import Fold, grouped_folds
from bench.detection.kept import Keeper
from bench.detection.measuring import Scored
from bench.detection.train import FOLDS, SEED
from clyra_proxy.genai.model import Provenance

LEVELS = (1, 2, 3, 4)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "detection.md"


@dataclass(frozen=True)
class Measured:
    """Every row scored by each detector. all_at: rules and classifier by paranoia level. placed: texts in place.
    layered: the first level with the embedding layer."""

    rules: list[Scored]
    classifier: list[Scored]
    all_at: dict[int, list[Scored]]
    placed: list[Scored]
    layered: list[Scored]


def measure(seed: int) -> Measured:
    """Score the whole corpus, each row by what has not seen its family. Nothing that is kept is done again."""
    rows = read_rows()
    folds = list(grouped_folds(rows, FOLDS))
    tested = [row for fold in folds for row in fold.test]
    keeper = Keeper.open(seed)
    trained = keeper.classifiers(folds, lambda: classifiers_for(folds, seed))
    nowhere = placed_at(Provenance.UNKNOWN)
    all_at = {
        level: keeper.scored(f"level-{level}", tested, partial(run_trained, folds, trained, nowhere, level))
        for level in LEVELS
    }
    placeable = only_placed(folds)
    there = [row for fold in placeable for row in fold.test]
    placed = keeper.scored("placed", there, partial(run_trained, placeable, trained, in_place, 1))
    by_row = {id(one.row): one for one in placed}

    def layered() -> list[Scored]:
        return train_head.with_layer(all_at[1], folds, train_head.train_for(folds, rows, seed=seed), trained)

    return Measured(
        rules=keeper.scored("rules", rows, partial(run_rules, rows, nowhere, 1)),
        classifier=keeper.scored("classifier", tested, partial(run_classifier, folds, trained)),
        all_at=all_at,
        placed=[by_row.get(id(one.row), one) for one in all_at[1]],
        layered=keeper.scored("layered", tested, layered),
    )


def only_placed(folds: Sequence[Fold]) -> list[Fold]:
    """The same folds with those of their test rows that have a place of their own."""
    return [
        replace(fold, test=tuple(row for row in fold.test if in_place(row) is not Provenance.UNKNOWN)) for fold in folds
    ]


def write(measured: Measured) -> Iterator[str]:
    """The page."""
    yield from page.introduction(measured.all_at[1])
    yield from page_goals.bounds_and_goals(measured.all_at, measured.placed)
    yield from page.by_kind(
        {
            "rules alone": measured.rules,
            "rules and classifier (default)": measured.all_at[1],
            "the same, texts in place": measured.placed,
            "with the embedding layer": measured.layered,
        }
    )
    yield from page.by_level(measured.all_at)
    yield from page.curves({"rules and classifier": measured.all_at[1], "classifier alone": measured.classifier})
    yield from page_layer.embedding(measured.all_at[1], measured.layered)
    yield from page.by_source(measured.all_at[1])
    yield from page_near.near_misses_flagged()
    yield from page.in_place()
    yield from page.misses(measured.all_at[1])
    yield from page_peers.same_texts(
        {
            "Clyra, rules": measured.rules,
            "Clyra, rules and classifier": measured.all_at[1],
            "Clyra, with the embedding layer": measured.layered,
        }
    )
    yield from page_peers.elsewhere()
    yield from page.time_taken()
    yield from page.secrets()
    yield from page_peers.secrets(read_rows())
    yield from page.business_mail()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, then write or print the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__.split("\n")[0])
    parser.add_argument("--print", action="store_true", dest="printed")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    text = "\n".join(line.rstrip() for line in write(measure(options.seed))) + "\n"
    if options.printed:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
        print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
