"""`clyra evidence attach`: anchors that came after sealing, added to a bundle.

Exit codes: 0 written, 1 failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.options import HomeOption
from clyra_proxy.home import Home
from recorder.anchoring.attach import attach as attach_anchors
from recorder.anchoring.attach import consistency_from
from recorder.anchoring.shelf import Shelf
from recorder.layout import Layout


def attach(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    out: Annotated[Path, typer.Option(help="The new evidence.zip.")],
    home: HomeOption = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A cosigned checkpoint, time stamp response or receipt. Repeatable."),
    ] = None,
    consistent_with: Annotated[
        int | None,
        typer.Option(min=1, help="Also prove that the bundle's end continues the log as it was at this size."),
    ] = None,
) -> None:
    """Add anchors that came after sealing to a bundle: a new file with the same statement and digest."""
    layout = Layout(Home.locate(home).root)
    prove = consistency_from(layout.database, consistent_with) if consistent_with else None
    changed = attach_anchors(bundle, out, Shelf.reading(layout.anchor_shelf), file or [], prove)
    typer.echo(f"Wrote {out} with {len(changed)} new or longer members{':' if changed else '.'}")
    for name in changed:
        typer.echo(f"  {name}")
