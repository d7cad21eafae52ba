"""A bar for work that is worth waiting for, on a terminal only; it disappears when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

type Tell = Callable[[int, int], None]
"""Called with (records done, records expected) now and then."""


@contextmanager
def records_bar(doing: str) -> Iterator[Tell | None]:
    """What to tell the progress to; None when nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
