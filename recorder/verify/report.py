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
MAX_PLACES = 16


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


@dataclass(slots=True)
class Report:
    """Filled by the stages. anchored_end: the largest tree size that something outside confirms (0: none)."""

    bundle: str = ""
    origin: str = ""
    start: int = 0
    end: int = 0
    anchored_end: int = 0
    records: int = 0
    found: dict[str, Found] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    signed: bool = False

    def add(self, code: str, place: Place | None = None) -> None:
        stage_of(code)
        entry = self.found.setdefault(code, Found())
        entry.count += 1
        if len(entry.places) < MAX_PLACES:
            entry.places.append(place or Place())

    def has(self, *prefixes: str) -> bool:
        return any(code.startswith(prefixes) for code in self.found)

    @property
    def verdict(self) -> str:
        if self.has("E_"):
            return "rejected"
        if self.has("I_"):
            return "indeterminate"
        return "prefix" if self.has("P_") else "verified"

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
            "level": "L2",
            "verdict": self.verdict,
            "first": refusals[0]["code"] if refusals else "",
            "codes": refusals,
            "warnings": [_entry(*item) for item in self.ordered("W_")],
            "anchored_end": self.anchored_end,
            "unanchored": self.unanchored,
            "witnesses": [],
            "approvals": {},
            "erased": 0,
            "disclosed": 0,
            "skipped": sorted(self.skipped),
        }
        return found

    def to_bytes(self) -> bytes:
        return canonical.encode(self.document())


def _entry(code: str, found: Found) -> dict[str, Any]:
    place = found.places[0]
    entry: dict[str, Any] = {"code": code, "count": found.count}
    if place.member:
        entry["member"] = place.member
    if place.seq >= 0:
        entry["seq"] = place.seq
    return entry
