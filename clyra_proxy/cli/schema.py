"""`clyra schema`: explain and compare schemas, and show what a file holds. Learning is in `schema_learning`.

Exit codes: 0 pass, 1 a schema is incompatible, drifted or quarantined, 2 it cannot be told, 64 usage.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli import schema_learning
from clyra_proxy.cli.options import JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.cli.schema_policy import is_policy, policy_catalogue
from clyra_proxy.errors import UsageError
from clyra_proxy.schemalock import lock as schema_lock
from clyra_proxy.schemalock.catalogue import Catalogue, Named, open_catalogue
from clyra_proxy.schemalock.diff import Answer, Compatibility, Mode
from clyra_proxy.schemalock.diff_catalogues import RouteVerdict, compare_catalogues, overall
from clyra_proxy.schemalock.explain import StreamabilityReport
from clyra_proxy.schemalock.explain import explain as explain_schema

app = typer.Typer(
    name="schema", no_args_is_help=True, add_completion=False, help="Explain, learn, lock and compare JSON Schemas."
)

FileArgument = Annotated[Path, typer.Argument(help="JSON Schema, OpenAPI document or schema lock (JSON or YAML).")]
ExplainedArgument = Annotated[
    Path, typer.Argument(help="JSON Schema, OpenAPI document, schema lock, or a policy with all files it binds.")
]
RouteOption = Annotated[
    str, typer.Option("--route", metavar="TEXT", help="Only routes whose name contains TEXT.", show_default=False)
]
BacktrackingOption = Annotated[
    bool, typer.Option("--backtracking", help="Accept patterns with look-around, on a bounded backtracking engine.")
]

_EXIT = {Answer.YES: 0, Answer.NO: 1, Answer.UNKNOWN: 2}
_COLOUR = {Answer.YES: "green", Answer.NO: "red", Answer.UNKNOWN: "yellow"}


@app.command()
def explain(
    file: ExplainedArgument,
    route: RouteOption = "",
    backtracking: BacktrackingOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say per route whether bodies stream, which arrays are cut, and what blocks the others.

    A body that streams is judged in pieces, in constant memory. One that does not is read whole, up to the buffer
    limit of the policy. Exit 1 when a part of an API description cannot be enforced at all.
    """
    catalogue = policy_catalogue(file) if is_policy(file) else open_catalogue(file, backtracking=backtracking)
    reports = [
        explain_schema(one.schema, name=one.name or str(file), where=one.where, backtracking=backtracking)
        for one in _of_route(catalogue, route)
    ]
    if as_json:
        print_json(
            {"file": str(file), "kind": catalogue.kind, "routes": [asdict(r) for r in reports], **_rest(catalogue)}
        )
    else:
        for report in reports:
            _tell(report)
        _tell_rest(catalogue)
        streaming = sum(report.streams for report in reports)
        typer.echo(f"{streaming} of {len(reports)} stream; {len(catalogue.quarantined)} quarantined")
    if catalogue.quarantined:
        raise typer.Exit(1)


def _of_route(catalogue: Catalogue, text: str) -> list[Named]:
    """The schemas of the routes whose names contain `text`. Raises UsageError where none does."""
    chosen = [one for one in catalogue.schemas if text in one.name]
    if text and not chosen:
        known = ", ".join(sorted(f"'{one.name}'" for one in catalogue.schemas if one.name)[:8])
        raise UsageError(
            f"No route's name contains '{text}'.",
            "It is compared as it stands, with capitals and blanks." if known else "The file names no routes.",
            f"Routes: {known}." if known else "Leave --route out.",
        )
    return chosen


def _tell(report: StreamabilityReport) -> None:
    if report.streams:
        places = ", ".join(cut or "the whole body" for cut in report.cuts)
        typer.echo(f"{painted('streams', 'green', wants_colour())}  {report.name}: cut at {places}")
    else:
        typer.echo(f"{painted('whole  ', 'yellow', wants_colour())}  {report.name}: {report.why}")
    for obstacle in report.obstacles:
        typer.echo(f"         {obstacle.where}  `{obstacle.keyword}` at #{obstacle.pointer}")
        typer.echo(f"           {obstacle.advice}")


