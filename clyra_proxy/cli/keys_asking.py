"""What the `clyra keys` commands share: asking, secrets from a terminal, and orders to the recorder."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from recorder.errors import SocketError
from recorder.layout import Layout
from recorder.local import request_key_change
from recorder.opening import direct_changer, open_store

ROOT_PASSPHRASE = "CLYRA_ROOT_PASSPHRASE"  # noqa: S105 - the name of a variable


def confirm(question: str, yes: bool) -> None:
    """Go on only after a yes. Raises UsageError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("This needs a yes.", "There is no terminal to ask on.", "Add --yes.")
    typer.confirm(question, abort=True)


def new_passphrase(what: str) -> bytes:
    """A new passphrase, from the terminal or CLYRA_ROOT_PASSPHRASE. Raises UsageError."""
    given = os.environ.get(ROOT_PASSPHRASE, "")
    if not given and sys.stdin.isatty():
        given = str(typer.prompt(f"Passphrase for the {what}", hide_input=True, confirmation_prompt=True))
    if not given:
        raise UsageError("A passphrase is needed.", "There is no terminal to ask on.", f"Set {ROOT_PASSPHRASE}.")
    return given.encode()


def known_passphrase(name: str) -> bytes | None:
    """The passphrase of an existing root key, when it can be had."""
    given = os.environ.get(ROOT_PASSPHRASE, "")
    if not given and sys.stdin.isatty():
        given = str(typer.prompt(f"Passphrase of {name}", hide_input=True))
    return given.encode() or None


def order_change(layout: Layout, order: dict[str, Any]) -> dict[str, Any]:
    """Let the running recorder change the key, or, when none runs, do it here. Raises RecorderError."""
    try:
        return request_key_change(layout.socket, order)
    except SocketError:
        pass
    recovery = None
    if order["order"] == "apply":
        from recorder import strict_json

        recovery = strict_json.write(order["envelope"]) + b"\n"
    store = open_store(layout, recovery=recovery)
    try:
        begun = store.begun_with
        if begun is not None and recovery is not None and begun.envelope == recovery:
            told = begun.change
            return {
                "kind": told.kind,
                "role": told.role,
                "keyid": told.key_id,
                "replaced": told.replaces,
                "seq": store.ring.current(told.role).since - 1,
            }
        return direct_changer(layout, store).obey(order).document()
    finally:
        store.shut()


def say_change(changed: dict[str, Any], *, json: bool) -> None:
    """Tell what is in the log now."""
    if json:
        print_json(changed)
        return
    typer.echo(f"Record {changed['seq']}: {changed['kind']} of the {changed['role']} key.")
    if changed["kind"] == "revocation":
        typer.echo(f"  no longer valid  {changed['keyid']}")
        return
    typer.echo(f"  in force         {changed['keyid']}")
    typer.echo(f"  replaced         {changed['replaced']}")
    if "until_size" in changed:
        typer.echo(f"  at most until    size {changed['until_size']}")
