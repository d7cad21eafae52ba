"""`clyra seal`, `verify` and `verify-record`: evidence out of the log, and checked again by anyone.

Exit codes of verify follow the evidence format: 0 verified, 1 rejected, 2 cannot be read, 3 prefix (sound, but nothing
outside confirms its end), 4 indeterminate (trust material is missing).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
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
from recorder.verify import command
from recorder.verify.explain import explain as explain_lines
from recorder.verify.explain import explain_record, exposure, headline
from recorder.verify.options import Options
from recorder.verify.options import Progress as Tell
from recorder.verify.record_proof import verify_record as check_record
from recorder.verify.report import EXIT_UNREADABLE, Report

app = typer.Typer(no_args_is_help=True, add_completion=False)


class Level(StrEnum):
    """How much is checked."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


class Profile(StrEnum):
    """What beyond the core is checked."""

    core = "core"
    time = "time"


TrustOption = Annotated[
    Path | None, typer.Option(help="Trust file of the log.", show_default="this machine's own, if there is one")
]
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
    bundle: Annotated[
        list[Path], typer.Argument(help="evidence.zip, or a folder with its members. Several are one row.")
    ],
    home: HomeOption = None,
    trust: TrustOption = None,
    trust_from: Annotated[
        Path | None,
        typer.Option(help="The trust file you had before; the new one must be signed by enough of its roots."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of the same log that reached you another way. Repeatable.")
    ] = None,
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A root you fetched from where it is written down. Repeatable.")
    ] = None,
    memory: Annotated[
        Path | None, typer.Option(help="What was verified before: finds dropped bundles, rollbacks and split views.")
    ] = None,
    older: Annotated[
        bool, typer.Option("--older", help="Accept a bundle older than what is known of the log.")
    ] = False,
    attestation: Annotated[
        list[Path] | None, typer.Option(help="A signed statement about the bundle. Repeatable.")
    ] = None,
    level: Annotated[Level, typer.Option(help="L0 tree and signatures, L1 all bytes, L2 everything.")] = Level.L2,
    profile: Annotated[Profile, typer.Option(help="'time' also checks RFC 3161 time stamps.")] = Profile.core,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say in words what is proven, what is not, and where.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Verify evidence bundles, offline.

    Exit codes: 0 verified, 1 rejected, 2 unreadable, 3 intact but its end is not anchored, 4 cannot tell.
    """
    trust_path, own = _trust_path(home, trust)
    try:
        options = Options(
            trust=trust_path.read_bytes() if trust_path else None,
            trust_from=trust_from.read_bytes() if trust_from else None,
            checkpoints=command.read_all(checkpoint),
            anchors=command.read_all(anchor),
            attestations=command.read_all(attestation),
            older=older,
            level=level.value,
            profile=profile.value,
        )
    except OSError as error:
        print_error(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.", "Check the path.")
        return EXIT_UNREADABLE

    def shown(path: Path, report: Report) -> None:
        if json:
            sys.stdout.buffer.write(report.to_bytes() + b"\n")
            return
        if len(bundle) > 1:
            typer.echo(f"{path}:")
        _print_report(report, explain=explain)

    with _progress(shown=not json) as progress:
        options = replace(options, progress=progress)
        code = command.verify_all(bundle, options, memory, shown, lambda what, why: print_error(what, why, ""))
    if trust_path == own and not json:
        typer.echo(f"Trust: {own} (this machine's own; an outsider needs a copy he got by a way he trusts)")
    return code


@app.command("verify-record")
def verify_record(
    proof: Annotated[Path, typer.Argument(help="A .tlog-proof file, as 'clyra evidence prove' writes it.")],
    home: HomeOption = None,
    trust: TrustOption = None,
    json: JsonOption = False,
) -> int:
    """Verify that one record is in a log, offline, with nothing but its proof and the trust file.

    Exit codes: 0 verified, 1 rejected, 2 unreadable, 4 cannot tell.
    """
    trust_path, _ = _trust_path(home, trust)
    try:
        report = check_record(proof.read_bytes(), trust_path.read_bytes() if trust_path else None)
    except OSError as error:
        print_error(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.", "Check the path.")
        return EXIT_UNREADABLE
    if json:
        sys.stdout.buffer.write(report.to_bytes() + b"\n")
        return report.exit_code
    lines = list(explain_record(report))
    typer.echo(painted(lines[0], _COLOURS[report.verdict], wants_colour()))
    typer.echo("\n".join(lines[1:]))
    return report.exit_code


def _trust_path(home: Path | None, chosen: Path | None) -> tuple[Path | None, Path]:
    """(trust file to use, this machine's own)."""
    own = Layout(Home.locate(home).root).trust
    return chosen or (own if own.is_file() else None), own


def _print_report(report: Report, *, explain: bool) -> None:
    lines = list(explain_lines(report)) if explain else [headline(report)]
    typer.echo(painted(lines[0], _COLOURS[report.verdict], wants_colour()))
    for line in lines[1:]:
        typer.echo(line)
    if explain:
        return
    if report.end and report.anchored_end < report.end and report.verdict != "rejected":
        typer.echo(exposure(report))
    first = report.document()["first"]
    hint = f" ({first})" if first else ""
    typer.echo(f"Verdict: {report.verdict}{hint}. Add --explain for what that means.")


@contextmanager
def _progress(*, shown: bool) -> Iterator[Tell | None]:
    """A progress bar on a terminal, for bundles large enough to wait for."""
    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Without a thread of its own: the verifier may fork a helper, and only a process of one thread can do that safely.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, refresh=True)
