"""`clyra genai tools | drift`: what is known of tools, system prompts and tool sets, and what a person accepts of it.

Rule: these commands change what the proxy takes for known, so they ask first, name what they change, and work on the
state file of the data folder, which workers read with every exchange: nothing needs to be reloaded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clyra_proxy.cli.keys_asking import confirm
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import StartupError, UsageError
from clyra_proxy.genai.budgets import drift as drift_watch
from clyra_proxy.genai.tools import pins
from clyra_proxy.home import Home
from clyra_proxy.state.sqlite import STATE_FILE, SqliteState
from clyra_proxy.state.store import StateError

tools_app = typer.Typer(no_args_is_help=True, help="Known MCP tools: list, approve a change, forget.")
drift_app = typer.Typer(no_args_is_help=True, help="Known system prompts and tool sets of agents.")

PinsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="PIN...", help="Pins as `list` and findings show them, or tool names.")
]
ServerOption = Annotated[str | None, typer.Option("--server", help="Only tools of this server (host:port).")]
AllOption = Annotated[bool, typer.Option("--all", help="Everything that waits.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AgentOption = Annotated[str | None, typer.Option("--agent", help="Only this agent.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="The agent's tenant.")]


@tools_app.command("list")
def list_tools(home: HomeOption = None, server: ServerOption = None, json: JsonOption = False) -> None:
    """List the tools that are pinned, changed or new."""
    with _opened(home) as state:
        found = [(key, pin) for key, pin in _pins(state) if server in (None, pin.server)]
    if json:
        print_json([{**asdict(pin), "pin": pin.id, "state": pin.state} for _, pin in found])
        return
    for _, pin in found:
        typer.echo(f"{pin.id}  {pin.state:<8} {_day(pin.changed or pin.since)}  {pin.server}  {_clean(pin.tool)}")
    if not found:
        typer.echo("No tool is known yet.")


@tools_app.command("approve")
def approve_tools(
    pin: PinsArgument = None,
    home: HomeOption = None,
    server: ServerOption = None,
    every: AllOption = False,
    yes: YesOption = False,
) -> None:
    """Let what was last seen of tools count as known, after a look at what changed."""
    with _opened(home) as state:
        waiting = [item for item in _pins(state) if item[1].seen and server in (None, item[1].server)]
        chosen = _chosen(waiting, pin, every, lambda one: (one.id, one.tool))
        names = ", ".join(f"{_clean(one.tool)} of {one.server}" for _, one in chosen)
        confirm(f"Approve the definition last seen of {names}?", yes)
        for key, one in chosen:
            pins.approve(state, key, one, time.time())
    typer.echo(f"Approved: {names}.")


@tools_app.command("forget")
def forget_tools(
    pin: PinsArgument = None,
    home: HomeOption = None,
    server: ServerOption = None,
    every: AllOption = False,
    yes: YesOption = False,
) -> None:
    """Forget tools: the next definition that is seen of them counts."""
    with _opened(home) as state:
        known = [item for item in _pins(state) if server in (None, item[1].server)]
        chosen = _chosen(known, pin, every, lambda one: (one.id, one.tool))
        names = ", ".join(f"{_clean(one.tool)} of {one.server}" for _, one in chosen)
        confirm(f"Forget {names}?", yes)
        for key, _ in chosen:
            state.delete(key)
    typer.echo(f"Forgotten: {names}.")


@drift_app.command("list")
def list_drift(home: HomeOption = None, agent: AgentOption = None, json: JsonOption = False) -> None:
    """List the hashes of system prompts and tool sets, by agent."""
    with _opened(home) as state:
        found = [entry for _, entry in drift_watch.every_hash(state, time.time()) if agent in (None, entry.agent)]
    if json:
        print_json([{**asdict(entry), "id": entry.id} for entry in found])
        return
    for entry in found:
        who = f"{entry.tenant}/{entry.agent}" if entry.tenant else entry.agent
        typer.echo(f"{entry.id}  {entry.state:<6} {_day(entry.since)}  {_clean(who)}  {entry.what}")
    if not found:
        typer.echo("Nothing is known of any agent yet.")


@drift_app.command("accept")
def accept_drift(
    hashes: Annotated[list[str] | None, typer.Argument(metavar="HASH...", help="Hashes as `list` shows them.")] = None,
    home: HomeOption = None,
    agent: AgentOption = None,
    every: AllOption = False,
    yes: YesOption = False,
) -> None:
    """Let system prompts and tool sets that are new count as known."""
    with _opened(home) as state:
        found = drift_watch.every_hash(state, time.time())
        waiting = [item for item in found if item[1].state == "new" and agent in (None, item[1].agent)]
        chosen = _chosen(waiting, hashes, every, lambda one: (one.id,))
        names = ", ".join(f"{one.what} {one.id} of {_clean(one.agent)}" for _, one in chosen)
        confirm(f"Accept {names}?", yes)
        for key, one in chosen:
            drift_watch.accept(state, key, one, time.time())
    typer.echo(f"Accepted: {names}.")


@drift_app.command("forget")
def forget_drift(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")],
    tenant: TenantOption = "",
    home: HomeOption = None,
    yes: YesOption = False,
) -> None:
    """Forget an agent: what it does next counts as known."""
    confirm(f"Forget all that is known of {agent}?", yes)
    with _opened(home) as state:
        count = drift_watch.forget_agent(state, tenant, agent, time.time())
    if not count:
        raise UsageError(
            f"Nothing is known of {agent}.", "", "See `clyra genai drift list`; add --tenant if it has one."
        )
    typer.echo(f"{count} hashes of {agent} are forgotten.")


@contextmanager
def _opened(home: HomeOption) -> Iterator[SqliteState]:
    """The state of a data folder. Raises StartupError when there is none, or it cannot be used."""
    path = Home.locate(home).root / STATE_FILE
    if not path.exists():
        raise StartupError(
            f"There is no state in {path.parent}.",
            "A proxy writes it when it first sees traffic with a model or a tool server.",
            "Name the data folder of the proxy with --home or CLYRA_HOME.",
        )
    state = SqliteState(path)
    try:
        yield state
    except StateError as error:
        raise StartupError(f"Cannot use {path}.", f"{error}.", "Check that it is yours and not damaged.") from error
    finally:
        state.close()


def _pins(state: SqliteState) -> list[tuple[str, pins.Pin]]:
    return pins.every_pin(state, time.time())


def _chosen(items: list[tuple[str, Any]], wanted: Sequence[str] | None, every: bool, names: Any) -> Any:
    """The items a person named, all with --all. Raises UsageError for names that fit nothing, or nothing named."""
    if bool(wanted) == every:
        raise UsageError("Say which.", "", "Name them as `list` shows them, or add --all.")
    if not every:
        for want in wanted or ():
            if not any(want in names(one) for _, one in items):
                raise UsageError(f"Nothing fits {want!r}.", "", "See `list`; only what waits can be accepted.")
        items = [item for item in items if set(wanted or ()) & set(names(item[1]))]
    if not items:
        raise UsageError("Nothing waits.", "", "See `list`.")
    return items


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")


def _clean(text: str) -> str:
    """A name that came over the network, without what could move a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
