"""`clyra run -- CMD`: one command whose traffic goes through the proxy; with --mcp, a local MCP server (`run_mcp`).

Rule: the command replaces this process (execve), so signals, terminal and exit code are its own, and nothing but its
environment differs. Nothing is started when the proxy does not answer: fail closed, never round it.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.options import AgentOption, ExemptOption, HomeOption, ProxyOption, TokenOption
from clyra_proxy.errors import ClyraError, StartupError, UsageError
from clyra_proxy.home import Home

app = typer.Typer(add_completion=False)

_EPILOG = (
    "Examples:  clyra run -- curl https://api.example.com   |   clyra run --agent crm-sync -- python sync.py   |   "
    "clyra run -- npm install   |   clyra run --mcp -- npx -y @modelcontextprotocol/server-filesystem /data"
)


@app.command(epilog=_EPILOG, context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARGS]...", help="The command.", show_default=False)],
    agent: AgentOption = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Name of this run.", show_default="a fresh id")] = None,
    token: TokenOption = None,
    no_proxy: ExemptOption = None,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="CMD is a local MCP server: judge what goes over its pipes, both ways.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="NAME",
            help="With --mcp: name of the server; policy knows it as host NAME.stdio.",
            show_default="from CMD",
        ),
    ] = None,
    proxy: ProxyOption = None,
    home: HomeOption = None,
) -> None:
    """Run a command with proxy and trust variables set, for it and its children only.

    The variables make curl, git, Python, Node.js, Java, Go, Deno, Bun, npm, pip, uv, AWS tools, gRPC, cargo and wget
    use the proxy. A program that ignores them goes direct: 'clyra doctor' finds out which do. The exit code is the
    command's own, or 64 when there is no such command. With --mcp the command is started as a child, and each JSON-RPC
    message of its standard input and output is judged as it would be over HTTP; without a running proxy only these are.
    """
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(
            f"There is no command '{command[0]}'.",
            "It is neither on PATH nor an executable file.",
            "Write the command and its arguments after '--'.",
        )
    if server is not None and not mcp:
        raise UsageError("--server names an MCP server.", "", "Give --mcp too.")
    place = Home.locate(home)
    name, run_name = presented(place, agent, run_id, token, command[0])
    try:
        environment = _environment(place, proxy, name, run_name, token, no_proxy)
    except StartupError as error:
        if not mcp or proxy is not None:
            raise
        typer.echo(f"clyra: {error} The server's own network traffic is not looked at.", err=True)
        environment = dict(os.environ)
    environment.pop("CLYRA_AGENT_TOKEN", None)  # it is in the proxy URL; no child needs it twice
    if mcp:
        from clyra_proxy.cli.run_mcp import run_server

        words = [program, *command[1:]]
        raise typer.Exit(run_server(place, words, environment, name=server, agent=agent or "anonymous", run=run_name))
    os.execve(program, command, environment)  # noqa: S606 - the command is what the user typed


def _environment(
    place: Home, proxy: str | None, name: str, run_name: str, token: str | None, no_proxy: list[str] | None
) -> dict[str, str]:
    """The present environment with the variables of every kind of client. Raises StartupError without a proxy."""
    from clyra_proxy.cli.client_files import client_settings
    from clyra_proxy.cli.client_variables import client_variables
    from clyra_proxy.cli.running import find_proxy

    found = find_proxy(place, proxy)
    settings = client_settings(
        place,
        found.host,
        found.port,
        agent=name,
        run=run_name,
        token=token or "",
        exempt=tuple(no_proxy or ()),
    )
    return {**os.environ, **client_variables(settings, os.environ)}


def presented(home: Home, agent: str | None, run_id: str | None, token: str | None, command: str) -> tuple[str, str]:
    """(agent, run) to present. Without a token nothing is claimed when policy asks agents for one."""
    if not token and not agent and _tokens_are_asked_for(home):
        return "", ""
    from clyra_proxy.verdict.identifiers import new_identifier

    name = agent or re.sub(r"[^A-Za-z0-9_.-]", "-", Path(command).name).strip("-._")[:64] or "command"
    return name, run_id or new_identifier()


def _tokens_are_asked_for(home: Home) -> bool:
    from clyra_proxy.cli.running import policy_in_use

    policy = policy_in_use(home)
    if not policy.exists():
        return False
    from clyra_proxy.policy.load import load_policy

    try:
        return bool(load_policy(policy).identity.agents)
    except ClyraError:
        return False  # the running proxy keeps its last good policy, and judges what we present
