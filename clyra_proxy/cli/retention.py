"""`clyra evidence prune | hold | release | holds`: what may go after its time, and what must stay beyond it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.progress import records_bar
from clyra_proxy.errors import EvidenceError, UsageError
from clyra_proxy.home import Home
from recorder import approval
from recorder.approval_store import ApprovalStore
from recorder.layout import Layout
from recorder.retention import Holds, digest_of
from recorder.retention import prune as prune_bundle

BundleArgument = Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")]


def prune(
    bundle: BundleArgument,
    home: HomeOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Where what stays goes.", show_default="in place of the bundle")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Take the records out of a bundle whose retention is over; its place in the history stays proven."""
    layout = Layout(Home.locate(home).root)
    if not yes and out is None:
        if json:
            raise UsageError("Pruning cannot be undone, so it asks first.", "", "Add --yes.")
        typer.confirm(f"The records in {bundle} will be gone for good. Go on?", abort=True)
    with _files(), records_bar("verifying") as tell:
        trusted = layout.trust.read_bytes() if layout.trust.is_file() else None
        pruned = prune_bundle(bundle, Holds(layout.holds), trusted, datetime.now(UTC).date(), out, tell)
        if out is None:
            _discard(layout, pruned.left_out)
    if json:
        told = {"path": str(pruned.path), "digest": pruned.digest, "left_out": list(pruned.left_out)}
        print_json({**told, "start": pruned.start, "end": pruned.end, "retain_until": pruned.retain_until})
        return
    typer.echo(f"Records {pruned.start} to {pruned.end - 1} are gone; they had to be kept until {pruned.retain_until}.")
    typer.echo(f"  stays   {pruned.path}")
    typer.echo("Statement, checkpoints and leaf hashes still prove that nothing else ever stood there.")


def _discard(layout: Layout, left_out: tuple[str, ...]) -> None:
    """The recorder's own copies of the certificates that went with the records."""
    kept = ApprovalStore(layout.approvals)
    for name in left_out:
        if name.startswith(approval.FOLDER):
            kept.discard(name.removeprefix(approval.FOLDER).removesuffix(approval.SUFFIX))


def hold(
    bundle: BundleArgument,
    reason: Annotated[str, typer.Option(help="Why it must be kept: the matter, the order.")],
    home: HomeOption = None,
) -> None:
    """Put a legal hold on a bundle: it cannot be pruned, whatever its date says."""
    with _files():
        placed = Holds(Layout(Home.locate(home).root).holds).place(digest_of(bundle), reason, getpass.getuser())
    typer.echo(f"{placed.bundle} is held since {placed.since}: {placed.reason}")


def release(bundle: BundleArgument, home: HomeOption = None) -> None:
    """Lift the legal hold on a bundle."""
    with _files():
        digest = digest_of(bundle)
        Holds(Layout(Home.locate(home).root).holds).release(digest)
    typer.echo(f"{digest} is no longer held.")


def holds(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the legal holds of this data folder."""
    found = list(Holds(Layout(Home.locate(home).root).holds).every())
    if json:
        print_json([one.document() for one in found])
        return
    for one in found:
        typer.echo(f"{one.bundle}  {one.since}  {one.by}  {one.reason}")
    if not found:
        typer.echo("There is no legal hold.")


def add_to(app: typer.Typer) -> None:
    """Make these commands part of a group."""
    for command in (prune, hold, release, holds):
        app.command()(command)


@contextmanager
def _files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EvidenceError(f"Cannot use {error.filename}.", f"The system says: {error.strerror}.") from None
