"""All inspectors look at one conversation: what they found, what they would edit, and which of them failed.

Guarantees: one inspector's failure never hides what another found; an exception becomes a failure with the name of
its type and nothing else (its text may quote a body). Runs in a scanning thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

from clyra_proxy.genai.inspection import Edit, Inspection, Inspector, Removal, Signal, TextEdit

MOST_SIGNALS = 256
"""Signals kept of one conversation; further ones are counted (`others` in the last)."""


@dataclass(slots=True)
class Report:
    """What was found. failures: (inspector, why). spent: nanoseconds by inspector. edits: bare ones."""

    signals: list[tuple[str, Signal]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)
    others: int = 0

    def take(self, inspector: str, found: object) -> None:
        """Keep one thing an inspector gave. Raises TypeError for what is neither a signal nor an edit."""
        if isinstance(found, Signal):
            if len(self.signals) < MOST_SIGNALS:
                self.signals.append((inspector, found))
            else:
                self.others += 1
        elif isinstance(found, TextEdit | Removal):
            self.edits.append(found)
        else:
            raise TypeError("an inspector returned something that is neither a signal nor an edit")


def inspect_all(inspectors: Sequence[Inspector], inspection: Inspection) -> Report:
    """Ask every inspector."""
    report = Report()
    for inspector in inspectors:
        started = perf_counter_ns()
        try:
            take_all(report, inspector.id, inspector.inspect(inspection))
        except Exception as error:  # noqa: BLE001 - every failure of an inspector has a declared outcome
            report.failures.append((inspector.id, type(error).__name__))
        spent = perf_counter_ns() - started
        report.spent[inspector.id] = report.spent.get(inspector.id, 0) + spent
    return report


def take_all(report: Report, inspector: str, found: Iterable[object]) -> None:
    """Keep everything `found` yields."""
    for one in found:
        report.take(inspector, one)
