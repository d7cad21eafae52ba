"""`clyra seal` and `clyra verify`: evidence out of the log, and checked again by anyone.

Exit codes of verify follow the evidence format: 0 verified, 1 rejected, 2 cannot be read, 3 prefix (sound, but nothing
outside confirms its end), 4 indeterminate (trust material is missing).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_error, print_json, wants_colour
from clyra_proxy.home import Home
from recorder.errors import SocketError
from recorder.layout import Layout
from recorder.local import request_seal
from recorder.seal import seal_offline
from recorder.verify import bundle as bundles
from recorder.verify.explain import explain as explain_lines
from recorder.verify.explain import headline
from recorder.verify.report import EXIT_UNREADABLE

app = typer.Typer(no_args_is_help=True, add_completion=False)

_COLOURS = {"verified": "green", "prefix": "green", "rejected": "red", "indeterminate": "yellow"}


@app.command()
def seal(
    home: HomeOption = None,
    start: Annotated[
        int | None, typer.Option(min=0, help="First record (default: where the last bundle ended).")
    ] = None,
    end: Annotated[int | None, typer.Option(min=1, help="One past the last record (default: the newest).")] = None,
    json: JsonOption = False,
) -> None:
    """Seal the evidence since the last bundle into an evidence.zip, through the recorder or, if none runs, directly."""
    layout = Layout(Home.locate(home).root)
    try:
        sealed = request_seal(layout.socket, start, end)
    except SocketError:
        sealed = seal_offline(layout, start, end).document()
    if json:
        print_json(sealed)
        return
    typer.echo(f"Sealed records {sealed['start']} to {int(str(sealed['end'])) - 1} of {sealed['origin']}.")
    typer.echo(f"  bundle  {sealed['path']}")
    typer.echo(f"  digest  {sealed['digest']}")
    typer.echo(f"  verify  clyra verify {sealed['path']} --trust {layout.trust}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    home: HomeOption = None,
    trust: Annotated[
        Path | None, typer.Option(help="Trust file of the log.", show_default="this machine's own, if there is one")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A checkpoint of the same log that reached you another way.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say in words what is proven, what is not, and where.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Verify an evidence bundle, offline.

    Exit codes: 0 verified, 1 rejected, 2 unreadable, 3 intact but its end is not anchored, 4 cannot tell.
    """
    own = Layout(Home.locate(home).root).trust
    trust_path = trust or (own if own.is_file() else None)
    try:
        trusted = trust_path.read_bytes() if trust_path else None
        outside = checkpoint.read_bytes() if checkpoint else None
        with _progress(shown=not json) as progress:
            report = bundles.verify_bundle(bundle, trusted, outside, progress)
    except OSError as error:
        print_error(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.", "Check the path.")
        return EXIT_UNREADABLE
    if json:
        sys.stdout.buffer.write(report.to_bytes() + b"\n")
        return report.exit_code
    lines = list(explain_lines(report)) if explain else [headline(report)]
    typer.echo(painted(lines[0], _COLOURS[report.verdict], wants_colour()))
    for line in lines[1:]:
        typer.echo(line)
    if not explain:
        first = report.document()["first"]
        hint = f" ({first})" if first else ""
        typer.echo(f"Verdict: {report.verdict}{hint}. Add --explain for what that means.")
    if trust_path is own:
        typer.echo(f"Trust: {own} (this machine's own; an outsider needs a copy he got by a way he trusts)")
    return report.exit_code


@contextmanager
def _progress(*, shown: bool) -> Iterator[bundles.Progress | None]:
    """A progress bar on a terminal, for bundles large enough to wait for."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
