"""`clyra approvals`: what waits for people, and how they answer without the page.

Rule: nothing here approves by itself. `approve` and `refuse` show where the person signs; with an answer that he signed
elsewhere (an assertion, an ID token) or, where the recorder allows it, with a code that he was told, they pass it on.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from clyra_proxy.telemetry.redaction import printable
from recorder.local import request_desk

app = typer.Typer(
    name="approvals",
    no_args_is_help=True,
    add_completion=False,
    help="What waits for a person's approval, who may give it, and how.",
    epilog="See docs/approvals-howto.md.",
)
WAYS = ("webauthn", "oidc", "code")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The approval's id, as in Clyra-Approval.")]
PersonOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides, as in approvals.json.")]
ByOption = Annotated[
    str, typer.Option("--by", help="How he answers out of band: webauthn, oidc, or code (grade `operator` only).")
]
ProviderOption = Annotated[str, typer.Option("--provider", help="Identity provider, with --by oidc.")]
NonceOption = Annotated[str, typer.Option("--nonce", help="Of the challenge that is answered.")]
AssertionOption = Annotated[
    Path | None, typer.Option("--assertion", dir_okay=False, help="JSON of navigator.credentials.get.")
]
TokenOption = Annotated[Path | None, typer.Option("--id-token", dir_okay=False, help="File with the ID token.")]
CodeOption = Annotated[str, typer.Option("--code", help="The code that the person was told.")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also what is decided or over.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What waits, the oldest last."""
    found = _ask(home, op="list", limit=1000)["approvals"]
    shown = [one for one in found if every or one["state"] in ("requested", "granted")]
    if as_json:
        print_json(shown)
        return
    for one in shown:
        left = int((one["deadline"] - time.time()) / 60)
        due = f"{left} min left" if one["state"] == "requested" else one["state"]
        typer.echo(printable(f"{one['id']}  {one['class']}  {one['have']}/{one['need']}  {due}  {one['action']}"))
    if not shown:
        typer.echo("Nothing waits.")


