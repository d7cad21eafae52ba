"""Tests of calls: the machine said what it is, consent and hours were kept, recording was announced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from recorder.attest.outcome import NOT_EVIDENCED, PASS, Outcome, Proof, judged
from recorder.attest.test import Evidence, Parameters, result_of
from recorder.export.entry import Entry


def call_of(entry: Entry) -> dict[str, Any]:
    """The facts of a call; those of the outcome over those of its intent. Empty when it is no call."""
    before = (entry.subject or {}).get("data", {}).get("voice") or {}
    return {**before, **(entry.record["data"].get("voice") or {})}


def was_placed(entry: Entry) -> bool:
    """Whether a call went on, and was not refused."""
    return entry.ends and result_of(entry) in ("completed", "failed")


class _CallTest:
    """A field of a call that must have one of some values where the call went on."""

    __slots__ = ("bad", "good", "stopped", "unknown")

    field_name: ClassVar[str]
    wanted: ClassVar[frozenset[str]]
    outbound_only: ClassVar[bool] = False

    def __init__(self) -> None:
        self.good, self.bad, self.unknown, self.stopped = Proof(), Proof(), Proof(), Proof()

    def feed(self, entry: Entry) -> None:
        call = call_of(entry)
        if not call or not entry.ends or (self.outbound_only and call.get("direction") != "outbound"):
            return
        if not was_placed(entry):
            self.stopped.add(entry.item.seq)
            return
        value = call.get(self.field_name, "unknown")
        chosen = self.good if value in self.wanted else self.unknown if value == "unknown" else self.bad
        chosen.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        names = ("met", "broken")
        found = judged(self.good, self.bad, self.unknown, names=names, more={"refused": self.stopped.count})
        if found.result == NOT_EVIDENCED and self.stopped.count and not self.unknown.count:
            return Outcome(PASS, found.counts, tuple(self.stopped.first), (), "every such call was refused")
        return found


class DisclosureShown(_CallTest):
    """People were told that they talk to a machine."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every person told that a machine is speaking?"
    field_name = "disclosure"
    wanted = frozenset({"given", "not_required"})


class ConsentKept(_CallTest):
    """Outbound calls went only to people who had consented."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Had everybody who was called consented?"
    field_name = "consent"
    wanted = frozenset({"written", "express"})
    outbound_only = True


class WrittenConsentKept(_CallTest):
    """Outbound calls went only to people who had consented in writing."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Had everybody who was called consented in writing?"
    field_name = "consent"
    wanted = frozenset({"written"})
    outbound_only = True


class DoNotCallKept(_CallTest):
    """Nobody on a do-not-call list was called."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every number checked against the do-not-call lists, and clear?"
    field_name = "do_not_call"
    wanted = frozenset({"clear", "exempt"})
    outbound_only = True


class RecordingAnnounced(_CallTest):
    """Where a call was recorded, people were told."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was recording announced wherever a call was recorded?"
    field_name = "recording"
    wanted = frozenset({"announced", "off"})


class CallerAttested(_CallTest):
    """Outbound calls carried a full caller-id attestation."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Did outbound calls carry full caller-id attestation?"
    field_name = "attestation"
    wanted = frozenset({"A"})
    outbound_only = True


class Hours(Parameters):
    """earliest, latest: local times of the person called, `HH:MM`; latest is not included."""

    earliest: str = Field("08:00", pattern=r"^[0-2][0-9]:[0-5][0-9]$")
    latest: str = Field("21:00", pattern=r"^[0-2][0-9]:[0-5][0-9]$")


@dataclass(slots=True)
class CallingHoursKept:
    """Outbound calls were placed in permitted hours, by the clock of the person called."""

    parameters: ClassVar[type[Parameters]] = Hours
    question: ClassVar[str] = "Was every outbound call placed in permitted hours?"
    limits: Hours = field(default_factory=Hours)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    unknown: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        call = call_of(entry)
        if call.get("direction") != "outbound" or not was_placed(entry):
            return
        time = call.get("local_time")
        if time is None:
            self.unknown.add(entry.item.seq)
        else:
            kept = self.limits.earliest <= time < self.limits.latest
            (self.good if kept else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, self.unknown, names=("in_hours", "out_of_hours"))


@dataclass(slots=True)
class RevocationKept:
    """Nobody who had taken consent back, or asked to be left alone, was called."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was nobody called who had taken consent back?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    opted_out: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        call = call_of(entry)
        if not call or not entry.ends:
            return
        if call.get("opt_out"):
            self.opted_out.add(entry.item.seq)
        if call.get("direction") == "outbound" and "consent" in call:
            revoked_and_called = call["consent"] == "revoked" and was_placed(entry)
            (self.bad if revoked_and_called else self.good).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(
            self.good, self.bad, names=("kept", "called_after_revocation"), more={"opt_outs": self.opted_out.count}
        )
