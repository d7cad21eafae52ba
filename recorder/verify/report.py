"""What a verification found: a DEF-JSON report that every verifier writes byte for byte alike, and words for people.

The report has no paths, times of run or host names. Details that help a person (byte offsets, explanations) are kept
beside it. The verdict is the worst of what was found: rejected, then indeterminate, then prefix, then verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from recorder import canonical
from recorder.verify.codes import stage_of

REPORT = "def-verify/0"
EXIT_CODES = {"verified": 0, "rejected": 1, "prefix": 3, "indeterminate": 4}
EXIT_UNREADABLE = 2
VERDICTS = ("verified", "prefix", "indeterminate", "rejected")
"""From the best to the worst."""
MAX_PLACES = 16
MAX_REPORT_BYTES = 1 << 24
APPROVALS = ("certificates", "consumed", "operator_asserted", "valid")
"""What the report counts about approvals."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a code applies. seq: record, -1 when it is not about one. detail: for people."""

    member: str = ""
    seq: int = -1
    detail: str = ""
    at: int | None = None


@dataclass(slots=True)
class Found:
    """One code: how often, and the first few places."""

    count: int = 0
    places: list[Place] = field(default_factory=list)


class Findings:
    """Codes with their places, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}

    def add(self, code: str, place: Place | None = None) -> None:
        stage_of(code)
        entry = self.found.setdefault(code, Found())
        entry.count += 1
        if len(entry.places) < MAX_PLACES:
            entry.places.append(place or Place())

    def absorb(self, other: Findings) -> None:
        """Take over what another pass found, after what is here."""
        for code, found in other.found.items():
            entry = self.found.setdefault(code, Found())
            entry.count += found.count
            entry.places.extend(found.places[: MAX_PLACES - len(entry.places)])

    def has(self, *prefixes: str) -> bool:
        return any(code.startswith(prefixes) for code in self.found)

    def has_error_before(self, stage: int) -> bool:
        """Whether an E_ code of an earlier stage was found."""
        return any(code.startswith("E_") and stage_of(code) < stage for code in self.found)


@dataclass(slots=True)
class Report:
    """Filled by the stages. anchored_end: the largest tree size that something outside confirms (0: none).

    records, signed, interval_s, timed: for the words only (records read, whether the statement's signature holds, the
    anchor interval the log promises, sizes with a time stamp of a trusted authority).
    """

    level: str = "L2"
    bundle: str = ""
    origin: str = ""
    start: int = 0
    end: int = 0
    end_root: str = ""
    anchored_end: int = 0
    anchored_at: str = ""
    exposure_us: int = 0
    witnesses: tuple[str, ...] = ()
    approvals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(APPROVALS, 0))
    erased: int = 0
    disclosed: int = 0
    records: int = 0
    signed: bool = False
    interval_s: int = 0
    anchored_by: tuple[str, ...] = ()
    findings: Findings = field(default_factory=Findings)
    skipped: set[str] = field(default_factory=set)

    @property
    def found(self) -> dict[str, Found]:
        return self.findings.found

    def add(self, code: str, place: Place | None = None) -> None:
        self.findings.add(code, place)

    def fail(self, code: str, member: str = "", detail: str = "", seq: int = -1) -> None:
        self.findings.add(code, Place(member, seq, detail))

    def has(self, *prefixes: str) -> bool:
        return self.findings.has(*prefixes)

    @property
    def verdict(self) -> str:
        return _verdict(self.findings)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def unanchored(self) -> int:
        """Records at the end that nothing outside confirms."""
        return max(0, self.end - max(self.anchored_end, self.start))

    def ordered(self, *prefixes: str) -> Iterator[tuple[str, Found]]:
        """Codes by stage, then lowest record, then name."""
        chosen = [item for item in self.found.items() if item[0].startswith(prefixes)]
        yield from sorted(chosen, key=lambda item: (stage_of(item[0]), item[1].places[0].seq, item[0]))

    def document(self) -> dict[str, Any]:
        """The report as a DEF-JSON value."""
        refusals = [_entry(*item) for item in self.ordered("E_", "I_", "P_")]
        found: dict[str, Any] = {
            "report": REPORT,
            "bundle": self.bundle,
            "origin": self.origin,
            "start": self.start,
            "end": self.end,
            "level": self.level,
            "verdict": self.verdict,
            "first": refusals[0]["code"] if refusals else "",
            "codes": refusals,
            "warnings": [_entry(*item) for item in self.ordered("W_")],
            "anchored_end": self.anchored_end,
            "unanchored": self.unanchored,
            "exposure_us": self.exposure_us,
            "witnesses": list(self.witnesses),
            "approvals": self.approvals,
            "erased": self.erased,
            "disclosed": self.disclosed,
            "skipped": sorted(self.skipped),
        }
        if self.anchored_at:
            found["anchored_at"] = self.anchored_at
        return found

    def to_bytes(self) -> bytes:
        return canonical.encode(self.document(), MAX_REPORT_BYTES)


def _verdict(findings: Findings) -> str:
    if findings.has("E_"):
        return "rejected"
    if findings.has("I_"):
        return "indeterminate"
    return "prefix" if findings.has("P_") else "verified"


def _entry(code: str, found: Found) -> dict[str, Any]:
    place = found.places[0]
    entry: dict[str, Any] = {"code": code, "count": found.count}
    if place.member:
        entry["member"] = place.member
    if place.seq >= 0:
        entry["seq"] = place.seq
    return entry


RECORD_REPORT = "def-record/0"


@dataclass(slots=True)
class RecordReport:
    """What checking one record with its proof found. seq: index in the tree; size: of the tree. -1, 0: not known."""

    origin: str = ""
    seq: int = 0
    size: int = 0
    findings: Findings = field(default_factory=Findings)

    def fail(self, code: str, detail: str = "") -> None:
        self.findings.add(code, Place(detail=detail))

    @property
    def verdict(self) -> str:
        return _verdict(self.findings)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    def document(self) -> dict[str, Any]:
        ordered = sorted(self.findings.found.items(), key=lambda item: (stage_of(item[0]), item[0]))
        refusals = [code for code, _ in ordered if not code.startswith("W_")]
        return {
            "report": RECORD_REPORT,
            "origin": self.origin,
            "seq": self.seq,
            "size": self.size,
            "verdict": self.verdict,
            "first": refusals[0] if refusals else "",
            "codes": [_entry(*item) for item in ordered],
        }

    def to_bytes(self) -> bytes:
        return canonical.encode(self.document(), MAX_REPORT_BYTES)
