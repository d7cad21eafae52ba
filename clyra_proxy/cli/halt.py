"""`clyra halt` and `clyra resume`: stop traffic, and let it go on.

Rule: a running proxy is asked over its control socket and answers when every worker holds the halt; where none runs,
the order is kept in the data folder and holds from the next start on. Exit 0 done, 1 refused.
"""

from __future__ import annotations

import asyncio
import getpass
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import ClyraError, UsageError
from clyra_proxy.home import Home

PATIENCE_S = 30.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

app = typer.Typer(add_completion=False)

ScopeArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE", help="global, tenant:NAME, agent:NAME, destination:NAME (or its host), or tool:NAME."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept in the evidence.")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Health listener of a proxy elsewhere, http://HOST:PORT; needs --key."),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="Key that signs the order (halt/keys/NAME.key of that proxy's data folder)."),
]
ByOption = Annotated[str | None, typer.Option("--by", help="Who orders it, when that is not the user at hand.")]


@app.command(
    epilog="Examples:  clyra halt global --reason 'incident 7'   |   clyra halt agent:crm-bot --for 30m --reason drill"
)
def halt(
    scope: ScopeArgument,
    reason: ReasonOption,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="End by itself after this time (30s, 15m, 2h).")
    ] = None,
    by: ByOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop traffic: new requests are refused, what is on its way is cut. Survives restarts."""
    request = {"command": "halt", "scope": scope, "reason": _said(reason), "for_s": seconds(lasting), "by": by}
    _answer(_order(Home.locate(home), request, url, key), as_json, scope, "halted")


@app.command(
    epilog="Examples:  clyra resume global --reason 'fixed'   |   clyra resume agent:crm-bot --for 15m --reason 'test'"
)
def resume(
    scope: ScopeArgument,
    reason: ReasonOption,
    lasting: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Only let it pass for this time; then the halt holds again."),
    ] = None,
    by: ByOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a halt, or override it for some time. Ends this scope alone: a wider halt still holds."""
    request = {"command": "resume", "scope": scope, "reason": _said(reason), "for_s": seconds(lasting), "by": by}
    done = "overridden" if lasting else "resumed"
    _answer(_order(Home.locate(home), request, url, key), as_json, scope, done)


def seconds(text: str | None) -> float | None:
    """A time such as `90`, `90s`, `15m`, `2h`, `1d` in seconds. Raises UsageError."""
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isascii() or not number.isdigit() or len(number) > 9 or int(number) == 0:
        raise UsageError(f"{text!r} is no time.", "", "Write a number with s, m, h or d, for example 15m.")
    return float(int(number) * _UNITS[unit])


def _said(reason: str) -> str:
    if not reason.strip():
        raise UsageError("A reason is needed.", "It is kept in the evidence.", "Give --reason TEXT.")
    return reason.strip()


def _order(home: Home, request: dict[str, Any], url: str | None, key: Path | None) -> dict[str, Any]:
    from clyra_proxy.enforcement.halt.model import Place
    from clyra_proxy.engine.control import ask_supervisor
    from clyra_proxy.errors import StartupError

    Place.ordered(request["scope"])
    if (url is None) != (key is None):
        raise UsageError(
            "--url and --key belong together.", "", "Give both, or none for the proxy of this data folder."
        )
    if url is not None and key is not None:
        from clyra_proxy.cli.halt_remote import send_signed

        return _granted(send_signed(url, key, request, PATIENCE_S))
    try:
        answer = ask_supervisor(home.proxy_control, request, PATIENCE_S)
    except StartupError:  # whether one runs that does not answer is seen when the data folder is claimed
        return asyncio.run(_keep_for_later(home, request))
    return _granted(answer)


def _granted(answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("ok"):
        raise ClyraError(answer.get("what", "It was refused."), answer.get("why", ""), answer.get("todo", ""))
    return answer


async def _keep_for_later(home: Home, request: dict[str, Any]) -> dict[str, Any]:
    """No proxy runs: change the file that the next one begins with, its evidence included."""
    from clyra_proxy.enforcement.halt.book import Order
    from clyra_proxy.enforcement.halt.model import Actor, Cause, Channel, Place
    from clyra_proxy.enforcement.halt.offline import NOT_RUNNING, offline_office
    from clyra_proxy.engine.data_folder import claim

    home.create()
    with claim(home):
        office = offline_office(home)
        user = getpass.getuser()
        actor = Actor(f"{request['by']} ({user})" if request["by"] else user, "os")
        order = Order(Cause.MANUAL, Channel.CLI, request["reason"], actor, request["for_s"])
        place = Place.ordered(request["scope"])
        if request["command"] == "halt":
            answer = await office.halt(place, order)
        else:
            answer = await office.release(place, order, request["for_s"])
    return {**answer, "note": NOT_RUNNING}


def _answer(answer: dict[str, Any], as_json: bool, scope: str, done: str) -> None:
    if as_json:
        print_json(answer)
        return
    if not answer["changed"]:
        typer.echo(f"{scope}: nothing to do, {_standing(answer)}")
        return
    facts = [f"{answer['workers']} workers"] if answer["workers"] else []
    if answer.get("cut"):
        facts.append(f"{answer['cut']} exchanges cut")
    if "took_ms" in answer and answer["workers"]:
        facts.append(f"{answer['took_ms']} ms")
    if not answer["durable"]:
        facts.append("NOT on disk")
    if not answer["recorded"]:
        facts.append("evidence waits for the recorder")
    if answer["shared"] is False:
        facts.append("other replicas not reached yet")
    typer.echo(f"{scope}: {done}" + (f" ({', '.join(facts)})" if facts else ""))
    if note := answer.get("note"):
        typer.echo(f"  {note}")


def _standing(answer: dict[str, Any]) -> str:
    halt = answer["halt"]
    if halt is None:
        return "it is not halted"
    until = f" until {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(halt['until']))}" if halt["until"] else ""
    return f"it is {halt['phase']}{until}: {halt['reason']}"
