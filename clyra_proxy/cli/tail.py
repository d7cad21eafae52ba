"""`clyra tail`: the verdicts as they are made, across log rotation."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption
from clyra_proxy.cli.output import print_json, wants_colour
from clyra_proxy.cli.verdict_filter import VerdictFilter, known_decisions, parse_since
from clyra_proxy.cli.verdict_text import one_line
from clyra_proxy.errors import CannotTellError
from clyra_proxy.home import Home
from clyra_proxy.telemetry.verdict_reader import VerdictReader

app = typer.Typer(add_completion=False)

_EPILOG = (
    "Examples:  clyra tail --decision block   |   clyra tail --agent 'crm-*' --since 2h --no-follow   |   "
    "clyra tail --json | jq .unmapped.clyra.reason"
)


@app.command(epilog=_EPILOG)
def tail(
    decision: Annotated[
        list[str] | None,
        typer.Option("--decision", "-d", help="allow, mark, block, error, would-block ... Repeatable."),
    ] = None,
    agent: Annotated[list[str] | None, typer.Option("--agent", "-a", help="Agent id or pattern. Repeatable.")] = None,
    host: Annotated[list[str] | None, typer.Option("--host", help="Destination host or pattern. Repeatable.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", "-r", help="Rule id or reason code, or pattern. Repeatable.")
    ] = None,
    candidate_differs: Annotated[
        bool, typer.Option("--candidate-differs", help="Only what the candidate policy decides otherwise.")
    ] = False,
    since: Annotated[str | None, typer.Option("--since", help="Age (15m, 2h, 1d) or ISO 8601 time.")] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Past lines to show first (all of them with --since).")
    ] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f/-F", help="Wait for new verdicts.")] = True,
    log: LogOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Show verdicts, one line each: time, decision, status, method, host and path, reason, agent, verdict id, ms."""
    path = log or Home.locate(home).verdict_log
    if not follow and not path.exists():
        raise CannotTellError(
            f"There is no verdict log at {path}.",
            "The proxy has not decided anything with this data folder.",
            "Start it with 'clyra proxy', or name the right folder with --home.",
        )
    wanted = VerdictFilter(
        known_decisions(decision or ()),
        frozenset(agent or ()),
        frozenset(host or ()),
        frozenset(rule or ()),
        parse_since(since) if since else 0,
        candidate_differs,
    )
    colour = wants_colour()
    for event in events(path, wanted, None if since else lines, follow):
        if as_json:
            print_json(event, indent=False)
        else:
            print(one_line(event, colour), flush=True)


def events(path: Path, wanted: VerdictFilter, past: int | None, follow: bool) -> Iterator[dict[str, Any]]:
    """The last `past` wanted events (None: all since `wanted.since_ms`), oldest first, then the new ones."""
    with VerdictReader(path) as reader:
        yield from _recent(reader, wanted, past)
        if not follow:
            return
        missed = 0
        for line in reader.follow(stop=lambda: False):
            if reader.missed > missed:
                missed = reader.missed
                print(
                    "clyra: the log was rotated away faster than it could be read: lines are missing",
                    file=sys.stderr,
                )
            event = reader.parse(line)
            if event is not None and wanted.takes(event):
                yield event


_SLACK_MS = 3_600_000
"""A line is written when its exchange ends but carries its start: look this much further back than `since`."""


def _recent(reader: VerdictReader, wanted: VerdictFilter, past: int | None) -> deque[dict[str, Any]]:
    found: deque[dict[str, Any]] = deque()
    for line in reader.backwards():
        if past is not None and len(found) >= past:
            break
        event = reader.parse(line)
        if event is None:
            continue
        if wanted.since_ms and int(event.get("time", 0)) < wanted.since_ms - _SLACK_MS:
            break
        if wanted.takes(event):
            found.appendleft(event)
    return found
