"""Measure detection on the development corpus by held-out sources; print tables and, if asked, the misses.

    python -m bench.detection.evaluate --detector rules
    python -m bench.detection.evaluate --detector all --folds 6 --provenance placed
    python -m bench.detection.evaluate --detector classifier --held-out s_labs --show misses

Rules alone learn nothing from the corpus, so they are measured on all of it at once. Everything trained is measured
fold by fold (`bench.detection.folds`). `--rows FILE` measures another file of the same form; a trained part then
trains on the whole corpus less the families of that file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.detection.corpus import CORPUS, Row, read_rows, trainable
from bench.detection.detectors import (
    Placement,
    classifiers_for,
    in_place,
    placed_at,
    run_classifier,
    run_rules,
    run_shipped,
    run_trained,
)
from bench.detection.folds import Fold, grouped_folds, hold_out
from bench.detection.measuring import (
    ATTACK_GROUPS,
    BENIGN_GROUPS,
    Scored,
    operating_curve,
    rates,
    rates_by_source,
)
from clyra_proxy.genai.model import Provenance

_CURVE = (0.0001, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


def score_all(options: argparse.Namespace) -> list[Scored]:
    """Every row that the options ask for, scored by a detector that has not seen its family."""
    rows = read_rows(CORPUS)
    place = _placement(options.provenance)
    wanted = read_rows(options.rows) if options.rows else [row for row in rows if _is_wanted(row, options.held_out)]
    if options.detector == "rules":
        return run_rules(wanted, place, options.level)
    if options.detector == "shipped":
        return run_shipped(wanted, place, options.level)
    folds = list(_folds(rows, wanted, options))
    trained = classifiers_for(folds, options.seed)
    if options.detector == "classifier":
        return run_classifier(folds, trained)
    return run_trained(folds, trained, place, options.level)


def _folds(rows: Sequence[Row], wanted: Sequence[Row], options: argparse.Namespace) -> Iterator[Fold]:
    if options.rows:
        families = {row.family for row in wanted}
        yield Fold(
            options.rows.stem, tuple(row for row in trainable(rows) if row.family not in families), tuple(wanted)
        )
    elif options.held_out:
        yield hold_out(rows, frozenset(row.family for row in wanted))
    else:
        yield from grouped_folds(rows, options.folds)


def _is_wanted(row: Row, held_out: Sequence[str]) -> bool:
    return not held_out or row.source in held_out or row.family in held_out


def _placement(word: str) -> Placement:
    return in_place if word == "placed" else placed_at(Provenance(word))


def print_tables(scored: Sequence[Scored]) -> None:
    """Recall and false positives by kind, by source, and the operating curve."""
    by_group = rates(scored)
    print(f"\n{'recall':16} at the default threshold")
    for group in (*ATTACK_GROUPS, "all"):
        if rate := by_group.get((1, group)):
            print(f"  {group:14} {rate}")
    print(f"{'false positives':16} (`all` = ordinary + multilingual)")
    for group in (*BENIGN_GROUPS, "all"):
        if rate := by_group.get((0, group)):
            print(f"  {group:14} {rate}")
    print("by source")
    for (label, source, group), rate in rates_by_source(scored).items():
        print(f"  {'attack' if label else 'benign'} {source:22} {group:14} {rate}")
    print("operating curve (false positives on ordinary + multilingual | hard negatives)")
    for point in operating_curve(scored, _CURVE):
        print(f"  score >= {point.threshold:9.4f}  recall {point.recall.value:7.2%}  {point.ordinary} | {point.hard}")


def print_texts(scored: Sequence[Scored], which: str, count: int) -> None:
    """The worst rows: attacks not flagged with the lowest score last, or benign rows flagged."""
    if which == "misses":
        worst = sorted((one for one in scored if one.row.label and not one.flagged), key=lambda one: -one.score)
    else:
        worst = sorted((one for one in scored if not one.row.label), key=lambda one: -one.score)
    for one in worst[:count]:
        print(f"{one.score:9.3f} {one.row.source:20} {one.row.kind:12} {json.dumps(one.row.text[:300])}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.detection.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--detector", choices=["rules", "classifier", "all", "shipped"], default="all")
    parser.add_argument("--held-out", action="append", default=[], help="only this source or family; repeatable")
    parser.add_argument("--folds", type=int, default=6, help="folds of families; 0: one a family")
    parser.add_argument("--rows", type=Path, help="another file of rows to measure")
    parser.add_argument("--provenance", default="unknown", choices=["placed", *(p.value for p in Provenance)])
    parser.add_argument("--level", type=int, default=1, help="paranoia level of the rules")
    parser.add_argument("--seed", type=int, default=20251)
    parser.add_argument("--show", choices=["misses", "benign"], help="print the texts too")
    parser.add_argument("--count", type=int, default=40, help="how many texts to print")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    scored = score_all(options)
    print_tables(scored)
    if options.show:
        print_texts(scored, options.show, options.count)


if __name__ == "__main__":
    main()
