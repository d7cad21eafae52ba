"""`clyra evidence`: small pieces of evidence for somebody who does not need a whole bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli import retention
from clyra_proxy.cli.attach import attach
from clyra_proxy.cli.options import HomeOption
from clyra_proxy.cli.output import print_error
from clyra_proxy.home import Home
from recorder.layout import Layout
from recorder.proof import connect as connect_bundle
from recorder.proof import prove as proof_of

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def evidence() -> None:
    """Small pieces of evidence."""


app.command()(attach)


@app.command()
def prove(
    seq: Annotated[int, typer.Option(min=0, help="Number of the record.")],
    home: HomeOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write.", show_default="record-N.tlog-proof")
    ] = None,
) -> int:
    """Write one record with the proof that it is in this machine's log: one small file, checked offline."""
    raw = proof_of(Layout(Home.locate(home).root), seq)
    path = out or Path(f"record-{seq}.tlog-proof")
    try:
        path.write_bytes(raw)
    except OSError as error:
        print_error(f"Cannot write {path}.", f"The system says: {error.strerror}.", "Choose another file with --out.")
        return 1
    typer.echo(f"Wrote {path} ({len(raw)} bytes): the record as it was recorded, and its place in the log.")
    typer.echo(f"  verify  clyra verify-record {path} --trust trust.json")
    return 0


@app.command()
def connect(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    size: Annotated[int, typer.Option("--from", min=1, help="Size of the tree that was seen before.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Copy of the bundle to write.")],
    home: HomeOption = None,
) -> int:
    """Copy a bundle and add the proof that it continues an earlier tree, for one who kept that checkpoint."""
    connect_bundle(Layout(Home.locate(home).root), bundle, size, out)
    typer.echo(f"Wrote {out}: it proves that its history continues the one of {size} records.")
    typer.echo(f"  verify  clyra verify {out} --trust trust.json --checkpoint THE_ONE_YOU_KEPT")
    return 0


retention.add_to(app)
