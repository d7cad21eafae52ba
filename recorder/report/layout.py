"""From a review to a page: figures, sections and tables, the same for every format."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from recorder.reading import UNSEALED, Provenance
from recorder.record import micros_of
from recorder.report.open_items import numbers_of, open_items
from recorder.report.page import Figure, Page, Table
from recorder.report.review import Review, Traffic

TOP: Final = 10
"""Rows of a table of names."""


def make_page(review: Review, made_at: str, *, genai: bool = False, data_changes: bool = False) -> Page:
    """The page of a review. made_at: RFC 3339 time of making it."""
    tables = [
        _refusals(review),
        _shadow(review),
        *_candidate(review),
        _traffic("Destinations", "destination", review.destinations),
        _traffic("Agents", "agent", review.agents),
        _approvals(review),
        *(_genai(review) if genai else ()),
        *((_data_changes(review),) if data_changes else ()),
        _policies(review),
        _events(review),
        _evidence(review),
    ]
    day = review.day or "all records"
    window = f"records {review.first_seq:,} to {review.last_seq:,}" if review.records else "no records"
    footer = (
        f"Made {made_at} from records, times in UTC. Everything is counted. It says what passed the proxy and what the "
        "recorder was told; traffic around the proxy is not in it."
    )
    return Page(
        f"Daily review {day}",
        f"{_origins(review)} - {window}",
        _figures(review),
        open_items(review),
        tuple(tables),
        footer,
    )


def _origins(review: Review) -> str:
    return ", ".join(dict.fromkeys(provenance.origin for provenance in review.evidence))


def _figures(review: Review) -> tuple[Figure, ...]:
    totals, unsafe = review.totals, review.proofs.get("error_passed")
    denied = sum(review.refusals.values())
    items = open_items(review)
    return (
        Figure("exchanges", f"{totals['exchanges']:,}"),
        Figure("writes", f"{totals['writes']:,}"),
        Figure("denied", f"{denied:,}", "warn" if denied else "plain"),
        Figure("would be denied", f"{totals['withheld']:,}", "warn" if totals["withheld"] else "plain"),
        Figure("failed", f"{totals['failed'] + totals['unknown']:,}", "warn" if totals["failed"] else "plain"),
        Figure("events lost", f"{review.lost:,}", "bad" if review.lost else "good"),
        Figure("errors passed", f"{unsafe.count if unsafe else 0:,}", "bad" if unsafe else "good"),
        Figure("to look at", f"{len(items)}", "bad" if any(item.tone == "bad" for item in items) else "plain"),
    )


def _refusals(review: Review) -> Table:
    rows = [(reason, rule, f"{count:,}") for (reason, rule), count in _ranked(review.refusals)]
    proof = review.proofs.get("denied")
    note = f"Records {numbers_of(proof)}." if proof else ""
    return Table("Denied, by reason", ("reason", "rule", "count"), tuple(rows), frozenset({2}), note)


def _shadow(review: Review) -> Table:
    rows = [(rule, f"{count:,}") for rule, count in _ranked(review.shadow)]
    proof = review.proofs.get("withheld")
    note = f"Records {numbers_of(proof)}." if proof else ""
    return Table("Would have been denied (shadow rules)", ("rule", "count"), tuple(rows), frozenset({1}), note)


def _candidate(review: Review) -> tuple[Table, ...]:
    """Only where a candidate ran and differed."""
    rows = tuple((rule, what, f"{count:,}") for (rule, what), count in _ranked(review.candidate))
    proof = review.proofs.get("candidate")
    note = f"Records {numbers_of(proof)}. `clyra shadow report` has the shares." if proof else ""
    columns = ("rule", "what was done", "count")
    return (Table("Decided otherwise by the candidate policy", columns, rows, frozenset({2}), note),) if rows else ()


def _traffic(title: str, column: str, store: Mapping[str, Traffic]) -> Table:
    ranked = sorted(store.items(), key=lambda item: (-item[1].calls, item[0]))
    rows = tuple(
        (name, f"{one.calls:,}", f"{one.denied:,}", f"{one.withheld:,}", f"{one.failed:,}")
        for name, one in ranked[:TOP]
    )
    columns = (column, "exchanges", "denied", "would be denied", "failed")
    note = f"{len(ranked) - TOP:,} more." if len(ranked) > TOP else ""
    return Table(title, columns, rows, frozenset({1, 2, 3, 4}), note)


def _approvals(review: Review) -> Table:
    order = ("requested", "escalated", "granted", "denied", "expired", "used")
    rows = tuple((name, f"{review.approvals[name]:,}") for name in order if review.approvals[name])
    return Table("Approvals", ("what", "count"), rows, frozenset({1}), _kept_time(review))


def _kept_time(review: Review) -> str:
    """How long people took, and whether that was in time; nothing where nobody decided."""
    waits = sorted(review.waits_ms)
    if not waits:
        return f"{review.overdue:,} ran out of time." if review.overdue else ""
    decided = review.approvals["granted"] + review.approvals["denied"]
    middle, late = (waits[math.ceil(share * len(waits)) - 1] / 1000 for share in (0.5, 0.95))
    share = 100 * decided / (decided + review.overdue)
    return f"Decided in {middle:,.1f} s (median), {late:,.1f} s (95 %); {share:.1f} % before their deadline."


def _genai(review: Review) -> tuple[Table, Table]:
    note = f"Tokens: {review.tokens['input']:,} in, {review.tokens['output']:,} out." if review.models else ""
    models = tuple((name, result, f"{count:,}") for (name, result), count in _ranked(review.models))
    tools = tuple((name, result, f"{count:,}") for (name, result), count in _ranked(review.tools))
    return (
        Table("Calls of models", ("model", "result", "count"), models, frozenset({2}), note),
        Table("Calls of tools", ("tool", "result", "count"), tools, frozenset({2})),
    )


def _data_changes(review: Review) -> Table:
    names = ("batches", "offered", "forwarded", "rejected", "quarantined", "deletes")
    kinds = frozenset((*names,))
    ranked = sorted(review.data_changes.items(), key=lambda item: (-item[1]["batches"], item[0]))[: TOP * 2]
    rows = tuple(
        (place, what, _kinds(counts, kinds), *(f"{counts[name]:,}" for name in names))
        for (place, what), counts in ranked
    )
    columns = ("destination", "object", "operations", *names)
    return Table("Changes of data", columns, rows, frozenset(range(3, 9)))


def _kinds(counts: Counter[str], without: frozenset[str]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()) if kind not in without)


def _policies(review: Review) -> Table:
    rows = tuple(
        (use.sha256[:16], f"{use.first_seq:,}", use.first_ts[:19], f"{use.decisions:,}", ", ".join(sorted(use.modes)))
        for use in sorted(review.policies.values(), key=lambda use: use.first_seq)
    )
    columns = ("policy sha256", "first record", "first seen", "decisions", "modes")
    return Table("Policies in force", columns, rows, frozenset({1, 3}))


def _events(review: Review) -> Table:
    rows = tuple((f"{event.seq:,}", event.ts[:19], event.kind, event.text) for event in review.events)
    more = review.events_total - len(rows)
    columns = ("record", "time", "kind", "what")
    return Table(
        "Gaps, clock, keys, halts, bypasses", columns, rows, frozenset({0}), f"{more:,} more." if more > 0 else ""
    )


def _evidence(review: Review) -> Table:
    rows = []
    for provenance in review.evidence:
        anchored = f"up to {provenance.anchored_end:,}" if provenance.anchored_end else "no"
        if provenance.verdict == UNSEALED and review.anchored_ts:
            anchored = f"up to {review.anchored_size:,}, {review.anchored_ts[:19]}"
        exposure = _exposure(review, provenance)
        shown = "all of it" if exposure is None else f"{exposure / 1_000_000:,.0f} s"
        window = f"[{provenance.start:,}, {provenance.end:,})"
        rows.append((provenance.bundle[7:23] or "log", window, provenance.verdict, provenance.first, anchored, shown))
    columns = ("bundle", "records", "verdict", "first code", "confirmed outside", "exposure")
    return Table("Evidence this was made from", columns, tuple(rows))


def _exposure(review: Review, provenance: Provenance) -> int | None:
    """Microseconds at the end that nothing outside confirms; of a log since its last anchor, None without one."""
    if provenance.verdict == UNSEALED:
        return micros_of(review.last_ts) - micros_of(review.anchored_ts) if review.anchored_ts else None
    found = provenance.report.get("exposure_us")
    return int(found) if provenance.anchored_end and found is not None else None


def _ranked[Key](counts: Counter[Key]) -> list[tuple[Key, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[: TOP * 2]
