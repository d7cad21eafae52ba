"""Tests of the brakes: the kill switch was used or tried and held, bypasses ended, contradictions were settled."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field

from recorder.attest.outcome import PASS, Outcome, Proof, judged
from recorder.attest.test import EXCHANGES, Evidence, Parameters, result_of
from recorder.export.entry import Entry
from recorder.record import micros_of

_HOUR_US = 3_600_000_000


class HaltLimit(Parameters):
    """max_took_ms: how long a halt may take until it holds everywhere; 0: not looked at."""

    max_took_ms: int = Field(0, ge=0)


@dataclass(slots=True)
class HaltTested:
    """The kill switch was pulled or probed, and traffic came back."""

    parameters: ClassVar[type[Parameters]] = HaltLimit
    question: ClassVar[str] = "Was the kill switch exercised, in time, and released again?"
    limits: HaltLimit = field(default_factory=HaltLimit)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    resumed: int = 0
    _active: set[str] = field(default_factory=set)

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] != "pef.halt":
            return
        data = entry.record["data"]
        if data["change"] == "halt":
            slow = self.limits.max_took_ms and data.get("took_ms", 0) > self.limits.max_took_ms
            (self.bad if slow else self.good).add(entry.item.seq)
            self._active.add(data["halt"])
        elif data["change"] == "probe":
            self.good.add(entry.item.seq)
        elif data["change"] == "resume":
            self.resumed += 1
            self._active.discard(data["halt"])

    def outcome(self, evidence: Evidence) -> Outcome:
        more = {"resumed": self.resumed, "still_halted": len(self._active)}
        return judged(self.good, self.bad, names=("exercised", "too_slow"), more=more)


@dataclass(slots=True)
class HaltHeld:
    """While everything was halted, nothing that began then was let through."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Did nothing pass that began while everything was halted?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    _halts: set[str] = field(default_factory=set)
    _since: int = 0
    _refused: int = 0

    def feed(self, entry: Entry) -> None:
        typ, data = entry.record["typ"], entry.record["data"]
        if typ == "pef.halt" and data["scope"] == "global":
            if data["change"] == "halt":
                self._since = self._since if self._halts else entry.micros
                self._halts.add(data["halt"])
                self.good.add(entry.item.seq)
            elif data["change"] in ("resume", "override", "probe"):  # half open, what passes is a trial
                self._halts.discard(data["halt"])
        elif typ in EXCHANGES and self._halts:
            self._exchange(entry)

    def _exchange(self, entry: Entry) -> None:
        """What began after the halt must not have gone on; when a whole record began, its duration tells."""
        if result_of(entry) == "refused":
            self._refused += 1
        elif entry.phase == "intent" or (
            entry.phase == "whole" and entry.micros - (entry.duration_us or 0) >= self._since
        ):
            self.bad.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("halts", "passed_while_halted"), more={"refused": self._refused})


class BypassLimit(Parameters):
    """max_hours: the longest a bypass may be set for."""

    max_hours: int = Field(24, ge=1)


@dataclass(slots=True)
class BypassesBounded:
    """Every suspension of a check has a person, a reason, an end within a limit, and did end."""

    parameters: ClassVar[type[Parameters]] = BypassLimit
    question: ClassVar[str] = "Was every suspended check suspended by a person, for a reason, and for a bounded time?"
    limits: BypassLimit = field(default_factory=BypassLimit)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    records: int = 0
    _open: OrderedDict[str, tuple[int, str]] = field(default_factory=OrderedDict)
    _last_ts: str = ""

    def feed(self, entry: Entry) -> None:
        self.records += 1
        self._last_ts = max(self._last_ts, entry.record["ts"])
        if entry.record["typ"] != "pef.bypass":
            return
        data = entry.record["data"]
        if data["change"] in ("end", "expired"):
            self._open.pop(data["bypass"], None)
            return
        length = micros_of(data["until"]) - entry.micros
        named = bool(data.get("actor") or data.get("actor_c")) and bool(data["reason"].strip())
        (self.good if named and 0 < length <= self.limits.max_hours * _HOUR_US else self.bad).add(entry.item.seq)
        self._open[data["bypass"]] = (entry.item.seq, data["until"])

    def outcome(self, evidence: Evidence) -> Outcome:
        overdue = [seq for seq, until in self._open.values() if until < self._last_ts]
        for seq in overdue:
            self.bad.add(seq)
        more = {"records": self.records, "overdue": len(overdue), "still_open": len(self._open) - len(overdue)}
        if not self.good.count and not self.bad.count and self.records:
            return Outcome(PASS, {"bounded": 0, "unbounded": 0, **more}, note="no check was suspended")
        return judged(self.good, self.bad, names=("bounded", "unbounded"), more=more)


@dataclass(slots=True)
class ContradictionsSettled:
    """Contradictions found in a policy were resolved or accepted by somebody."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every contradiction found in a policy settled?"
    settled: Proof = field(default_factory=Proof)
    _open: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] != "pef.contradiction":
            return
        data = entry.record["data"]
        name = data.get("contradiction") or f"{data['policy_sha256']}/{'/'.join(data['rules'])}"
        if data["state"] == "open":
            self._open[name] = entry.item.seq
        elif self._open.pop(name, None) is not None or data["state"] in ("accepted", "resolved"):
            self.settled.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        unsettled = Proof()
        for seq in self._open.values():
            unsettled.add(seq)
        return judged(self.settled, unsettled, names=("settled", "open"))
