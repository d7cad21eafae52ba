"""Run other detectors on the texts that ours is measured on: `python -m bench.detection.peers [--only NAME]`.

Rule: every peer gets an environment of its own in a temporary folder, made with `uv` from PyPI and thrown away, and
judges every text of the development corpus; where a peer brings a source of the corpus itself, its figures leave that
source out (`peering/field.yaml`). What is kept are counts, versions and a hash of the corpus (`peers.json`), so that
the page can be written again without them. Thresholds "at the same false-positive rate" are chosen afterwards on the
benign texts, for a peer as for ours.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.detection import leaks
from bench.detection.corpus import Row, read_rows
from bench.detection.measuring import Scored, operating_curve, rates

RATES = (0.001, 0.003)
"""Shares of benign texts flagged at which detectors are compared."""
KEPT = Path(__file__).with_name("peers.json")
_FOLDER = Path(__file__).with_name("peering")
_SIZES = (1_000, 10_000, 100_000)
_TIMED = 12
_VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1].split('[')[0]))"


@dataclass(frozen=True, slots=True)
class Peer:
    """shown: its name on the page. install: what `uv pip install` is told. own: sources left out of its figures.
    task: what it looks for, `injection` or `secrets`."""

    name: str
    install: tuple[str, ...]
    shown: str = ""
    own: tuple[str, ...] = ()
    task: str = "injection"


def read_field(path: Path = _FOLDER / "field.yaml") -> list[Peer]:
    """The peers that can be run."""
    told = yaml.safe_load(path.read_text("utf-8"))["peers"]
    return [
        Peer(
            one["name"],
            tuple(one["install"]),
            one.get("shown", one["name"]),
            tuple(one.get("own", ())),
            one.get("task", "injection"),
        )
        for one in told
    ]


def rows_for(task: str, rows: Sequence[Row], seed: int = 1) -> list[Row]:
    """The texts of a task. rows: the corpus. Secrets: the made-up ones, and the corpus' benign rows as they are."""
    if task == "injection":
        return list(rows)
    made = (Row(case.text, 1, "made up", case.kind, "") for case in leaks.cases(seed, 1))
    return [*made, *(row for row in rows if not row.label)]


def measure_peer(peer: Peer, rows: Sequence[Row]) -> dict[str, Any]:
    """Install, ask, count. Raises subprocess.CalledProcessError when it does not install or does not answer."""
    folder = Path(tempfile.mkdtemp(prefix="clyra-peer-"))
    try:
        python = folder / "bin" / "python"
        subprocess.run(["uv", "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "--python", str(python), *peer.install], check=True)
        asked = [str(python), "-c", _VERSION, peer.install[0]]
        version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        judged = [row for row in rows if row.source not in peer.own]
        answers = _ask(python, peer, [row.text for row in judged])
        times = {size: _milliseconds(python, peer, rows, size) for size in _SIZES}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {**summarise(judged, answers), "version": version, "left_out": list(peer.own), "ms": times}


def _ask(python: Path, peer: Peer, texts: Sequence[str]) -> list[Any]:
    told = "".join(f"{json.dumps(text)}\n" for text in texts)
    command = [str(python), "-I", str(_FOLDER / "adapters.py"), peer.name]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(texts):
        raise RuntimeError(f"{peer.name} answered {len(answers)} of {len(texts)} texts.")
    return answers


def _milliseconds(python: Path, peer: Peer, rows: Sequence[Row], size: int) -> float:
    from bench.detection.speed import ordinary

    texts = [text for text, _ in zip(ordinary(rows, size, 1), range(_TIMED), strict=False)]
    times = sorted(float(milliseconds) for _, _, milliseconds in _ask(python, peer, texts))
    return round(times[len(times) // 2], 3)


def summarise(rows: Sequence[Row], answers: Sequence[Any]) -> dict[str, Any]:
    """Counts of what a peer answered, by label and group at its own threshold, and its recall at RATES."""
    pairs = list(zip(rows, answers, strict=True))
    failed = sum(score is None for _, (score, _, _) in pairs)
    scored = [Scored(row, float(score or 0), bool(flagged)) for row, (score, flagged, _) in pairs]
    return {"texts": len(rows), "failed": failed, **counts(scored)}


def counts(scored: Sequence[Scored]) -> dict[str, Any]:
    """(hits, total) by label and group, as flagged, and at the thresholds that RATES give."""
    return {
        "flagged": {f"{label}:{group}": [rate.hits, rate.total] for (label, group), rate in rates(scored).items()},
        "at": {
            str(rate): {
                part: [found.hits, found.total]
                for part, found in (("recall", point.recall), ("ordinary", point.ordinary), ("hard", point.hard))
            }
            for rate, point in zip(RATES, operating_curve(scored, RATES), strict=True)
        },
    }


def corpus_hash(rows: Sequence[Row]) -> str:
    """SHA-256 over labels and texts, shortened."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.label}\0{row.text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def read_kept() -> dict[str, Any]:
    """What was measured of every peer so far."""
    kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    return kept


def keep(name: str, measured: dict[str, Any]) -> None:
    """Write one peer's counts beside the others'."""
    kept = {**read_kept(), name: measured}
    lines = (f"{json.dumps(key)}: {json.dumps(kept[key], sort_keys=True)}" for key in sorted(kept))
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def _asked_for(only: Sequence[str], again: bool, hashes: Mapping[str, str]) -> Iterator[Peer]:
    kept = read_kept()
    for peer in read_field():
        if peer.name in only or (not only and (again or kept.get(peer.name, {}).get("corpus") != hashes[peer.task])):
            yield peer


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the peers that were not measured on this corpus yet, or those asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection.peers", description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", default=[], help="this peer, measured or not; repeatable")
    parser.add_argument("--again", action="store_true", help="all of them, measured or not")
    options = parser.parse_args(arguments)
    corpus = {task: rows_for(task, read_rows()) for task in ("injection", "secrets")}
    hashes = {task: corpus_hash(rows) for task, rows in corpus.items()}
    for peer in _asked_for(options.only, options.again, hashes):
        try:
            measured = measure_peer(peer, corpus[peer.task])
        except (subprocess.CalledProcessError, RuntimeError) as error:
            print(f"{peer.name}: not measured: {error}", file=sys.stderr)
            continue
        keep(peer.name, {**measured, "corpus": hashes[peer.task]})
        print(f"{peer.name} {measured['version']}: {measured['flagged']['1:all']} {measured['flagged']['0:all']}")


if __name__ == "__main__":
    main()
