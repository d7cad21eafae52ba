"""`clyra shadow`: what rules in shadow and the candidate policy would have done, and what people say of it.

Exit codes: 0 told or kept, 1 something is wrong with a file, 2 there is no log or no such verdict, 64 usage.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from clyra_proxy.cli.allow import current_user
from clyra_proxy.cli.explain import find_event
from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.shadow_log import evidence_line, gather
from clyra_proxy.cli.verdict_filter import VerdictFilter, parse_since
from clyra_proxy.errors import CannotTellError, UsageError
from clyra_proxy.home import Home
from clyra_proxy.shadow.evidence import hand_over, review_data
from clyra_proxy.shadow.gate import CANDIDATE
from clyra_proxy.shadow.ledger import ANY_RULE, Review, add_review, read_reviews
from clyra_proxy.shadow.report import ShadowReport

app = typer.Typer(name="shadow", no_args_is_help=True, help="What shadow rules and the candidate would have done.")

_EPILOG = "Examples:  clyra shadow report --since 7d   |   clyra shadow report --rule 'leak.*' --json"
_COLUMNS = ("rule", "seen", "would block", "share", "interval", "agents", "hosts", "changed", "excepted", "enforced")


@app.command(epilog=_EPILOG)
def report(
    since: Annotated[str | None, typer.Option("--since", help="Age (15m, 2h, 7d) or ISO 8601 time.")] = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="SHA256", help="Only decisions of this policy; the beginning is enough.")
    ] = "",
    rule: Annotated[list[str] | None, typer.Option("--rule", "-r", help="Only these rules. Repeatable.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say per rule how many exchanges it saw and would have blocked, whose, with an interval; and what the candidate
    policy would have done otherwise."""
    found = ShadowReport()
    wanted = VerdictFilter(since_ms=parse_since(since) if since else 0)
    gather(log or Home.locate(home).verdict_log, found, wanted, policy)
    told = found.told(confidence)
    if rule:
        chosen = VerdictFilter(rules=frozenset(rule))
        told["rules"] = {name: one for name, one in told["rules"].items() if chosen.takes_rule(name)}
    if as_json:
        print_json(told)
        return
    _print(told)


@app.command()
def review(
    verdict: Annotated[str, typer.Argument(help="Verdict id; its beginning is enough.")],
    right: Annotated[bool, typer.Option("--right", help="Stopping it would have been right.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Stopping it would have been wrong.")] = False,
    rule: Annotated[
        str, typer.Option("--rule", help="About this rule alone; `candidate` for what the candidate decides otherwise.")
    ] = ANY_RULE,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the one who reads this later.")] = "",
    person: Annotated[str | None, typer.Option("--person", help="Who decides.", show_default="this user")] = None,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep what you think of a verdict in shadow, for `clyra policy promote`. A later word stands for an earlier."""
    if right == wrong:
        raise UsageError("Say one of --right and --wrong.", "", "Example: clyra shadow review VERDICT --right")
    house = Home.locate(home)
    event = find_event(log or house.verdict_log, verdict)
    ours = event["unmapped"]["clyra"]
    rules = {str(one["rule"]) for one in ours["findings"]} | ({CANDIDATE} if "candidate" in ours else set())
    if rule != ANY_RULE and rule not in rules:
        raise CannotTellError(
            f"The verdict has nothing of `{rule}`.", f"It has: {', '.join(sorted(rules)) or 'nothing'}.", ""
        )
    kept = Review(str(ours["verdict"]), rule, right, person or current_user(), reason, time.time())
    exchange = str(event["metadata"].get("correlation_uid", ""))
    evidence = hand_over(house, review_data(kept, exchange, add_review(house, kept), current_user()))
    if as_json:
        told = {"verdict": kept.verdict, "rule": kept.rule, "right": kept.right, "person": kept.person}
        print_json(told | {"evidence": evidence})
    else:
        typer.echo(
            f"{kept.verdict} {kept.rule or 'all rules'}: {'right' if right else 'wrong'} to stop, says {kept.person}"
        )
        typer.echo(evidence_line(evidence))


@app.command()
def reviews(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what people have said of verdicts in shadow."""
    known = sorted(read_reviews(Home.locate(home)).known.values(), key=lambda one: one.at)
    if as_json:
        told = [
            {"verdict": one.verdict, "rule": one.rule, "right": one.right, "person": one.person, "reason": one.reason}
            for one in known
        ]
        print_json(told)
        return
    for one in known:
        day = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d")
        word = "right" if one.right else "wrong"
        typer.echo(f"{day}  {word}  {one.verdict}  {one.rule or 'all rules'}  {one.person}: {one.reason}")
    if not known:
        typer.echo("Nobody has reviewed anything.")


def _print(told: dict[str, Any]) -> None:
    if not told["exchanges"]:
        typer.echo("No exchange in this time.")
        return
    span = f"{_day(told['first_ms'])} to {_day(told['last_ms'])}"
    typer.echo(f"{told['exchanges']:,} exchanges, {span} UTC, {len(told['policies'])} policies.")
    if told["lost_lines"]:
        typer.echo(f"{told['lost_lines']:,} lines could not be written; every count is a lower bound.")
    console = Console(width=None if Console().is_terminal else 160)
    if told["rules"]:
        console.print(_rules_table(told))
    for name, one in told["rules"].items():
        if one["would_block"]["samples"]:
            typer.echo(f"{name}: clyra explain {one['would_block']['samples'][0]}")
    for sha256, one in told["candidates"].items():
        typer.echo("")
        for line in _candidate_lines(sha256, one):
            typer.echo(line)


def _rules_table(told: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(_COLUMNS):
        table.add_column(column, justify="left" if not number else "right", no_wrap=not number)
    for name, one in told["rules"].items():
        would = one["would_block"]
        table.add_row(
            name,
            f"{one['seen']:,}",
            f"{would['exchanges']:,}",
            f"{would['share']:.2%}",
            f"{would['share_low']:.2%} - {would['share_high']:.2%}",
            str(would["agents"]),
            str(would["destinations"]),
            f"{one['would_change']:,}",
            f"{one['suppressed']:,}",
            f"{one['enforced_already']:,}",
        )
    return table


def _candidate_lines(sha256: str, one: dict[str, Any]) -> list[str]:
    stricter, looser = one["stricter"], one["looser"]
    lines = [
        f"candidate {sha256[:16]}: {one['compared']:,} compared, {one['agree']:,} alike, "
        f"{one['unseen']:,} not wholly seen, {one['failed']:,} failed",
        f"  stricter {stricter['exchanges']:,} ({stricter['share']:.2%}; {stricter['share_low']:.2%} to "
        f"{stricter['share_high']:.2%}): {_named(one['stricter_rules'])}",
        f"  looser   {looser['exchanges']:,} ({looser['share']:.2%}; {looser['share_low']:.2%} to "
        f"{looser['share_high']:.2%}): {_named(one['looser_rules'])}",
    ]
    if one["unasked"]:
        lines.append(f"  not asked: {', '.join(one['unasked'])}")
    return lines + [f"  look at: clyra explain {name}" for name in (*stricter["samples"][:2], *looser["samples"][:2])]


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or '-'} {count:,}" for name, count in counts.items()) or "-"


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")
