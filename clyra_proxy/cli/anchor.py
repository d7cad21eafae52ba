"""`clyra anchor`: where the log's checkpoints are placed outside, and what came back.

Exit codes: 0 done, 1 failed (for `now`: a target was not reached or too few witnesses agreed).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from clyra_proxy.cli.anchor_add import app as add_app
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder.anchoring import fetching, settings, statements
from recorder.anchoring.placed import Tip
from recorder.anchoring.shelf import Shelf
from recorder.anchoring.vkeys import log_vkeys
from recorder.anchoring.warehouse import TABLE
from recorder.errors import SocketError
from recorder.layout import Layout
from recorder.local import get_status, request_anchor

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Place checkpoints outside, and look after them.")
app.add_typer(add_app, name="add")


@app.command("list")
def list_targets(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the log's verifier keys, the targets, and how far each one is."""
    layout = Layout(Home.locate(home).root)
    document = _listing(layout)
    if as_json:
        print_json(document)
        return
    for vkey in document["vkeys"]:
        typer.echo(f"log  {vkey}")
    chosen = settings.load(layout.anchors)
    typer.echo(f"every {chosen.interval_s} s or {chosen.records} records, {chosen.need} witnesses needed")
    for target in document["targets"]:
        typer.echo(_line(target))
    if not document["targets"]:
        typer.echo("No targets. Add one: clyra anchor add --help")


@app.command()
def now(home: HomeOption = None, as_json: JsonOption = False) -> int:
    """Anchor the newest checkpoint at every target, through the running recorder."""
    with _waiting("anchoring"):
        found = request_anchor(Layout(Home.locate(home).root).socket)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"Size {found['size']} placed at: {', '.join(found['placed']) or 'nowhere'}")
        for failure in found["failures"]:
            typer.echo(f"  {'ALARM' if failure['alarm'] else 'failed'}  {failure['name']}: {failure['error']}")
        if found["need"]:
            typer.echo(f"  {found['cosigned']} of {found['need']} needed witnesses cosigned")
    return 0 if not found["failures"] and found["cosigned"] >= found["need"] else 1


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the target.")], home: HomeOption = None) -> None:
    """Stop anchoring at one target. What it said before stays."""
    layout = Layout(Home.locate(home).root)
    known = settings.load(layout.anchors)
    left = tuple(target for target in known.targets if target.name != name)
    if len(left) == len(known.targets):
        names = ", ".join(target.name for target in known.targets) or "none"
        raise UsageError(f"There is no target '{name}'.", f"Configured are: {names}.")
    settings.save(layout.anchors, known.model_copy(update={"targets": left}))
    typer.echo(f"Removed {name}.")


@app.command("set")
def set_schedule(
    home: HomeOption = None,
    interval: Annotated[int | None, typer.Option(min=1, help="Seconds between rounds.")] = None,
    records: Annotated[int | None, typer.Option(min=1, help="New records that start a round early.")] = None,
    need: Annotated[int | None, typer.Option(min=0, help="Witnesses that must agree for a size to count.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds a target may take.")] = None,
) -> None:
    """Change how often checkpoints are anchored, and how many witnesses are needed."""
    layout = Layout(Home.locate(home).root)
    changes: dict[str, Any] = {"interval_s": interval, "records": records, "need": need, "timeout_s": timeout}
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        raise UsageError("Nothing to change.", "", "Give --interval, --records, --need or --timeout.")
    settings.save(layout.anchors, settings.load(layout.anchors).model_copy(update=given))


@app.command()
def fetch(
    source: Annotated[
        str,
        typer.Argument(
            help="git:PATH, s3://BUCKET/PREFIX, folder:PATH, a PostgreSQL connection URL, or row:FILE (a row as JSON)."
        ),
    ],
    origin: Annotated[str, typer.Option(help="Name of the log.")],
    size: Annotated[int | None, typer.Option(min=1, help="The size to fetch (default: the newest).")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write (default: standard output).")] = None,
    branch: Annotated[str, typer.Option(help="Git: branch.")] = "clyra-anchors",
    remote: Annotated[str, typer.Option(help="Git: fetch from this remote first.")] = "",
    endpoint: Annotated[str, typer.Option(help="Object store: address, where it is not AWS.")] = "",
    region: Annotated[str, typer.Option(help="Object store: region.")] = "",
    table: Annotated[str, typer.Option(help="Warehouse: table.")] = TABLE,
    location: Annotated[str, typer.Option(help="row: where the row was read, e.g. snowflake:account/db.table.")] = "",
) -> None:
    """Fetch an anchor yourself, as the file that 'clyra verify --anchor' takes.

    It proves what the way it came proves: fetch it from a place that the log's operator cannot rewrite.
    """
    place = fetching.Place(source, branch, remote, endpoint, region, table, location)
    receipt = fetching.fetch(place, origin, size).to_bytes() + b"\n"
    if out is None:
        sys.stdout.buffer.write(receipt)
    else:
        out.write_bytes(receipt)
        typer.echo(f"Wrote {out}. Verify with: clyra verify BUNDLE --anchor {out}")


@app.command()
def sql(
    dialect: Annotated[str, typer.Argument(help="postgres, snowflake or bigquery.")],
    home: HomeOption = None,
    table: Annotated[str, typer.Option(help="Table name.")] = TABLE,
    role: Annotated[str, typer.Option(help="Role that the recorder connects with.")] = "clyra_recorder",
    insert: Annotated[bool, typer.Option("--insert", help="The statement that places the newest checkpoint.")] = False,
    select: Annotated[bool, typer.Option("--select", help="The statement that fetches the newest row.")] = False,
) -> None:
    """Print SQL for the anchor table: by default what its owner runs once to create it."""
    if insert or select:
        tip = Tip.of(get_status(Layout(Home.locate(home).root).socket)["checkpoint"].encode())
        one = statements.insert(dialect, table, tip) if insert else statements.select(dialect, table, tip.origin)
        typer.echo(one, nl=False)
        return
    typer.echo(statements.create(dialect, table, role), nl=False)


def _listing(layout: Layout) -> dict[str, Any]:
    """Settings, the shelf's memory and what the running recorder says, as one document."""
    try:
        running: dict[str, Any] = get_status(layout.socket).get("anchors", {})
    except SocketError:
        running = {}
    shelf = Shelf.reading(layout.anchor_shelf)
    chosen = settings.load(layout.anchors)
    targets = []
    for target in chosen.targets:
        known = shelf.target(target.name) if shelf else None
        told = json.loads(target.model_dump_json(exclude_defaults=False))
        state = {"size": known.size, "at": known.at, "error": known.error, "alarm": known.alarm} if known else {}
        targets.append({**told, "state": state})
    return {
        "vkeys": [str(vkey) for vkey in log_vkeys(layout)],
        "interval_s": chosen.interval_s,
        "records": chosen.records,
        "need": chosen.need,
        "targets": targets,
        "running": bool(running.get("running")),
        "error": running.get("error", ""),
    }


def _line(target: dict[str, Any]) -> str:
    state = target["state"]
    where = target.get("url") or target.get("path") or target.get("dsn_env") or target.get("dsn_file") or ""
    if not state or not (state["size"] or state["error"]):
        reached = "nothing placed yet"
    elif state["error"]:
        reached = f"{'ALARM' if state['alarm'] else 'failing'} since size {state['size']}: {state['error']}"
    else:
        when = datetime.fromtimestamp(state["at"], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        reached = f"size {state['size']} at {when}"
    return f"  {target['name']:<16} {target['kind']:<10} {where}  {reached}"


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield
