"""`clyra doctor`: real calls with every runtime found, and a look at the house.

Rule: a bypass is proven by the call itself arriving elsewhere, not by a setting that looks wrong. Exit 0 all is well,
1 something is wrong, 2 something could not be told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clyra_proxy.cli.options import AgentOption, HomeOption, JsonOption, ProxyOption, TokenOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home

if TYPE_CHECKING:
    from clyra_proxy.cli.house_checks import Condition
    from clyra_proxy.cli.probing import Probed
    from clyra_proxy.cli.running import RunningProxy

app = typer.Typer(add_completion=False)

_EPILOG = "Examples:  clyra doctor   |   clyra doctor --only curl --only 'node fetch'   |   clyra doctor --as-is --json"
_TINTS = {"good": "green", "intercepted": "green", "warn": "yellow", "unknown": "yellow", "unclear": "yellow"}


@app.command(epilog=_EPILOG)
def doctor(
    only: Annotated[list[str] | None, typer.Option("--only", help="A runtime to try. Repeatable.")] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Try the environment of this shell instead of what `clyra run` sets.")
    ] = False,
    agent: AgentOption = None,
    token: TokenOption = None,
    proxy: ProxyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out what goes wrong: bypass, distrust, expiry, clock, disk, recorder; and say how to fix it."""
    from clyra_proxy.cli.house_checks import house_conditions
    from clyra_proxy.cli.running import listens, parse_address, read_state

    place = Home.locate(home)
    found = parse_address(proxy) if proxy else read_state(place)
    conditions = list(house_conditions(place, found))
    results: list[Probed] = []
    if found is not None and listens(found) and place.ca_bundle.exists():
        results = _probe(place, found, only or [], as_is, (agent or "", token or ""))
    if as_json:
        print_json(_facts(conditions, results))
    else:
        _print(conditions, results)
    raise typer.Exit(_exit_code(conditions, results))


def _probe(home: Home, proxy: RunningProxy, only: list[str], as_is: bool, identity: tuple[str, str]) -> list[Probed]:
    from clyra_proxy.cli.client_files import client_settings
    from clyra_proxy.cli.client_variables import client_variables
    from clyra_proxy.cli.probe_certificates import stand_in_context
    from clyra_proxy.cli.probe_targets import Relay
    from clyra_proxy.cli.probing import probe_all
    from clyra_proxy.cli.runtime_probes import found_probes
    from clyra_proxy.engine.certificates import authority_file

    probes = [one for one in found_probes() if not only or one.name in only]
    if only and len(probes) < len(set(only)):
        known = ", ".join(one.name for one in found_probes())
        raise UsageError(f"Not every runtime of {', '.join(only)} is here.", "", f"Found: {known}.")
    relay = Relay((proxy.host, proxy.port), stand_in_context(authority_file(home)))
    try:
        agent, token = identity
        settings = client_settings(home, "127.0.0.1", relay.port, agent=agent, token=token)
        own = _through_relay(os.environ, proxy, relay.port)
        variables = {} if as_is else client_variables(settings, own)
        return probe_all(probes, {**own, **variables}, relay, home.verdict_log)
    finally:
        relay.close()


def _through_relay(environment: Mapping[str, str], proxy: RunningProxy, port: int) -> dict[str, str]:
    """The environment with the proxy's address replaced by the relay's, wherever it stands."""
    names = ("127.0.0.1", "localhost", proxy.host)
    own = dict(environment)
    for name, value in own.items():
        for host in names:
            value = value.replace(f"{host}:{proxy.port}", f"127.0.0.1:{port}")
            value = value.replace(f"proxyPort={proxy.port}", f"proxyPort={port}")
        own[name] = value
    return own


def _exit_code(conditions: list[Condition], results: list[Probed]) -> int:
    from clyra_proxy.cli.house_checks import State
    from clyra_proxy.cli.probing import Way

    if any(one.state is State.FAIL for one in conditions):
        return 1
    if any(one.way in (Way.BYPASSED, Way.DISTRUSTED, Way.REFUSED) for one in results):
        return 1
    unknown = any(one.state is State.UNKNOWN for one in conditions) or any(one.way is Way.UNCLEAR for one in results)
    return 2 if unknown else 0


def _facts(conditions: list[Condition], results: list[Probed]) -> dict[str, Any]:
    return {
        "house": [
            {"name": one.name, "state": one.state.value, "found": one.found, "do": one.todo} for one in conditions
        ],
        "runtimes": [
            {"runtime": one.runtime, "result": one.way.value, "evidence": one.evidence, "do": one.fix}
            for one in results
        ],
    }


def _print(conditions: list[Condition], results: list[Probed]) -> None:
    rows = [(one.state.value, one.name, one.found, one.todo) for one in conditions]
    rows += [(one.way.value, one.runtime, one.evidence, one.fix) for one in results]
    width = max(len(row[0]) for row in rows)
    colour = wants_colour()
    for state, name, found, todo in rows:
        word = painted(f"{state:<{width}}", _TINTS.get(state, "red"), colour)
        typer.echo(f"{word}  {name:<16} {found}")
        if todo and state not in ("good", "intercepted"):
            typer.echo(f"{'':<{width}}  {'':<16} do: {todo}")
    if not results:
        typer.echo("No runtime was tried: there is no proxy to send it through.")
