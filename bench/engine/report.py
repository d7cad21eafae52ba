"""Collecting rounds and printing them: medians with their range, and each row's ratio to its baseline."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(slots=True)
class Series:
    """The rounds of one measured quantity."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, digits: int = 0) -> str:
        return f"{self.median:,.{digits}f} ({min(self.values):,.{digits}f}-{max(self.values):,.{digits}f})"


class Report:
    """Rows by group and name, in the order they were first measured."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Series]] = defaultdict(dict)
        self.notes: dict[str, str] = {}

    def add(self, group: str, name: str, value: float) -> None:
        self.groups[group].setdefault(name, Series()).values.append(value)

    def median(self, group: str, name: str) -> float:
        return self.groups[group][name].median

    def ratio(self, group: str, name: str, baseline: str) -> float:
        return self.median(group, name) / self.median(group, baseline)

    def show(self, console: Console, group: str, unit: str, baseline: str, digits: int = 0) -> None:
        rows = self.groups.get(group)
        if not rows:
            return
        table = Table(title=group, title_justify="left", caption=self.notes.get(group), caption_justify="left")
        table.add_column("")
        table.add_column(f"{unit}: median (min-max)", justify="right")
        table.add_column(f"ratio to {baseline}", justify="right")
        for name, series in rows.items():
            share = f"{series.median / rows[baseline].median:.2f}" if baseline in rows else ""
            table.add_row(name, series.text(digits), share)
        console.print(table)
