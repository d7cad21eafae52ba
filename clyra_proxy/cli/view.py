"""`clyra view`: one HTML file that verifies a bundle in the browser and shows what is in it, without any network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.options import HomeOption
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder.layout import Layout
from recorder.verify.bundle import verify
from recorder.verify.explain import headline
from recorder.verify.options import Options
from recorder.view.carried import read_bundle
from recorder.view.page import make_page

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def view(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    output: Annotated[
        Path | None, typer.Option(help="Where the page goes.", show_default="beside the bundle, as .html")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="Trust file of the log.", show_default="this machine's own, if there is one")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint of the same log that reached you another way. Repeatable.")
    ] = None,
    anchor: Annotated[
        list[Path] | None, typer.Option(help="A root you fetched from where it is written down. Repeatable.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write one self-contained page that verifies a bundle and shows its records, approvals and anchors.

    The page works from a file, offline, in any current browser. A bundle that is rejected can be viewed too: the page
    says what is wrong and where.
    """
    own = Layout(Home.locate(home).root).trust
    trusted = _read(trust) if trust else (own.read_bytes() if own.exists() else None)
    checkpoints = tuple(_read(path) for path in checkpoint or ())
    anchors = tuple(_read(path) for path in anchor or ())
    page = make_page(_packed(bundle), bundle.name, trusted, checkpoints, anchors)
    target = output or bundle.with_name(f"{bundle.stem}.html")
    write_atomically(target, page, 0o644)
    report = verify(bundle, Options(trust=trusted, checkpoints=checkpoints, anchors=anchors))
    typer.echo(headline(report))
    typer.echo(f"  page  {target}  ({len(page) / 1e6:.1f} MB; open it in a browser)")


def _packed(bundle: Path) -> bytes:
    try:
        return read_bundle(bundle)
    except OSError as error:
        raise UsageError(f"Cannot read {bundle}: {error.strerror}.", "", "Check the path.") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", "", "Check the path.") from None
