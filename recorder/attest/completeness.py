"""Tests of the evidence itself: verified, anchored, complete, in order, kept long enough."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from pydantic import Field

from recorder.attest.outcome import FAIL, NOT_EVIDENCED, PASS, Outcome, Proof, judged
from recorder.attest.test import EXCHANGES, Evidence, Parameters, is_write, result_of
from recorder.export.entry import MAX_OPEN, Entry
from recorder.record import micros_of


@dataclass(slots=True)
class EvidenceVerified:
    """Signatures, tree and every record checked by the verifier."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Does the bundle verify, with its signatures, under the trust file that was given?"
    seen: int = 0

    def feed(self, entry: Entry) -> None:
        self.seen += 1

    def outcome(self, evidence: Evidence) -> Outcome:
        verdict = evidence.provenance.verdict
        result = PASS if verdict in ("verified", "prefix") else FAIL if verdict == "rejected" else NOT_EVIDENCED
        note = f"verdict {verdict}" + (f", {evidence.provenance.first}" if evidence.provenance.first else "")
        return Outcome(
            result, {"records": self.seen}, (evidence.provenance.start, evidence.provenance.end - 1), (), note
        )


class AnchorLimit(Parameters):
    """max_unanchored: records at the end that nothing outside confirms."""

    max_unanchored: int = Field(0, ge=0)


@dataclass(slots=True)
class EndAnchored:
    """The end of the evidence is confirmed by something outside the log's operator."""

    parameters: ClassVar[type[Parameters]] = AnchorLimit
    question: ClassVar[str] = "Does something outside confirm the history up to its end?"
    limits: AnchorLimit = field(default_factory=AnchorLimit)

    def feed(self, entry: Entry) -> None:
        """Nothing to see in a record."""

    def outcome(self, evidence: Evidence) -> Outcome:
        provenance = evidence.provenance
        unanchored = provenance.end - max(provenance.anchored_end, provenance.start)
        result = PASS if provenance.anchored_end and unanchored <= self.limits.max_unanchored else NOT_EVIDENCED
        return Outcome(result, {"anchored_end": provenance.anchored_end, "unanchored": unanchored})


@dataclass(slots=True)
class WritesRecordedAhead:
    """Every write that went out has a durable intent before it and an outcome after it."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every write recorded before it left, and again when it ended?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    refused: Proof = field(default_factory=Proof)
    _open: OrderedDict[str, int] = field(default_factory=OrderedDict)
    before_window: int = 0

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] not in EXCHANGES:
            return
        if entry.phase == "outcome" and entry.subject is None:
            self.before_window += 1
        elif is_write(entry):
            self._write(entry)

    def _write(self, entry: Entry) -> None:
        exchange, seq = str(entry.record["data"]["exchange"]), entry.item.seq
        if entry.phase == "intent":
            self._open[exchange] = seq
            if len(self._open) > MAX_OPEN:
                self.bad.add(self._open.popitem(last=False)[1])
        elif entry.phase == "outcome":
            self._open.pop(exchange, None)
            (self.bad if result_of(entry) == "unknown" else self.good).add(seq)
        elif result_of(entry) == "refused":
            self.refused.add(seq)  # it never left, so there was nothing to record ahead
        else:
            self.bad.add(seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        more = {"refused": self.refused.count, "still_open": len(self._open), "before_window": self.before_window}
        found = judged(self.good, self.bad, names=("answered", "unanswered_or_not_ahead"), more=more)
        if found.result == NOT_EVIDENCED and self.refused.count:
            return Outcome(PASS, found.counts, tuple(self.refused.first), (), "every write was refused before it left")
        return found


class LossLimit(Parameters):
    """max_lost: events that may be missing, declared."""

    max_lost: int = Field(0, ge=0)


@dataclass(slots=True)
class NothingLost:
    """The sources' own counters are without holes; holes that there are were declared by the recorder."""

    parameters: ClassVar[type[Parameters]] = LossLimit
    question: ClassVar[str] = "Did every event that a source numbered reach the log?"
    limits: LossLimit = field(default_factory=LossLimit)
    lost: int = 0
    gaps: Proof = field(default_factory=Proof)
    undeclared: Proof = field(default_factory=Proof)
    records: int = 0
    _counters: dict[str, int] = field(default_factory=dict)

    def feed(self, entry: Entry) -> None:
        src, data = entry.record["src"], entry.record["data"]
        known = self._counters.get(src["id"])
        if known is not None and src["seq"] != known + 1:
            self.undeclared.add(entry.item.seq)
        self._counters[src["id"]] = src["seq"]
        if entry.record["typ"] == "sys.gap":
            self.gaps.add(entry.item.seq)
            self.lost += data["count"]
            self._counters[data["source"]] = data["last"]
        self.records += 1

    def outcome(self, evidence: Evidence) -> Outcome:
        counts = {"records": self.records, "sources": len(self._counters), "lost": self.lost, "gaps": self.gaps.count}
        counts["undeclared"] = self.undeclared.count
        failed = self.undeclared.count or self.lost > self.limits.max_lost
        failures = (*self.undeclared.first, *self.gaps.first) if failed else ()
        return Outcome(FAIL if failed else PASS, counts, tuple(self.gaps.first) if not failed else (), failures)


