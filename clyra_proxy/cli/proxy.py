"""`clyra proxy`: run the proxy in the foreground, or steer one that runs.

Rule: stdout carries the banner and answers, stderr the messages of a running proxy. Whatever is wrong is said before
anything serves, in three lines, and ends the command with a status other than 0.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.banner import banner
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.engine import certificates
from clyra_proxy.engine.control import Message, ask_supervisor
from clyra_proxy.engine.launch import Launch, Wishes
from clyra_proxy.engine.supervisor import Supervisor
from clyra_proxy.errors import StartupError, UsageError
from clyra_proxy.home import Home

RESTART_LIMIT_S = 3600.0
RELOAD_LIMIT_S = 120.0

app = typer.Typer(help="Run the proxy and its recorder in the foreground, or steer one that runs.")


@app.callback(invoke_without_command=True)
def proxy(
    context: typer.Context,
    home: HomeOption = None,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file.", show_default="policy.yaml in the data folder")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="policy, else 127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.", show_default="policy, else 8080")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="explicit (HTTPS_PROXY), reverse (base URL) or transparent.", show_default="policy"),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Origin that reverse mode forwards to, https://host[:port].")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=256, help="Worker processes; 0 is one a core.", show_default="policy, else 0"),
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of /healthz, /readyz, /metrics.", show_default="policy, else 127.0.0.1:any"),
    ] = None,
    lameduck: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds of 'not ready' before a stop closes the port.")
    ] = 0.0,
    with_recorder: Annotated[
        bool,
        typer.Option("--with-recorder/--no-recorder", help="Run the recorder too, or use one that runs elsewhere."),
    ] = True,
) -> None:
    """Run the proxy in the foreground until Ctrl-C (drains first; twice stops at once).

    Signals: HUP reloads policy and certificates, USR1 halts everything (see 'clyra halt'), USR2 replaces the workers
    one by one, TERM drains and ends.
    """
    place = Home.locate(home)
    if context.invoked_subcommand is not None:
        context.obj = place
        return
    wishes = Wishes(host, port, mode, upstream, workers, health, lameduck, with_recorder)
    launch = Launch.prepare(place, policy, wishes)
    logging.basicConfig(level=logging.INFO, format="clyra proxy %(levelname)s %(message)s")
    status = asyncio.run(Supervisor(launch, lambda state, report: typer.echo(banner(launch, state, report))).run())
    raise typer.Exit(status)


@app.command()
def reload(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Read policy and certificates again; the last good ones stay in force when the new ones are bad."""
    answer = _ask(_place(context, home), "reload", RELOAD_LIMIT_S)
    _say(answer, as_json, f"policy {answer.get('sha256', '')[:12]}, generation {answer.get('generation')}, is in force")


@app.command()
def restart(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Replace the workers one by one; no request is lost."""
    answer = _ask(_place(context, home), "restart", RESTART_LIMIT_S)
    _say(answer, as_json, f"{answer.get('replaced')} workers replaced")


@app.command()
def stop(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Drain and end."""
    _say(_ask(_place(context, home), "stop", RELOAD_LIMIT_S), as_json, "draining")


@app.command()
def state(context: typer.Context, home: HomeOption = None) -> None:
    """Print what the running proxy says about itself, as JSON."""
    print_json(_ask(_place(context, home), "status", RELOAD_LIMIT_S))


@app.command("rotate-ca")
def rotate_ca(
    context: typer.Context,
    home: HomeOption = None,
    complete: Annotated[bool, typer.Option("--complete", help="Second step: sign with the new authority.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Last step: stop publishing the old certificate.")] = False,
) -> None:
    """Replace the certificate authority without a moment in which clients distrust it.

    First publishes the next certificate beside the current one; give clients the new bundle, then run --complete.
    """
    place = _place(context, home)
    if complete and retire:
        raise UsageError(
            "--complete and --retire are two steps.", "Clients need time between them.", "Give one of them."
        )
    if not complete and not retire:
        bundle = certificates.stage_rotation(place)
        typer.echo(f"The next authority is published in {bundle}; the current one still signs.")
        typer.echo("Give clients the new bundle, then run `clyra proxy rotate-ca --complete`.")
        return
    authority = certificates.complete_rotation(place) if complete else certificates.retire_previous(place)
    typer.echo(f"The authority {authority.sha256[:16]} signs, until {authority.expires:%Y-%m-%d}.")
    if place.proxy_control.exists():
        _say(_ask(place, "reload", RELOAD_LIMIT_S), False, "the running proxy uses it for new connections")


def _place(context: typer.Context, home: Path | None) -> Home:
    """The data folder, named before or after the subcommand."""
    return Home.locate(home) if home is not None else context.obj


def _ask(home: Home, command: str, within_s: float) -> Message:
    return ask_supervisor(home.proxy_control, {"command": command}, within_s)


def _say(answer: Message, as_json: bool, text: str) -> None:
    """Print an answer; a refusal becomes the error it is."""
    if as_json:
        print_json(answer)
        raise typer.Exit(0 if answer["ok"] else 1)
    if not answer["ok"]:
        raise StartupError(str(answer.get("what", "")), str(answer.get("why", "")), str(answer.get("todo", "")))
    typer.echo(text)
    if note := answer.get("note"):
        typer.echo(str(note))
