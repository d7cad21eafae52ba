"""What the commands that read evidence have in common: which bundle or log, checked how, with a bar for long ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clyra_proxy.errors import UsageError
from recorder import reading
from recorder.errors import RecorderError
from recorder.layout import Layout
from recorder.verify.options import Options

BundleArgument = Annotated[
    Path | None,
    typer.Argument(help="evidence.zip, or a folder with its members.", show_default="this machine's own log"),
]
TrustOption = Annotated[
    Path | None, typer.Option(help="Trust file of the log.", show_default="this machine's own, if there is one")
]
CheckpointOption = Annotated[
    list[Path] | None, typer.Option("--checkpoint", help="A checkpoint of the same log that reached you another way.")
]
AnchorOption = Annotated[
    list[Path] | None, typer.Option("--anchor", help="An anchor file that reached you another way.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Read a bundle that is rejected; what is made from it says so.")
]


@dataclass(frozen=True, slots=True)
class Outside:
    """Files that reached the caller another way and confirm a bundle's history."""

    checkpoints: Sequence[Path] = ()
    anchors: Sequence[Path] = ()


NOTHING_OUTSIDE = Outside()


@contextmanager
def opened(
    bundle: Path | None,
    layout: Layout,
    trust: Path | None,
    *,
    start: int | None = None,
    end: int | None = None,
    outside: Outside = NOTHING_OUTSIDE,
    force: bool = False,
) -> Iterator[tuple[reading.Evidence, reading.Progress | None]]:
    """Checked evidence and a progress bar to feed (None when nobody watches). Raises RecorderError, UsageError."""
    if bundle is not None and (start is not None or end is not None):
        raise UsageError("--start and --end choose records of a log.", "A bundle is one window already.")
    with _bar() as progress:
        if bundle is None:
            evidence: reading.Evidence = reading.open_log(layout, start or 0, end)
        else:
            evidence = _open_bundle(bundle, layout, trust, outside, force, progress)
        try:
            yield evidence, progress
        finally:
            evidence.close()


def _open_bundle(
    bundle: Path, layout: Layout, trust: Path | None, outside: Outside, force: bool, progress: reading.Progress | None
) -> reading.BundleEvidence:
    """Verify and open a bundle, with this machine's own trust file when none is named. Raises RecorderError."""
    own = layout.trust
    trust_path = trust or (own if own.is_file() else None)
    try:
        options = Options(
            trust=trust_path.read_bytes() if trust_path else None,
            checkpoints=tuple(path.read_bytes() for path in outside.checkpoints),
            anchors=tuple(path.read_bytes() for path in outside.anchors),
            progress=progress,
        )
        return reading.open_verified(bundle, options, force=force)
    except OSError as error:
        raise RecorderError(
            f"Cannot read {error.filename}.", f"The system says: {error.strerror}.", "Check the path."
        ) from None


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
