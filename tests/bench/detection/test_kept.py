"""Kept results: computed once, and only for the files they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.detection import kept
from bench.detection.corpus import Row
from bench.detection.kept import Keeper
from bench.detection.measuring import Scored

ROWS = [Row("one", 1, "a", "direct", "en"), Row("two", 0, "b", "benign", "en")]
SCORED = [Scored(ROWS[0], 7.5, True), Scored(ROWS[1], 0.0, False)]


def test_a_step_is_computed_once(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    assert keeper.scored("step", ROWS, lambda: SCORED) == SCORED
    again = keeper.scored("step", ROWS, lambda: pytest.fail("computed again"))
    assert again == SCORED
    assert all(one.row is row for one, row in zip(again, ROWS, strict=True))


def test_a_step_that_was_cut_off_is_computed_again(tmp_path: Path) -> None:
    def broken() -> list[Scored]:
        raise KeyboardInterrupt

    keeper = Keeper(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        keeper.scored("step", ROWS, broken)
    assert keeper.scored("step", ROWS, lambda: SCORED) == SCORED


def test_a_changed_rule_or_seed_is_another_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (*kept._SOURCES, "bench/detection"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name in kept._CODE:
        (tmp_path / "bench" / "detection" / f"{name}.py").write_text("code")
    corpus = tmp_path / "dev.jsonl"
    corpus.write_text("{}")
    rule = tmp_path / "policies" / "rules" / "injection" / "house.yaml"
    rule.write_text("one")
    monkeypatch.setattr(kept, "_ROOT", tmp_path)
    monkeypatch.setattr(kept, "CORPUS", corpus)
    states = [kept.state(1), kept.state(1), kept.state(2)]
    rule.write_text("two")
    states.append(kept.state(1))
    corpus.write_text("{ }")
    states.append(kept.state(1))
    assert states[0] == states[1]
    assert len(set(states)) == 4
