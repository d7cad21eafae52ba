"""`clyra quarantine`: rows that were kept back: list, show, release through the proxy, drop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from clyra_proxy.activation.quarantine.entry import Content, DamagedError, Label
from clyra_proxy.activation.quarantine.store import Quarantine
from clyra_proxy.cli.options import AgentOption, HomeOption, JsonOption, ProxyOption, TokenOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.cli.quarantine_release import Sender, read_headers
from clyra_proxy.errors import CannotTellError, UsageError
from clyra_proxy.home import Home

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Rows that were kept back, encrypted.")

_FAILED = 1
_EPILOG = (
    "Examples:  clyra quarantine release q-01a2b3... --header 'Authorization=env:HUBSPOT_AUTH'   |   clyra quarantine "
    "release --target contacts --rule rows.tenant"
)

EntryArguments = Annotated[list[str] | None, typer.Argument(help="Ids of entries.", show_default=False)]
TargetOption = Annotated[str | None, typer.Option("--target", help="Entries for this object or table.")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Entries with rows that this rule rejected.")]
SyncOption = Annotated[str | None, typer.Option("--sync", help="Entries of this sync.")]


@app.command(name="list")
def list_command(
    target: TargetOption = None,
    rule: RuleOption = None,
    sync: SyncOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """List entries, oldest first; no value is shown."""
    labels = list(_chosen(_open(home), target, rule, sync))
    damaged = [found for found in _open(home).labels() if not isinstance(found, Label)]
    if as_json:
        print_json(
            {
                "entries": [label.as_json() for label in labels],
                "rows": sum(label.rows for label in labels),
                "damaged": [{"id": name, "kind": error.kind} for name, error in damaged],
            }
        )
        return _FAILED if damaged else 0
    for label in labels:
        typer.echo(_line(label))
    for name, error in damaged:
        typer.echo(f"{name}  DAMAGED ({error.kind})")
    if not labels and not damaged:
        typer.echo("The quarantine is empty.")
    return _FAILED if damaged else 0


@app.command()
def show(
    entry: Annotated[str, typer.Argument(help="Id of an entry.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="Print keys and values, not only their kinds.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the rows of an entry: fields and why they were rejected; values only with --reveal."""
    label, content = _read(_open(home), entry)
    rows = [_row(row, reveal) for row in content.rows]
    if as_json:
        print_json({**label.as_json(), "revealed": reveal, "kept_rows": rows})
        return 0
    typer.echo(_line(label))
    for row in rows:
        key = f"  key {row['key']}" if row["key"] else ""
        typer.echo(f"  row {row['index']}  {row['operation']}  {row['rule']} ({row['reason']}){key}")
        for name, value in row["values"].items():
            typer.echo(f"    {_printable(name)}: {_printable(str(value))}")
    if not reveal:
        typer.echo("  (--reveal prints keys and values)")
    return 0


@app.command(epilog=_EPILOG)
def release(
    entries: EntryArguments = None,
    target: TargetOption = None,
    rule: RuleOption = None,
    sync: SyncOption = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="NAME=VALUE",
            help="Header field to send, credentials above all, which are never kept. VALUE may be env:NAME or "
            "file:PATH. Repeatable.",
        ),
    ] = None,
    agent: AgentOption = None,
    token: TokenOption = None,
    proxy: ProxyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send entries again through the running proxy, so that all checks run again.

    Rows that the destination takes leave the quarantine; rows that are rejected again stay.
    """
    store = _open(home)
    chosen = _ids(store, entries, target, rule, sync)
    sender = Sender(Home.locate(home), proxy, agent or "", token or "", read_headers(header or []))
    told = [sender.send(store, *_read(store, entry)) for entry in chosen]
    if as_json:
        print_json({"entries": told, "released": sum(one["released"] for one in told)})
    else:
        for one in told:
            typer.echo(f"{one['id']}  status {one['status']}  released {one['released']}  left {one['left']}")
    return _FAILED if any(one["left"] for one in told) else 0


@app.command()
def drop(
    entries: EntryArguments = None,
    target: TargetOption = None,
    rule: RuleOption = None,
    sync: SyncOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Drop every entry.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Remove entries; their rows are gone."""
    store = _open(home)
    if everything:
        chosen = [found.id if isinstance(found, Label) else found[0] for found in store.labels()]
    else:
        chosen = _ids(store, entries, target, rule, sync)
    dropped = [entry for entry in chosen if store.drop(entry)]
    missing = [entry for entry in chosen if entry not in dropped]
    if as_json:
        print_json({"dropped": dropped, "missing": missing})
    else:
        typer.echo(f"{len(dropped)} dropped")
        for entry in missing:
            typer.echo(f"{_printable(entry)}: there is no such entry")
    return _FAILED if missing else 0


def _open(home: Any) -> Quarantine:
    house = Home.locate(home)
    if not house.root.is_dir():
        raise CannotTellError(
            f"There is no data folder {house.root}.", "", "Run 'clyra init', or name one with --home."
        )
    return Quarantine(house.root)


def _chosen(store: Quarantine, target: str | None, rule: str | None, sync: str | None) -> Iterator[Label]:
    for found in store.labels():
        if not isinstance(found, Label):
            continue
        wanted = ((target, (found.target,)), (rule, found.rules), (sync, (found.sync,)))
        if all(name is None or name in held for name, held in wanted):
            yield found


def _ids(
    store: Quarantine, entries: list[str] | None, target: str | None, rule: str | None, sync: str | None
) -> list[str]:
    if entries:
        return entries
    if target is None and rule is None and sync is None:
        raise UsageError("Say which entries.", "", "Give ids, or --target, --rule, --sync; 'clyra quarantine list'.")
    return [label.id for label in _chosen(store, target, rule, sync)]


def _read(store: Quarantine, entry: str) -> tuple[Label, Content]:
    try:
        return store.open(entry)
    except KeyError as error:
        raise CannotTellError(
            f"There is no entry {_printable(entry)}.", "", "'clyra quarantine list' shows them."
        ) from error
    except DamagedError as error:
        raise CannotTellError(
            f"The entry {_printable(entry)} cannot be read.",
            "It was changed or cut, or belongs to another key." if error.kind == "seal" else f"Damage: {error.kind}.",
            "Restore it and quarantine.key from one backup, or drop it.",
        ) from error


def _line(label: Label) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(label.at))
    rules = ", ".join(f"{rule} {count}" for rule, count in label.rules.items())
    text = f"{label.id}  {at}Z  {label.destination}  {label.target}  {label.rows} rows  {rules}"
    return _printable(text if label.replayable else f"{text}  (cannot be released)")


def _row(row: Any, reveal: bool) -> dict[str, Any]:
    values = dict(row.values) if reveal else {name: _kind(value) for name, value in row.values.items()}
    told = {"index": row.index, "rule": row.rule, "reason": row.reason, "operation": row.operation}
    return {**told, "key": row.key if reveal else "", "values": values}


def _kind(value: Any) -> str:
    """What kind of value it is, without the value."""
    if isinstance(value, str):
        return f"text, {len(value)} characters"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number"
    return f"{'object' if isinstance(value, dict) else 'list'}, {len(value)} members"


def _printable(text: str) -> str:
    """Text of the network, safe for a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
