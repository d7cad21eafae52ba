"""Peers: what is asked, what is counted, and that the page keeps to what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.detection import page_peers, peers
from bench.detection.corpus import Row
from bench.detection.measuring import Scored
from bench.detection.peering.adapters import ADAPTERS

ATTACK = Row("attack", 1, "one", "direct", "en")
BENIGN = Row("benign", 0, "two", "benign", "en")
HARD = Row("hard", 0, "three", "hard_negative", "en")
ROWS = [ATTACK, BENIGN, BENIGN, HARD]


def test_every_peer_of_the_field_can_be_asked() -> None:
    """A name without an adapter would fail only after its environment was built."""
    names = [peer.name for peer in peers.read_field()]
    assert names
    assert len(set(names)) == len(names)
    assert set(names) <= set(ADAPTERS)


def test_counts_are_of_what_was_answered() -> None:
    """An answer that failed counts as not flagged, and is told."""
    told = peers.summarise(ROWS, [[0.9, True, 1.0], [0.1, False, 1.0], [None, False, 1.0], [0.5, True, 1.0]])
    assert told["failed"] == 1
    assert told["flagged"]["1:all"] == [1, 1]
    assert told["flagged"]["0:all"] == [0, 2]
    assert told["flagged"]["0:hard_negative"] == [1, 1]
    assert told["at"]["0.001"]["recall"] == [1, 1]


def test_no_recall_is_shown_where_every_threshold_flags_too_much() -> None:
    """A detector that gives its highest score to benign text has no such threshold."""
    told = peers.summarise(ROWS, [[1.0, True, 1.0], [1.0, True, 1.0], [1.0, True, 1.0], [0.0, False, 1.0]])
    assert told["at"]["0.001"]["recall"] == [0, 1]


def test_detectors_of_secrets_get_made_up_secrets_and_the_benign_texts() -> None:
    """The attacks of the corpus hold none, so they are not asked about."""
    texts = peers.rows_for("secrets", ROWS)
    assert {row.kind for row in texts if row.label} == {"vendor", "generic", "encoded"}
    assert [row for row in texts if not row.label] == [BENIGN, BENIGN, HARD]
    assert peers.rows_for("injection", ROWS) == ROWS


def test_figures_of_another_corpus_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept counts stand on the page only beside the very texts they were taken from."""
    monkeypatch.setattr(peers, "KEPT", tmp_path / "peers.json")
    scored = [Scored(row, float(row.label), bool(row.label)) for row in ROWS]
    peer = peers.read_field()[0]
    told = {**peers.counts(scored), "version": "1.2.3", "ms": dict.fromkeys((1000, 10000, 100000), 1.0)}
    peers.keep(peer.name, {**told, "corpus": peers.corpus_hash(ROWS)})
    assert any(f"{peer.shown} 1.2.3" in line for line in page_peers.same_texts({"ours": scored}))
    peers.keep(peer.name, {**told, "corpus": "another"})
    assert not any("1.2.3" in line for line in page_peers.same_texts({"ours": scored}))


def test_an_adapter_answers_line_by_line_in_an_interpreter_of_its_own(tmp_path: Path) -> None:
    """The peer's prints do not get among the answers, and its exceptions do not end them."""
    (tmp_path / "turbocloak.py").write_text(
        "def injection_score(text):\n    print('noise')\n    return 1 / len(text)\n"
        "def is_jailbreak(text):\n    return True\n"
    )
    adapters = Path(peers.__file__).parent / "peering" / "adapters.py"
    done = subprocess.run(
        [sys.executable, str(adapters), "turbocloak"],
        input='"abcd"\n""\n',
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer[:2] for answer in answers] == [[0.25, True], [None, False]]
