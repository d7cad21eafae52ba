"""`clyra init`: the data folder with everything a first run needs.

Rule: idempotent. What exists is checked and kept, what is missing is made; nothing is ever replaced, because clients
trust the authority and verifiers the keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home

app = typer.Typer(add_completion=False)

_EPILOG = "Examples:  clyra init   |   clyra init --profile reverse-etl   |   clyra init --home ./.clyra --json"

_POLICY = """\
# Clyra policy. `clyra policy check` checks it, `clyra policy show --effective` prints all that is in force.
# A running proxy takes changes over with `clyra proxy reload`.
extends: {profile}

# Who may be called, and what their bodies must look like, for example:
# destinations:
#   crm:
#     hosts: [api.example.com]
#     rules:
#       - name: batch
#         methods: [POST]
#         paths: [/v2/contacts/batch]
#         schema: {{request: schemas/batch.json}}
"""


@dataclass(slots=True)
class Prepared:
    """What `prepare_home` did. made: names of what was missing; ca_sha256: fingerprint clients can compare."""

    home: Home
    profile: str
    ca_sha256: str = ""
    ca_expires: str = ""
    made: list[str] = field(default_factory=list)


@app.command(epilog=_EPILOG)
def init(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            "-p",
            help="Profile a new policy extends: observe, balanced, strict ...",
            show_default="observe",
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prepare the data folder: certificate authority, policy, recorder keys. Safe to run again."""
    done = prepare_home(Home.locate(home), profile or "observe")
    if as_json:
        print_json(_facts(done))
        return
    root = done.home.root
    typer.echo(f"Ready: {root}" + (f" (made: {', '.join(done.made)})" if done.made else " (nothing was missing)"))
    kept = f" (kept; `--profile {profile}` is for a new one)" if profile not in (None, done.profile) else ""
    typer.echo(f"  policy     {done.home.policy}  extends {done.profile}{kept}")
    typer.echo(f"  authority  {done.home.ca_certificate}  until {done.ca_expires}")
    typer.echo(f"             sha256 {done.ca_sha256}")
    typer.echo(f"  recorder   {done.home.recorder_keys}")
    typer.echo("Next:")
    typer.echo("  clyra proxy                              run proxy and recorder")
    typer.echo("  clyra run -- curl https://example.com    send one command through it")
    typer.echo("  clyra tail                               watch the verdicts")


def prepare_home(home: Home, profile: str) -> Prepared:
    """Make what is missing. Raises UsageError for an unknown profile, StartupError and RecorderError for the rest."""
    from clyra_proxy.policy.profiles import profile_names

    if profile not in profile_names():
        raise UsageError(f"There is no profile '{profile}'.", "", f"Choose one of: {', '.join(profile_names())}.")
    home.create()
    done = Prepared(home, profile)
    _make(done, "policy", home.policy.exists(), lambda: _write_policy(home, profile))
    done.profile = _profile_of(home)
    _prepare_authority(done)
    _make(done, "recorder keys", _recorder_is_prepared(home), lambda: _prepare_recorder(home))
    return done


def _make(done: Prepared, name: str, exists: bool, make: Callable[[], Any]) -> None:
    if not exists:
        make()
        done.made.append(name)


def _write_policy(home: Home, profile: str) -> None:
    from clyra_proxy.atomic_file import write_atomically

    write_atomically(home.policy, _POLICY.format(profile=profile).encode())


def _profile_of(home: Home) -> str:
    """The profile of the policy that is there, which is checked on the way. Raises PolicyError."""
    from clyra_proxy.policy.load import load_policy

    return load_policy(home.policy).extends or "nothing"


def _prepare_authority(done: Prepared) -> None:
    from clyra_proxy.engine import certificates

    exists = certificates.authority_file(done.home).exists()
    authority = certificates.publish(done.home) if exists else certificates.create_ca(done.home)
    if not exists:
        done.made.append("certificate authority")
    done.ca_sha256, done.ca_expires = authority.sha256, f"{authority.expires:%Y-%m-%d}"


def _recorder_is_prepared(home: Home) -> bool:
    from recorder.layout import Layout

    layout = Layout(home.root)
    return layout.trust.exists() and home.source_key.exists()


def _prepare_recorder(home: Home) -> None:
    from recorder.layout import Layout
    from recorder.main import prepare

    prepare(Layout(home.root))


def _facts(done: Prepared) -> dict[str, Any]:
    home = done.home
    return {
        "home": str(home.root),
        "made": done.made,
        "policy": str(home.policy),
        "profile": done.profile,
        "ca_certificate": str(home.ca_certificate),
        "ca_bundle": str(home.ca_bundle),
        "ca_sha256": done.ca_sha256,
        "ca_expires": done.ca_expires,
        "recorder_keys": str(home.recorder_keys),
    }