class ClockLimit(Parameters):
    """max_step_s: the largest declared step of the wall clock that is acceptable, seconds."""

    max_step_s: int = Field(2, ge=0)


@dataclass(slots=True)
class ClockSteady:
    """The recorder's wall clock was not moved by more than a limit."""

    parameters: ClassVar[type[Parameters]] = ClockLimit
    question: ClassVar[str] = "Did the clock that time-stamps records run steadily?"
    limits: ClockLimit = field(default_factory=ClockLimit)
    small: Proof = field(default_factory=Proof)
    large: Proof = field(default_factory=Proof)
    records: int = 0

    def feed(self, entry: Entry) -> None:
        self.records += 1
        if entry.record["typ"] == "sys.clock":
            data = entry.record["data"]
            step = abs(micros_of(data["new"]) - micros_of(data["old"]))
            (self.large if step > self.limits.max_step_s * 1_000_000 else self.small).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        counts = {
            "records": self.records,
            "steps": self.small.count + self.large.count,
            "large_steps": self.large.count,
        }
        failures = tuple(self.large.first)
        return Outcome(FAIL if failures else PASS, counts, tuple(self.small.first), failures)


@dataclass(slots=True)
class TracesComplete:
    """Every exchange carries a W3C trace context, so that it can be tied to what caused it."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Can every exchange be traced?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        opaque = (entry.subject or entry.record)["data"].get("opaque", False)
        if entry.record["typ"] in EXCHANGES and not opaque:
            (self.good if "trace" in entry.record else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("traced", "untraced"))


@dataclass(slots=True)
class BodiesCommitted:
    """Bodies are not in the records; each one that passed is committed to, so that it can be shown to be the same."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Does every body that ended have a salted commitment instead of a copy?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] not in EXCHANGES or not entry.ends or result_of(entry) != "completed":
            return
        for flow in (entry.record.get("io") or {}).values():
            if flow["len"]:
                (self.good if "c" in flow else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("committed", "not_committed"))


class Retention(Parameters):
    """years, months: how long the evidence must be kept from its last record on."""

    years: int = Field(0, ge=0)
    months: int = Field(0, ge=0, le=11)


@dataclass(slots=True)
class RetentionSet:
    """The signed statement says that the bundle is to be kept at least so long."""

    parameters: ClassVar[type[Parameters]] = Retention
    question: ClassVar[str] = "Does the signed statement set a retention that is long enough?"
    limits: Retention = field(default_factory=Retention)

    def feed(self, entry: Entry) -> None:
        """Nothing to see in a record."""

    def outcome(self, evidence: Evidence) -> Outcome:
        until, period = evidence.statement.get("retain_until"), evidence.statement.get("period")
        if not until or not period:
            return Outcome(NOT_EVIDENCED, {}, note="no signed statement")
        last = datetime.strptime(period["to"][:10], "%Y-%m-%d").date()
        needed = _later(last, self.limits.years, self.limits.months)
        kept = date.fromisoformat(until)
        note = f"kept until {kept}, needed until {needed}"
        return Outcome(PASS if kept >= needed else FAIL, {"days": (kept - last).days}, note=note)


def _later(day: date, years: int, months: int) -> date:
    """The same day years and months on; the last day of a month that is too short for it."""
    month = day.month - 1 + months
    year, month = day.year + years + month // 12, month % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
