"""An analysis of threats as JSON for programs and as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from clyra_proxy.genai.threats.analysis import HOUR_US, AgentTally, Analysis, Tally, TechniqueTally, bursts
from clyra_proxy.verdict.taxonomy import name_of, techniques

_BARS = "▁▂▃▄▅▆▇█"
_MOST_COLUMNS = 72
_SHOWN = 15


def as_document(analysis: Analysis) -> dict[str, Any]:
    """Everything, most frequent first; times as RFC 3339."""
    return {
        "records": analysis.records,
        "exchanges": analysis.exchanges,
        "threats": _tally(analysis.threats),
        "over_time": [
            {"from": _time(start), "threats": dict(rules.most_common())}
            for start, rules in sorted(analysis.hours.items())
        ],
        "bursts": [
            {"from": _time(start), "threats": count, "median_of_hours": median}
            for start, count, median in bursts(analysis)
        ],
        "by_agent": [
            {"agent": name, **_tally(row), "calls": row.calls, **_agent(row)}
            for name, row in _sorted(analysis.agents)
            if row.exchanges
        ],
        "by_technique": [_label(name, row) for name, row in _sorted(analysis.techniques)],
        "by_risk": [_label(name, row) for name, row in _sorted(analysis.risks)],
        "by_rule": [{"rule": name, **_tally(row)} for name, row in _sorted(analysis.rules)],
        "by_destination": [{"destination": name, **_tally(row)} for name, row in _sorted(analysis.destinations)],
        "sequences": [_sequence(one) for one in analysis.sequences],
        "sequences_total": analysis.sequences_total,
    }


def _tally(row: Tally) -> dict[str, Any]:
    return {
        "exchanges": row.exchanges,
        "stopped": row.stopped,
        "shadow": row.shadow,
        "first": _time(row.first),
        "last": _time(row.last),
    }


def _agent(row: AgentTally) -> dict[str, Any]:
    return {
        "rules": dict(row.rules.most_common()),
        "techniques": dict(row.techniques.most_common()),
        "destinations": dict(row.destinations.most_common(_SHOWN)),
    }


def _label(name: str, row: TechniqueTally) -> dict[str, Any]:
    technique = techniques().get(name)
    more = {"tactics": list(technique.tactics)} if technique is not None else {}
    agents = dict(row.agents.most_common(_SHOWN))
    return {"id": name, "name": name_of(name), **more, **_tally(row), "agents": agents, "rules": dict(row.rules)}


def _sequence(one: Any) -> dict[str, Any]:
    return {
        "agent": one.agent,
        "run": one.run,
        "rules": list(one.rules),
        "records": [one.first.seq, one.then.seq],
        "from": _time(one.first.micros),
        "seconds": round((one.then.micros - one.first.micros) / 1e6, 3),
        "stopped": one.then.stopped,
    }


def _sorted[T: Tally](table: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(table.items(), key=lambda item: (-item[1].exchanges, item[0]))


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if micros else ""


def as_lines(analysis: Analysis) -> Iterator[str]:
    """The same for a terminal: counts, a curve over time, then tables."""
    threats = analysis.threats
    yield (
        f"{threats.exchanges:,} of {analysis.exchanges:,} exchanges carried a threat: {threats.stopped:,} stopped, "
        f"{threats.shadow:,} seen in shadow mode only."
    )
    if not threats.exchanges:
        return
    yield f"From {_time(threats.first)} to {_time(threats.last)}."
    yield from _curve(analysis)
    agents = [(name, row, f"of {row.calls:,} calls; {_top(row.rules)}") for name, row in _rows(analysis.agents)]
    yield from _table("by agent", agents)
    for title, table in (("by technique", analysis.techniques), ("by risk", analysis.risks)):
        rows = [(f"{name} {name_of(name)}", row, _top(row.agents)) for name, row in _rows(table)]
        yield from _table(title, rows)
    yield from _table("by destination", [(name, row, "") for name, row in _rows(analysis.destinations)])
    yield from _sequences(analysis)


def _sequences(analysis: Analysis) -> Iterator[str]:
    if analysis.sequences:
        yield ""
        yield f"sequences: {analysis.sequences_total}; a threat reached a run that then did what it may have asked for"
        for one in analysis.sequences[:_SHOWN]:
            seconds = (one.then.micros - one.first.micros) / 1e6
            end = "stopped" if one.then.stopped else "not stopped"
            yield (
                f"  {_time(one.first.micros)}  {one.agent} {one.run}  {one.rules[0]} -> {one.rules[1]} after "
                f"{seconds:.0f} s, {end} (records #{one.first.seq}, #{one.then.seq})"
            )


def _rows[T: Tally](table: Mapping[str, T]) -> list[tuple[str, T]]:
    return [(name, row) for name, row in _sorted(table) if row.exchanges][:_SHOWN]


def _curve(analysis: Analysis) -> Iterator[str]:
    """Threats per column of equal width, as bars."""
    first, last = min(analysis.hours), max(analysis.hours)
    hours = (last - first) // HOUR_US + 1
    width = -(-hours // _MOST_COLUMNS)
    columns = [0] * -(-hours // width)
    for start, rules in analysis.hours.items():
        columns[(start - first) // HOUR_US // width] += sum(rules.values())
    most = max(columns)
    bars = "".join(" " if not count else _BARS[(count * len(_BARS) - 1) // most] for count in columns)
    yield ""
    yield f"over time, {width} h a column, most {most}: |{bars}|"
    for start, count, median in bursts(analysis):
        yield f"  burst: {count} findings in the hour from {_time(start)}; the median hour had {median:g}"


def _table(title: str, rows: Iterable[tuple[str, Tally, str]]) -> Iterator[str]:
    yield ""
    yield f"{title:<58}{'exchanges':>10}{'stopped':>9}{'shadow':>8}"
    for name, row, note in rows:
        yield f"  {name[:55]:<56}{row.exchanges:>10,}{row.stopped:>9,}{row.shadow:>8,}  {note}".rstrip()


def _top(counts: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(3))
