"""`clyra erase`: destroy one subject key, so that what it committed to can never be disclosed or guessed again.

Rule. First the key is destroyed and a note of it is durable on this machine, then the log says so. When the second step
fails, the same command with the key's id carries on. Nothing in the log changes: every proof stays as good as it was.
"""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.progress import records_bar
from clyra_proxy.errors import EvidenceError, UsageError
from clyra_proxy.evidence.subjects import KeptKey, KeyFolder
from clyra_proxy.home import Home
from recorder import erasure
from recorder.errors import RecorderError
from recorder.layout import Layout
from recorder.record import timestamp

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def erase(
    subject: Annotated[
        str, typer.Option(help="Tenant, `default` for traffic without one, or the id of a subject key.")
    ] = "",
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Which of the tenant's keys.")] = "",
    basis: Annotated[str, typer.Option(help="Why, in words: the request or the rule. It is recorded.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the subject keys on this machine.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Erase one data subject: destroy its key for good, and record that it was done."""
    place = Home.locate(home)
    keys, layout = KeyFolder(place.root / "subjects"), Layout(place.root)
    if listing:
        _list(keys, json=json)
        return
    if not subject:
        raise UsageError("Whom to erase is not said.", "", "Give --subject, or see the keys with --list.")
    pending = keys.buried(subject) if keys.is_erased(subject) else None
    if pending is not None and "size" in pending:
        raise EvidenceError(f"The subject key {subject} was erased before.", f"It is recorded: {pending['basis']}.")
    if pending is None:
        key_id, data = _destroy(keys, layout, keys.choose(subject, month), basis, yes)
    else:  # an earlier run was cut short
        keys.finish(subject)
        key_id, data = subject, dict(pending)
    size = _record(keys, layout, key_id, data)
    if json:
        print_json({**data, "size": size})
        return
    typer.echo(f"The subject key {key_id} is gone. {data['records']} records named it; none of them has changed.")
    typer.echo(f"Record {size - 1} of the log says so.")


def _destroy(keys: KeyFolder, layout: Layout, kept: KeptKey, basis: str, yes: bool) -> tuple[str, dict[str, Any]]:
    with records_bar("looking through the log") as tell:
        use = erasure.find_use(layout, kept.key.id, tell)
    data = erasure.erasure_data(kept.key.id, use, basis, timestamp(time.time_ns() // 1000))
    if not yes:
        _ask(kept, use)
    keys.destroy(kept, data)
    return kept.key.id, data


def _ask(kept: KeptKey, use: erasure.Use) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Erasing cannot be undone, so it asks first.", "There is no terminal to ask on.", "Add --yes.")
    typer.echo(f"This destroys the subject key {kept.key.id} ({kept.owner}, {kept.month}).")
    typer.echo(f"{use.records} records name it. What they committed to can then never be shown or checked again.")
    typer.confirm("It cannot be undone. Go on?", abort=True)


def _record(keys: KeyFolder, layout: Layout, key_id: str, data: dict[str, Any]) -> int:
    """Write it into the log, and note that it is there."""
    try:
        size = erasure.write_down(layout, data)
    except RecorderError as error:
        raise EvidenceError(
            f"The subject key {key_id} is destroyed, but the log does not say so yet.",
            str(error),
            f"Run again: clyra erase --subject {key_id}",
        ) from None
    keys.note(key_id, {**data, "size": size})
    return size


def _list(keys: KeyFolder, *, json: bool) -> None:
    rows = [{"id": kept.key.id, "owner": kept.owner, "month": kept.month} for kept in keys.every()]
    if json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['month']}  {row['owner']}")
    if not rows:
        typer.echo(f"There is no subject key in {keys.folder}.")