def _tell_rest(catalogue: Catalogue) -> None:
    for one in catalogue.quarantined:
        typer.echo(f"{painted('quarantined', 'red', wants_colour())}  {one.operation} {one.part}")
        typer.echo(f"         #{one.pointer}: {one.why}. {one.todo}")
    for warning in catalogue.warnings:
        typer.echo(f"{painted('warning', 'yellow', wants_colour())}  #{warning.pointer}: {warning.message}")
    for pointer, what in catalogue.notes:
        typer.echo(f"{painted('repaired', 'dim', wants_colour())}  #{pointer}: {what}")


def _rest(catalogue: Catalogue) -> dict[str, Any]:
    return {
        "quarantined": [asdict(one) for one in catalogue.quarantined],
        "warnings": [asdict(one) for one in catalogue.warnings],
        "repaired": [{"pointer": pointer, "what": what} for pointer, what in catalogue.notes],
    }


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="What is in force: JSON Schema, OpenAPI document or schema lock.")],
    new: Annotated[Path, typer.Argument(help="What is proposed; the same kind of file.")],
    mode: Annotated[
        Mode, typer.Option("--mode", help="backward: new takes all that old took; forward: the reverse; full: both.")
    ] = Mode.BACKWARD,
    as_json: JsonOption = False,
) -> None:
    """Answer whether a change is compatible: yes (proved), no (with a document that shows it), or unknown.

    In API descriptions and locks the question is turned round for responses, where the reader is the other side, and
    a route that disappears is a no. Exit 0 yes, 1 no, 2 unknown.
    """
    verdicts = compare_catalogues(open_catalogue(old), open_catalogue(new), mode)
    answer = overall(verdicts)
    if as_json:
        print_json({"answer": answer, "mode": mode, "routes": [_verdict_json(one) for one in verdicts]})
    else:
        for verdict in verdicts:
            _tell_verdict(verdict)
        typer.echo(painted(answer.value, _COLOUR[answer], wants_colour()))
    raise typer.Exit(_EXIT[answer])


def _verdict_json(verdict: RouteVerdict) -> dict[str, Any]:
    return {
        "route": verdict.name,
        "change": verdict.change,
        "answer": verdict.answer,
        "checks": [asdict(one) for one in verdict.checks],
    }


def _tell_verdict(verdict: RouteVerdict) -> None:
    if verdict.name:
        word = painted(f"{verdict.answer.value:8}", _COLOUR[verdict.answer], wants_colour())
        typer.echo(f"{word} {verdict.name} ({verdict.change})")
    for one in verdict.checks:
        if one.answer is Answer.NO:
            taken, refused = ("old", "new") if one.direction is Mode.BACKWARD else ("new", "old")
            typer.echo(f"  {one.direction.value}: {taken} accepts this and {refused} refuses it:")
            typer.echo(f"    {_compact(one)}")
        elif one.answer is Answer.UNKNOWN:
            typer.echo(f"  {one.direction.value}: {one.why}")


def _compact(one: Compatibility) -> str:

    text = json.dumps(one.witness, ensure_ascii=False)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters; --json has all)"


@app.command()
def show(file: FileArgument, route: RouteOption = "", as_json: JsonOption = False) -> None:
    """Print the routes and schemas of a file; for a lock, also how sure it is of each."""
    catalogue = open_catalogue(file)
    chosen = _of_route(catalogue, route)
    locked = schema_lock.load_lock(file).by_key.values() if catalogue.kind == "lock" else ()
    facts = {str(one.key): one for one in locked}
    if as_json:
        rows = [
            facts[one.name].to_json() if one.name in facts else {"name": one.name, "schema": one.schema}
            for one in chosen
        ]
        print_json({"file": str(file), "kind": catalogue.kind, "routes": rows, **_rest(catalogue)})
        return
    for one in chosen:
        typer.echo(one.name or str(file))
        if (fact := facts.get(one.name)) is not None:
            readiness = "enforced" if fact.ready else "watched only"
            typer.echo(f"  {readiness}; {fact.documents} documents, {fact.first_seen} to {fact.last_seen}")
            typer.echo(f"  confidence {fact.confidence:.4%}, missing mass {fact.missing_mass:.4%}")
        if route or not one.name:
            typer.echo(json.dumps(one.schema, indent=1, ensure_ascii=False))
    _tell_rest(catalogue)


schema_learning.add_to(app)
