"""Threats counted from records: by agent, technique and time, and what followed from what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clyra_proxy.genai.threats import analysis as subject
from clyra_proxy.genai.threats.analysis import MAX_NAMES, OTHERS, Analysis, bursts
from clyra_proxy.genai.threats.report import as_document, as_lines
from recorder.export.entry import Entry

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Recorded:
    """Stands where `recorder.reading.Item` does; only the record is looked at."""

    record: dict[str, Any]


def exchange(
    seq: int,
    *rules: str,
    agent: str = "a",
    run: str = "r",
    seconds: float = 0,
    mode: str = "enforce",
    action: str = "block",
    host: str = "https://api.example:443",
) -> Entry:
    at = START + timedelta(seconds=seconds)
    stopped = bool(rules) and mode == "enforce" and action == "block"
    found = [{"rule": rule, "action": action, "mode": mode} for rule in rules]
    record = {
        "seq": seq,
        "ts": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "agent": {"uid": agent, "instance_uid": run},
        "act": {"host": host},
        "verdict": {"decision": "deny" if stopped else "allow"},
        "data": {"phase": "whole", "exchange": str(seq), "findings": found},
    }
    return Entry(Recorded(record), record)  # type: ignore[arg-type]


def analyse(records: Iterable[Entry]) -> Analysis:
    made = Analysis()
    for record in records:
        made.add(record)
    return made


def test_only_findings_with_a_taxonomy_are_threats() -> None:
    made = analyse([exchange(1), exchange(2, "schema.violation"), exchange(3, "injection.direct", "schema.violation")])
    assert (made.exchanges, made.threats.exchanges, made.threats.stopped) == (3, 1, 1)
    assert set(made.rules) == {"injection.direct"}
    assert set(made.techniques) == {"AML.T0051.000"}
    assert set(made.risks) == {"LLM01:v1.1", "LLM01:2025"}
    assert made.agents["a"].calls == 3


@pytest.mark.parametrize(
    ("mode", "action", "stopped", "shadow"),
    [("enforce", "block", 1, 0), ("shadow", "block", 0, 1), ("enforce", "mark", 0, 0), ("shadow", "allow", 0, 0)],
)
def test_stopped_and_shadow_are_told_apart(mode: str, action: str, stopped: int, shadow: int) -> None:
    made = analyse([exchange(1, "leak.secret", mode=mode, action=action)])
    assert (made.threats.stopped, made.threats.shadow) == (stopped, shadow)


def test_a_sequence_is_a_threat_that_got_through_and_what_came_after_it() -> None:
    shadowed = {"mode": "shadow"}
    made = analyse(
        [
            exchange(1, "injection.indirect", seconds=0, **shadowed),
            exchange(2, seconds=1),
            exchange(3, "leak.secret", seconds=30),
            exchange(4, "leak.secret", seconds=40, run="another"),
            exchange(5, "leak.secret", seconds=50, agent="b"),
            exchange(6, "leak.secret", seconds=5000),
        ]
    )
    (one,) = made.sequences
    assert (one.first.seq, one.then.seq, one.rules) == (1, 3, ("injection.indirect", "leak.secret"))
    assert made.sequences_total == 1


def test_what_was_stopped_leads_to_nothing() -> None:
    assert analyse([exchange(1, "injection.indirect"), exchange(2, "leak.secret", seconds=5)]).sequences == []


def test_a_burst_is_an_hour_far_above_the_others() -> None:
    calm = [exchange(hour, "injection.direct", seconds=3600 * hour) for hour in range(10)]
    storm = [exchange(100 + number, "injection.direct", seconds=3600 * 5 + number) for number in range(20)]
    ((start, count, median),) = bursts(analyse([*calm, *storm]))
    assert (count, median) == (21, 1.0)
    assert datetime.fromtimestamp(start / 1e6, UTC) == START + timedelta(hours=5)
    assert not list(bursts(analyse(calm)))


def test_hostile_names_cannot_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_NAMES", 10)
    made = analyse([exchange(n, "leak.pii", agent=f"agent-{n}", host=f"https://h{n}.example:1") for n in range(50)])
    assert len(made.agents) <= 11
    assert made.agents[OTHERS].exchanges == 40
    assert len(made.destinations) <= 11
    assert MAX_NAMES >= 1000


def test_the_report_has_everything_and_the_lines_too() -> None:
    made = analyse([exchange(1, "injection.indirect", mode="shadow"), exchange(2, "leak.secret", seconds=9)])
    document = as_document(made)
    assert document["threats"] == {
        "exchanges": 2,
        "stopped": 1,
        "shadow": 1,
        "first": "2026-03-01T08:00:00Z",
        "last": "2026-03-01T08:00:09Z",
    }
    assert document["by_technique"][0]["name"]
    assert document["sequences"][0]["records"] == [1, 2]
    text = "\n".join(as_lines(made))
    assert "injection.indirect -> leak.secret after 9 s, stopped" in text
    assert "0 of 0 exchanges" in "\n".join(as_lines(analyse([])))