@app.command()
def show(packet: IdArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One request: what the approver sees, and what his decision is bound to."""
    found = _ask(home, op="show", id=packet)
    if as_json:
        print_json(found)
        return
    for name in ("id", "state", "class", "rule", "agent", "tenant", "payload_sha256", "reason"):
        if found.get(name):
            typer.echo(printable(f"{name:16} {found[name]}"))
    typer.echo(f"{'approvers':16} {found['have']} of {found['need']}")
    for label, value in (found["shown"] or {}).get("lines", []):
        typer.echo(printable(f"  {label}: {value}"))
    for risk in (found["shown"] or {}).get("risks", []):
        typer.echo(printable(f"  risk: {risk}"))
    if found.get("url"):
        typer.echo(f"{'page':16} {found['url']}")


@app.command()
def approve(
    packet: IdArgument,
    person: PersonOption = "",
    by: ByOption = "",
    provider: ProviderOption = "",
    nonce: NonceOption = "",
    assertion: AssertionOption = None,
    id_token: TokenOption = None,
    code: CodeOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where to sign; or get a challenge to be signed elsewhere, and pass on what was signed."""
    answered = {"nonce": nonce, "assertion": assertion, "id_token": id_token, "code": code}
    _decide(home, packet, "grant", {"person": person, "by": by, "provider": provider}, answered, as_json=as_json)


@app.command()
def refuse(
    packet: IdArgument,
    person: PersonOption = "",
    by: ByOption = "",
    provider: ProviderOption = "",
    nonce: NonceOption = "",
    assertion: AssertionOption = None,
    id_token: TokenOption = None,
    code: CodeOption = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The same for a refusal, which a person signs too."""
    answered = {"nonce": nonce, "assertion": assertion, "id_token": id_token, "code": code}
    _decide(home, packet, "deny", {"person": person, "by": by, "provider": provider}, answered, as_json=as_json)


@app.command()
def enrol(
    person: Annotated[str, typer.Argument(metavar="NAME", help="An approver in approvals.json.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="Let none of his authenticators count any more.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a one-time link by which a person registers an authenticator; it is good for 15 minutes."""
    found = _ask(home, op="revoke" if revoke else "invite", person=person)
    if as_json:
        print_json(found)
    elif revoke:
        typer.echo(f"{found['revoked']} authenticators of {person} count no more.")
    else:
        typer.echo(f"Give this link to {person}, and to nobody else:\n{found['url']}")


@app.command()
def keys(
    out: Annotated[Path | None, typer.Option("--out", file_okay=False, help="Write one file for each key.")] = None,
    home: HomeOption = None,
) -> None:
    """Keys of approvers and identity providers as the trust file needs them (`clyra keys trust --key`)."""
    found: list[dict[str, Any]] = _ask(home, op="keys")["keys"]
    if out is None:
        print_json(found)
        return
    out.mkdir(parents=True, exist_ok=True)
    for entry in found:
        path = out / f"{entry['keyid'][:16]}.json"
        path.write_text(json.dumps(entry) + "\n")
        typer.echo(str(path))


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """How people keep up: what waits, what is near its deadline, how long decisions take."""
    found = _ask(home, op="status")
    if as_json:
        print_json(found)
        return
    typer.echo(f"waiting          {found['waiting']} ({found['near_deadline']} near their deadline)")
    typer.echo(f"oldest           {found['oldest_s']} s")
    for state, count in sorted(found["day"].items()):
        typer.echo(f"{state:16} {count} in 24 hours")
    if found["decided_p50_s"] is not None:
        typer.echo(f"decided in       {found['decided_p50_s']} s (median), {found['decided_p95_s']} s (95 %)")
    typer.echo(f"page             {found['page'] or 'none'}")


def _decide(
    home: Path | None,
    packet: str,
    decision: str,
    asked: dict[str, str],
    answered: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    proof = _proof(answered)
    if proof:
        if not (asked["person"] and answered["nonce"]):
            raise UsageError("An answer needs --as and --nonce.", "", "Use those of the challenge.")
        meant = {"id": packet, "decision": decision, "person": asked["person"]}
        told = _ask(home, op="answer", nonce=answered["nonce"], **meant, **proof)
        print_json(told) if as_json else typer.echo(f"Recorded. The request is now: {told['state']}.")
    elif asked["by"]:
        if asked["by"] not in WAYS:
            raise UsageError(f"Nobody answers by {printable(asked['by'])}.", "", f"Use one of {', '.join(WAYS)}.")
        if not asked["person"]:
            raise UsageError("A challenge is for one person.", "", "Say --as NAME.")
        told = _ask(home, op="challenge", id=packet, decision=decision, **asked)
        print_json(told)
    else:
        found = _ask(home, op="show", id=packet)
        if as_json:
            print_json({"id": found["id"], "state": found["state"], "url": found.get("url", "")})
        elif found.get("url"):
            typer.echo(f"Sign on the page (nobody can do it for you here):\n{found['url']}")
        else:
            raise UsageError("The recorder has no approvals page.", "", "Use --as and --by to sign elsewhere.")


def _proof(answered: dict[str, Any]) -> dict[str, Any]:
    given = [name for name in ("assertion", "id_token", "code") if answered[name]]
    if len(given) > 1:
        raise UsageError("One answer at a time.", "", f"Leave out --{given[1].replace('_', '-')}.")
    if answered["assertion"]:
        try:
            return {"assertion": json.loads(_read(answered["assertion"]))}
        except ValueError:
            raise UsageError("The assertion is not JSON.") from None
    if answered["id_token"]:
        return {"id_token": _read(answered["id_token"]).strip()}
    return {"code": answered["code"]} if answered["code"] else {}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read.", f"{type(error).__name__}.", "Check the path.") from None


def _ask(home: Path | None, **order: Any) -> dict[str, Any]:
    return request_desk(
        Home.locate(home).recorder_socket, {name: value for name, value in order.items() if value != ""}
    )
