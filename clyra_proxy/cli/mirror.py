"""`clyra mirror`: what mirrors did, and where their answers differ from the real ones.

Exit codes: 0 told, 2 there is no log, 64 usage.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.verdict_filter import parse_since
from clyra_proxy.errors import CannotTellError
from clyra_proxy.home import Home
from clyra_proxy.telemetry.verdict_reader import VerdictReader

app = typer.Typer(name="mirror", no_args_is_help=True, help="What mirrors did, and how their answers differed.")

_EPILOG = "Examples:  clyra mirror report --since 24h   |   clyra mirror report --target staging --json"
_COLUMNS = ("target", "route", "mirrored", "suppressed", "dropped", "failed", "same", "different", "interval")


@app.callback()
def _group() -> None:
    """What mirrors did, and how their answers differed."""


@app.command(epilog=_EPILOG)
def report(
    since: Annotated[str | None, typer.Option("--since", help="Age (15m, 2h, 7d) or ISO 8601 time.")] = None,
    target: Annotated[str, typer.Option("--target", help="Only this target of the policy.")] = "",
    confidence: Annotated[float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    log: Annotated[Path | None, typer.Option("--log", help="Another mirror log.", dir_okay=False)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say per target and route what was mirrored, suppressed and dropped, how many answers were the same or different
    (with an interval), where they differ most, and what was taken for noise."""
    path = log or Home.locate(home).mirror_log
    if not path.exists():
        raise CannotTellError(
            f"There is no mirror log at {path}.",
            "Nothing has been mirrored from this data folder.",
            "Set `enforcement.mirror.targets` in the policy, or name another folder with --home.",
        )
    from clyra_proxy.enforcement.mirror.report import report as tell

    since_ms = parse_since(since) if since else 0
    told = tell(lambda: _lines(path, since_ms), confidence)
    if target:
        told["routes"] = [one for one in told["routes"] if one["target"] == target]
    if as_json:
        print_json(told)
    else:
        _print(told)


def _lines(path: Path, since_ms: int) -> Iterator[dict[str, Any]]:
    """Whole lines since a time, newest first. A line that is none of ours is left out."""
    with VerdictReader(path) as reader:
        for raw in reader.backwards():
            line = reader.parse(raw)
            if line is None:
                continue
            if int(line.get("time", 0)) < since_ms:
                return
            yield line


def _print(told: dict[str, Any]) -> None:
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for one in told["routes"]:
        interval = f"{one['share_low']:.1%}..{one['share_high']:.1%}" if one["compared"] else "-"
        table.add_row(one["target"], one["route"], *(str(one[name]) for name in _COLUMNS[2:-1]), interval)
    console = Console(width=200, highlight=False, markup=False)
    console.print(table if told["routes"] else "Nothing was mirrored.")
    for one in told["routes"]:
        for found in one["differences"]:
            typer.echo(
                f"  {one['route']}: {found['at']} {found['kind']} in {found['pairs']} of {one['compared']} pairs"
            )
        for found in one["noise"]:
            typer.echo(f"  {one['route']}: {found['at']} noise ({found['why']}) in {found['pairs']} pairs")
    if told["lines_lost"]:
        typer.echo(f"{told['lines_lost']} lines of the log were lost.")
