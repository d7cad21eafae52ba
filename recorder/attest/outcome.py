"""What a test found: pass, fail or not-evidenced, with counts, and record numbers as proof.

Nothing passes for lack of cases: a test that found nothing to judge says `not-evidenced`, unless the absence itself is
what it looks for and it had records to look through. Proof lists are bounded; counts are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PASS: Final = "pass"  # noqa: S105 - a result, not a secret
FAIL: Final = "fail"
NOT_EVIDENCED: Final = "not-evidenced"
MAX_PROOF: Final = 16


@dataclass(slots=True)
class Proof:
    """Record numbers: how many, and the first few."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, seq: int) -> None:
        self.count += 1
        if len(self.first) < MAX_PROOF:
            self.first.append(seq)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one test. counts: what was counted, by name. records: that support it; failures: that break it."""

    result: str
    counts: dict[str, int]
    records: tuple[int, ...] = ()
    failures: tuple[int, ...] = ()
    note: str = ""

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"result": self.result, "counts": dict(sorted(self.counts.items()))}
        found["records"] = list(self.records)
        found["failures"] = list(self.failures)
        if self.note:
            found["note"] = self.note
        return found


def judged(
    good: Proof,
    bad: Proof,
    unknown: Proof | None = None,
    *,
    names: tuple[str, str] = ("good", "bad"),
    more: Mapping[str, int] | None = None,
    note: str = "",
) -> Outcome:
    """Fail when anything is bad; not-evidenced when nothing could be judged, or something could not; else pass.

    names: of the counts of `good` and `bad`. more: further counts.
    """
    unclear = unknown or Proof()
    counts = {names[0]: good.count, names[1]: bad.count, **(more or {})}
    if unknown is not None:
        counts["not_told"] = unclear.count
    if bad.count:
        return Outcome(FAIL, counts, tuple(good.first), tuple(bad.first), note)
    if unclear.count or not good.count:
        return Outcome(NOT_EVIDENCED, counts, tuple(good.first), tuple(unclear.first), note)
    return Outcome(PASS, counts, tuple(good.first), (), note)


def overall(results: list[str]) -> str:
    """The result of a control: fail before not-evidenced before pass."""
    for result in (FAIL, NOT_EVIDENCED):
        if result in results:
            return result
    return PASS
