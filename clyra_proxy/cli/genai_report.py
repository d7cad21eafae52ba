"""`clyra genai report`: what enforcing each GenAI rule would have done, from the verdict log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.verdict_filter import VerdictFilter, parse_since
from clyra_proxy.errors import CannotTellError
from clyra_proxy.genai.impact import Impact
from clyra_proxy.home import Home
from clyra_proxy.telemetry.verdict_reader import VerdictReader

EPILOG = "Examples:  clyra genai report --since 7d   |   clyra genai report --rule 'injection.*' --json"


def genai_report(
    since: Annotated[str | None, typer.Option("--since", help="Age (15m, 2h, 7d) or ISO 8601 time.")] = None,
    agent: Annotated[list[str] | None, typer.Option("--agent", "-a", help="Agent id or pattern. Repeatable.")] = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", "-r", help="Only these rules. Repeatable.")] = None,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say per rule how many exchanges enforcing would have stopped or changed, whose, and give verdicts to look at."""
    path = log or Home.locate(home).verdict_log
    if not path.exists():
        raise CannotTellError(
            f"There is no verdict log at {path}.",
            "The proxy has not decided anything with this data folder.",
            "Start it with 'clyra proxy', or name the right folder with --home.",
        )
    wanted = VerdictFilter(agents=frozenset(agent or ()), since_ms=parse_since(since) if since else 0)
    told = _gathered(path, wanted).told()
    if rule:
        chosen = VerdictFilter(rules=frozenset(rule))
        told["rules"] = {name: tally for name, tally in told["rules"].items() if chosen.takes(_as_event(name))}
    if as_json:
        print_json(told)
        return
    for line in _lines(told):
        typer.echo(line)


def _gathered(path: Path, wanted: VerdictFilter) -> Impact:
    impact = Impact()
    with VerdictReader(path) as reader:
        for line in reader.backwards():
            event = reader.parse(line)
            if event is None or "verdict" not in event.get("unmapped", {}).get("clyra", {}):
                continue
            if wanted.since_ms and int(event.get("time", 0)) < wanted.since_ms - _LONGEST_MS:
                break
            if wanted.takes(event):
                impact.take(event)
    return impact


_LONGEST_MS = 86_400_000
"""A line is written when its exchange ends and carries the time it began: how much earlier that may be."""


def _as_event(rule: str) -> dict[str, Any]:
    return {"unmapped": {"clyra": {"rule": rule, "agent": "-"}}}


def _lines(told: dict[str, Any]) -> list[str]:
    judged = told["judged"]
    if not judged:
        return ["No exchange was looked at by the GenAI checks in this time."]
    total = told["total"]
    lines = [
        f"{judged} exchanges looked at, {_day(told['first_ms'])} to {_day(told['last_ms'])}.",
        f"Enforcing everything would have stopped {_share(total)} and changed {total['would_change']}.",
        "",
    ]
    for rule, tally in told["rules"].items():
        lines += _rule_lines(rule, tally)
    if told["truncated"]:
        lines.append(f"{told['truncated']} lines had more findings than are written; their counts are lower bounds.")
    return lines


def _rule_lines(rule: str, tally: dict[str, Any]) -> list[str]:
    extras = [
        f"{tally['would_change']} changed" if tally["would_change"] else "",
        f"{tally['suppressed']} covered by exceptions" if tally["suppressed"] else "",
        f"{tally['enforced_already']} enforced already" if tally["enforced_already"] else "",
    ]
    lines = [
        f"{rule}: found in {tally['exchanges']}, would stop {_share(tally)}",
        *(f"  {one}" for one in extras if one),
    ]
    lines += [
        f"  {word}: " + ", ".join(f"{name or '-'} {count}" for name, count in tally[word].items())
        for word in ("agents", "routes", "patterns")
        if tally[word]
    ]
    if tally["samples"]:
        lines.append("  look at: " + "  ".join(f"clyra explain {sample}" for sample in tally["samples"][:2]))
    return [*lines, ""]


def _share(tally: dict[str, Any]) -> str:
    return f"{tally['would_stop']} ({tally['share']:.2%}; 95 %: {tally['share_low']:.2%} to {tally['share_high']:.2%})"


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")
