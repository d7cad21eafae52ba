"""`clyra keys`: the keys of the log over time: make, show, rotate, delegate, revoke, and who is trusted.

Rule: nothing that cannot be undone happens without a yes (or --yes); a running recorder changes its own keys without a
pause, and without one the same is done directly. What the root keys must decide is drafted here, signed elsewhere with
`clyra keys sign`, and taken in with `clyra keys import`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clyra_proxy.cli import keys_ceremony
from clyra_proxy.cli.keys_asking import confirm, new_passphrase, order_change, say_change
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder import key_setup
from recorder.errors import KeyFileError
from recorder.key_report import report_keys
from recorder.keys.passphrase import find_passphrase
from recorder.keys.reference import read_reference, reference_document
from recorder.layout import Layout

app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    add_completion=False,
    help="Keys of the log over time: make, show, rotate, delegate, revoke, and who is trusted.",
    epilog="See docs/keys.md for what protects what, and for what to do after a compromise.",
)
keys_ceremony.add_to(app)

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is signed and stays in the log.")]
ROLES = ("log", "seal")


@app.command(
    epilog="Examples:  clyra keys init --roots 3 --threshold 2 --root-folder /media/usb   |   "
    "clyra keys init --seal seal-in-kms.json --delegate"
)
def init(
    roots: Annotated[int, typer.Option(min=1, max=16, help="How many root keys to make.")] = 1,
    threshold: Annotated[
        int | None, typer.Option(min=1, max=16, help="How many of them must sign.", show_default="all")
    ] = None,
    root_folder: Annotated[
        Path | None, typer.Option(help="Where root keys go, to be carried away.", show_default="./clyra-root-keys")
    ] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="Leave the root keys on this machine, knowing what that means.")
    ] = False,
    encrypt_roots: Annotated[
        bool, typer.Option("--encrypt-roots", help="Protect root keys with a passphrase (asked for).")
    ] = False,
    seal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the seal key lives, if not in a file: a key reference.")
    ] = None,
    delegate: Annotated[
        bool, typer.Option("--delegate", help="Keep the log key in memory only, delegated by the seal key.")
    ] = False,
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="Traffic a delegated log key is made for.")] = 24.0,
    origin: Annotated[str, typer.Option(help="Name of a new log, a URL without scheme.")] = "",
    home: HomeOption = None,
    yes: YesOption = False,
) -> None:
    """Make the keys of a log, with its root keys in a folder of their own to be taken offline.

    On a log that began with its root key beside it, the new roots take its place: old and new sign the trust file.
    """
    layout = Layout(Home.locate(home).root)
    need = threshold if threshold is not None else roots
    if need > roots:
        raise UsageError(f"--threshold {need} is more than --roots {roots}.")
    folder = _root_folder(layout, root_folder, beside=beside)
    if layout.trust.exists():
        confirm(f"This log exists. Replace its root keys by {roots} new ones in {folder}?", yes)
    passphrase = new_passphrase("root keys") if encrypt_roots else None
    reference = read_reference(seal) if seal else None
    made = key_setup.make_roots(folder, roots, passphrase)
    begun = key_setup.begin(layout, origin, made, need, reference, hours if delegate else None)
    typer.echo(f"Keys of {begun.origin} are in {layout.keys.folder}; trust file version {begun.version}.")
    typer.echo(f"Root keys, of which {need} of {roots} must sign any change of trust:")
    for private, _ in made.files:
        typer.echo(f"  {private}")
    typer.echo("Now take them offline, each to another person or place:")
    typer.echo("  1. Copy each root-<n>.key to a medium of its own, and check that it can be read.")
    typer.echo(f"  2. Delete {folder} here, and remember that a disk may keep what was deleted.")
    typer.echo(f"  3. Give {layout.trust} to whoever verifies bundles, by a way they trust.")


def _root_folder(layout: Layout, chosen: Path | None, *, beside: bool) -> Path:
    folder = chosen or (layout.keys.root_folder if beside else Path("clyra-root-keys"))
    if key_setup.is_beside(layout, folder) and not beside:
        raise UsageError(
            f"{folder} lies within the recorder's data folder.",
            "Who takes over this machine would own the root keys too, and with them everything they vouch for.",
            "Choose another --root-folder, or say --beside if you mean it.",
        )
    return folder.expanduser().resolve()


@app.command()
def show(home: HomeOption = None, json: JsonOption = False) -> None:
    """Say which keys are in force, where they live, who is trusted, and what is unwise."""
    layout = Layout(Home.locate(home).root)
    report = report_keys(layout)
    if json:
        print_json(report.document)
        return
    document = report.document
    typer.echo(f"Log {document['origin'] or '(none yet)'}, {document['size']} records")
    for role in ("log", "seal"):
        typer.echo(f"  {role:<5} {_store(document['stores'][role])}")
    for key in document["keys"]:
        mark = painted("in force", "green", wants_colour()) if key["in_force"] else key["state"]
        typer.echo(f"  {key['role']:<5} {key['keyid']} {key['alg']}  {_bounds(key)}  {mark}")
    for slot, reference in document["candidates"].items():
        typer.echo(f"  waits {slot}: {_store(reference)}")
    if trusted := document.get("trust"):
        typer.echo(f"Trust file version {trusted['version']}: {trusted['threshold']} of {len(trusted['roots'])} roots")
        for key_id in trusted["roots"]:
            typer.echo(f"  root  {key_id}")
    for warning in report.warnings:
        typer.echo(painted(f"warning: {warning}", "yellow", wants_colour()))


def _store(reference: dict[str, Any]) -> str:
    named = {"file": "path", "pkcs11": "label", "transit": "key", "delegated": "hours"}
    provider = str(reference["provider"])
    detail = reference.get(named[provider], "")
    where = reference.get("address") or reference.get("token") or ""
    return " ".join(str(part) for part in (provider, detail, where) if part)


def _bounds(key: dict[str, Any]) -> str:
    text = f"from size {key['since_size']}"
    if "until_size" in key:
        text += f" to {key['until_size']}"
    if "compromised_from_size" in key:
        text += f", void from {key['compromised_from_size']}"
    return text + (", delegated" if key["delegated"] else "")


@app.command(
    epilog="Examples:  clyra keys rotate --role log   |   clyra keys rotate --role seal --to seal-in-kms.json   |   "
    "clyra keys rotate --role log --to file"
)
def rotate(
    role: Annotated[str, typer.Option(help="Which key: log or seal.")] = "log",
    to: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A key reference (JSON) for another store, or the word 'file'."),
    ] = None,
    reason: ReasonOption = "planned rotation",
    home: HomeOption = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Bring a new key into force, signed by the one it replaces. The log goes on without a pause.

    The replaced key is deleted where it is a file. A bundle carries the change, so nobody needs a new trust file.
    """
    if role not in ROLES:
        raise UsageError(f"--role {role} is not one of log, seal.", "", "Root keys change with 'clyra keys trust'.")
    layout = Layout(Home.locate(home).root)
    confirm(f"Rotate the {role} key of this log?", yes or json)
    order: dict[str, Any] = {"order": "rotate", "role": role, "reason": reason}
    if to is not None:
        order["to"] = to if to == "file" else reference_document(read_reference(Path(to)))
    say_change(order_change(layout, order), json=json)


