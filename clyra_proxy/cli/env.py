"""`clyra env`: the proxy and trust variables, in the words of a shell."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from clyra_proxy.cli.options import AgentOption, ExemptOption, HomeOption, JsonOption, ProxyOption, TokenOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.home import Home

app = typer.Typer(add_completion=False)


class Shell(StrEnum):
    """The language that variables are written in."""

    SH = "sh"
    FISH = "fish"
    POWERSHELL = "powershell"
    DOTENV = "dotenv"


_EPILOG = (
    'Examples:  eval "$(clyra env)"   |   clyra env --shell fish | source   |   '
    "clyra env --shell powershell | Invoke-Expression   |   clyra env --shell dotenv > .env"
)


@app.command(epilog=_EPILOG)
def env(
    shell: Annotated[Shell, typer.Option("--shell", "-s", help="Whose words to use.")] = Shell.SH,
    agent: AgentOption = None,
    token: TokenOption = None,
    no_proxy: ExemptOption = None,
    proxy: ProxyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the variables that make clients of a shell use the proxy and trust its authority."""
    from clyra_proxy.cli.client_files import client_settings
    from clyra_proxy.cli.client_variables import client_variables
    from clyra_proxy.cli.running import find_proxy

    place = Home.locate(home)
    found = find_proxy(place, proxy)
    settings = client_settings(
        place, found.host, found.port, agent=agent or "", token=token or "", exempt=tuple(no_proxy or ())
    )
    variables = client_variables(settings, os.environ)
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(assignment(shell, name, value))


def assignment(shell: Shell, name: str, value: str) -> str:
    """One line that sets and exports a variable."""
    match shell:
        case Shell.FISH:
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set -gx {name} '{escaped}'"
        case Shell.POWERSHELL:
            escaped = value.replace("'", "''")
            return f"$env:{name} = '{escaped}'"
        case Shell.DOTENV:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'{name}="{escaped}"'
        case _:
            escaped = value.replace("'", "'\\''")
            return f"export {name}='{escaped}'"
