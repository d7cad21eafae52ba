"""What the commands that read evidence have in common: which bundle or log, checked how, with a bar for long ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clyra_proxy.errors import UsageError
from recorder import reading
from recorder.errors import RecorderError
from recorder.layout import Layout

BundleArgument = Annotated[
    Path | None,
    typer.Argument(help="evidence.zip, or a folder with its members.", show_default="this machine's own log"),
]
TrustOption = Annotated[
    Path | None, typer.Option(help="Trust file of the log.", show_default="this machine's own, if there is one")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Read a bundle that is rejected; what is made from it says so.")
]


@contextmanager
def opened(
    bundle: Path | None,
    layout: Layout,
    trust: Path | None,
    *,
    start: int | None = None,
    end: int | None = None,
    force: bool = False,
) -> Iterator[tuple[reading.Evidence, reading.Progress | None]]:
    """Checked evidence and a progress bar to feed (None when nobody watches). Raises RecorderError, UsageError."""
    if bundle is not None and (start is not None or end is not None):
        raise UsageError("--start and --end choose records of a log.", "A bundle is one window already.")
    with _bar() as progress:
        evidence = _open(bundle, layout, trust, start, end, force, progress)
        try:
            yield evidence, progress
        finally:
            evidence.close()


def open_bundle(
    bundle: Path, layout: Layout, trust: Path | None, *, force: bool = False, progress: reading.Progress | None = None
) -> reading.BundleEvidence:
    """Verify and open a bundle, with this machine's own trust file when none is named. Raises RecorderError."""
    own = layout.trust
    trust_path = trust or (own if own.is_file() else None)
    try:
        trusted = trust_path.read_bytes() if trust_path else None
        return reading.open_bundle(bundle, trusted, force=force, progress=progress)
    except OSError as error:
        raise RecorderError(
            f"Cannot read {error.filename}.", f"The system says: {error.strerror}.", "Check the path."
        ) from None


def _open(
    bundle: Path | None,
    layout: Layout,
    trust: Path | None,
    start: int | None,
    end: int | None,
    force: bool,
    progress: reading.Progress | None,
) -> reading.Evidence:
    if bundle is None:
        return reading.open_log(layout, start or 0, end)
    return open_bundle(bundle, layout, trust, force=force, progress=progress)


@contextmanager
def _bar() -> Iterator[reading.Progress | None]:
    """A bar on a terminal; it disappears when the work is done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
