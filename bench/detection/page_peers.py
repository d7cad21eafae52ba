"""The part of `docs/detection.md` about other detectors: on the same texts, and on another corpus.

Rule: what stands beside ours was measured on the same texts with the same code (`bench.detection.peers`); a peer's
figures are those of its own default threshold and those at equal false-positive rates. Figures from elsewhere stand
in a table of their own that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.detection.corpus import Row
from bench.detection.leaks import is_found
from bench.detection.measuring import Rate, Scored
from bench.detection.peers import RATES, corpus_hash, counts, read_field, read_kept, rows_for

_ELSEWHERE = Path(__file__).with_name("peers.yaml")
_FIELD = Path(__file__).with_name("peering") / "field.yaml"
_NONE = (0, 0)
_SECRETS = """
Other detectors on the same texts. The secrets are made up by Clyra's own descriptions of formats, places and encodings,
so its recall here says that it does what it describes, and that of others what such a description holds beyond theirs;
the benign texts are nobody's.
"""
_EXPLAINED = """
Detectors that install from PyPI and run without a network, each in an environment of its own, on the texts of the
tables above (`python -m bench.detection.peers`). *Recall at most*: with the lowest threshold of a detector's own score
that flags no more than this share of the ordinary and foreign-language texts, chosen afterwards, for every detector
alike; `-` when even its highest score flags more. A source that a peer brings itself is left out of its figures;
beyond that it is not known which of these texts a peer was made in sight of. Our rules were written in sight of them.
"""


def same_texts(ours: Mapping[str, Sequence[Scored]]) -> Iterator[str]:
    """Every detector on this corpus, ours first, and what was not run."""
    first = next(iter(ours.values()))
    kept = _kept_of([one.row for one in first])
    yield "## Other detectors, on the same texts"
    yield ""
    yield from _EXPLAINED.strip().split("\n")
    yield ""
    shares = " | ".join(f"recall at most {rate:.1%}" for rate in RATES)
    yield f"| detector | recall | false positives | hard negatives | {shares} | ms at 1 / 10 / 100 KB |"
    yield "|---|---|---|---|" + "---|" * len(RATES) + "---|"
    for name, scored in ours.items():
        yield f"| **{name}** | {_cells(counts(scored))} | see Time |"
    for peer in read_field():
        if peer.task == "injection" and (told := kept.get(peer.name)):
            left_out = f", without {', '.join(peer.own)}" if peer.own else ""
            times = " / ".join(_brief(told["ms"][size]) for size in ("1000", "10000", "100000"))
            yield f"| {peer.shown} {told['version']}{left_out} | {_cells(told)} | {times} |"
    yield ""
    yield from _not_run()


def _kept_of(rows: Sequence[Row]) -> dict[str, Any]:
    corpus = corpus_hash(rows)
    return {name: told for name, told in read_kept().items() if told["corpus"] == corpus}


def secrets(rows: Sequence[Row]) -> Iterator[str]:
    """Detectors of secrets on made-up ones and on the benign texts. rows: the corpus."""
    texts = rows_for("secrets", rows)
    found = [is_found(row.text) for row in texts]
    ours = counts([Scored(row, float(hit), hit) for row, hit in zip(texts, found, strict=True)])
    yield from _SECRETS.strip().split("\n")
    yield ""
    yield "| detector | vendor formats | generic | encoded | false positives | hard negatives |"
    yield "|---|---|---|---|---|---|"
    yield f"| **Clyra** | {_secret_cells(ours)} |"
    for peer in read_field():
        if peer.task == "secrets" and (told := _kept_of(texts).get(peer.name)):
            yield f"| {peer.shown} {told['version']} | {_secret_cells(told)} |"
    yield ""


def _brief(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.2g}"


def _secret_cells(told: Mapping[str, Any]) -> str:
    groups = (("1:vendor", 1), ("1:generic", 1), ("1:encoded", 1), ("0:all", 2), ("0:hard_negative", 2))
    return " | ".join(_shown(told["flagged"].get(group, _NONE), digits) for group, digits in groups)


def _cells(told: Mapping[str, Any]) -> str:
    flagged = told["flagged"]
    shown = [
        _shown(flagged.get("1:all", _NONE), 1),
        _shown(flagged.get("0:all", _NONE), 2),
        _shown(flagged.get("0:hard_negative", _NONE), 2),
        *(_reached(told, rate) for rate in RATES),
    ]
    return " | ".join(shown)


def _shown(pair: Sequence[int], digits: int) -> str:
    rate = Rate(pair[0], pair[1])
    low, high = rate.interval
    return f"{rate.value:.{digits}%} [{low:.{digits}%}, {high:.{digits}%}]"


def _reached(told: Mapping[str, Any], rate: float) -> str:
    """The best recall at a rate: of its score, or of its own decision where that keeps to the rate."""
    found: Sequence[int] = told["at"][str(rate)]["recall"]
    own, wrong = (told["flagged"].get(key, _NONE) for key in ("1:all", "0:all"))
    if Rate(wrong[0], wrong[1]).value <= rate and own[0] > found[0]:
        found = own
    return _shown(found, 1) if found[0] else "-"


def _not_run() -> Iterator[str]:
    yield "Not run, and why:"
    yield ""
    for one in yaml.safe_load(_FIELD.read_text("utf-8"))["not_run"]:
        yield f"- {one['name']}: {one['why']}."
    yield ""


def elsewhere() -> Iterator[str]:
    """Detectors measured on a separate corpus: `peers.yaml` says how."""
    told = yaml.safe_load(_ELSEWHERE.read_text("utf-8"))
    yield "## Other detectors, on another corpus"
    yield ""
    yield from told["how"].strip().split("\n")
    yield ""
    yield "| detector | recall | false positives, benign | hard negatives | ms at 1 / 10 / 100 KB |"
    yield "|---|---|---|---|---|"
    for peer in told["detectors"]:
        yield f"| {peer['name']} | {peer['recall']} | {peer['benign']} | {peer['hard']} | {peer.get('ms', '-')} |"
    yield ""