@app.command()
def delegate(
    hours: Annotated[
        float | None, typer.Option(min=0.1, max=24, help="Traffic to make it for, in hours.", show_default="as before")
    ] = None,
    reason: ReasonOption = "delegation",
    home: HomeOption = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Let the seal key delegate a log key that lives in the recorder's memory only, for a bounded number of records.

    From then on no log key is on disk; the recorder renews it by itself. Best with the seal key on a token or in a KMS.
    """
    layout = Layout(Home.locate(home).root)
    confirm("Delegate a new log key, and keep none on disk from now on?", yes or json)
    order: dict[str, Any] = {"order": "delegate", "reason": reason}
    if hours is not None:
        order["hours"] = hours
    say_change(order_change(layout, order), json=json)


@app.command()
def protect(home: HomeOption = None, yes: YesOption = False) -> None:
    """Encrypt the private key files of the recorder that are still in the clear.

    The passphrase comes from where the recorder will look for it: CLYRA_KEY_PASSPHRASE_FILE, _FD, a systemd credential,
    or CLYRA_KEY_PASSPHRASE.
    """
    layout = Layout(Home.locate(home).root)
    passphrase = find_passphrase()
    if passphrase is None:
        raise KeyFileError(
            "No passphrase is configured.",
            "The recorder would not find it either.",
            "Set CLYRA_KEY_PASSPHRASE_FILE to a 0600 file, or a systemd credential `clyra-key-passphrase`.",
        )
    plain = layout.keys.plain_files()
    if not plain:
        typer.echo("No key is in the clear.")
        return
    confirm(f"Encrypt {', '.join(path.name for path in plain)}? Without the passphrase they are lost.", yes)
    for path in layout.keys.protect(passphrase):
        typer.echo(f"encrypted {path}")
