"""`clyra keys revoke | trust | sign | import | root`: what only the root keys can decide.

A draft is written where the log is, signed on other machines, and taken in when enough signatures are there. Signing
shows in words what is signed, read from the signed bytes themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from clyra_proxy.cli import keys_asking
from clyra_proxy.cli.keys_asking import confirm, order_change, say_change
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder import key_setup, strict_json
from recorder.cosignature import WITNESS_TYPE, VkeyError, parse_vkey
from recorder.errors import KeyChangeError, KeyFileError
from recorder.keyring import Ring
from recorder.keys import LocalKey, SigningKey, ceremony, pkcs8, providers, secret_files, trust_update
from recorder.keys.ceremony import Draft
from recorder.keys.reference import FileReference, read_reference
from recorder.layout import Layout
from recorder.public_key import key_id as key_id_of
from recorder.revoking import draft_revocation, read_ring

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Where to write the draft to be signed.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def add_to(app: typer.Typer) -> None:
    """Register these commands under `clyra keys`."""
    app.command()(revoke)
    app.command(epilog="Example:  clyra keys trust --add-root new.pub.pem --threshold 2 -o trust.draft.json")(trust)
    app.command()(sign)
    app.command("import")(import_)
    app.command()(root)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEYID", help="The key, by at least its first eight digits.")],
    output: OutputOption,
    from_size: Annotated[
        int | None,
        typer.Option(min=0, help="Compromised: its signatures over this size or more are void.", show_default="retire"),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is signed and stays in the log.")] = "",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Store of the key that follows one in force.")] = None,
    home: HomeOption = None,
    yes: YesOption = False,
) -> None:
    """Draft the end of a key, for the root keys to sign. A key in force gets its successor in the same statement.

    --from-size is the first tree size at which an intruder could have signed: checkpoints and bundles of that size or
    more are void under the key, earlier ones stay valid. Without it the key merely ends.
    """
    if not reason:
        raise UsageError("--reason is needed.", "It is signed and stays in the log.", "For example: --reason 'stolen'")
    layout = Layout(Home.locate(home).root)
    draft = draft_revocation(layout, key_id, from_size, reason, read_reference(to) if to else None)
    _write_draft(draft, output, yes)


def trust(
    output: OutputOption,
    add_root: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Public key (PEM) of a new root. Repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="KEYID", help="A key to leave out, whole id. Repeatable.")
    ] = None,
    threshold: Annotated[int | None, typer.Option(min=1, max=16, help="How many roots must sign from now on.")] = None,
    witness: Annotated[
        list[str] | None, typer.Option(metavar="VKEY", help="Verifier key of a witness. Repeatable.")
    ] = None,
    same_admin: Annotated[bool, typer.Option("--same-admin", help="The witnesses added are run by us.")] = False,
    witness_need: Annotated[int | None, typer.Option(min=0, max=16, help="How many witnesses must cosign.")] = None,
    auditor: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Public key (PEM) of an auditor. Repeatable.")
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A whole key entry as the trust file has it (JSON), e.g. an approver_idp."),
    ] = None,
    tsa: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Root certificate (PEM) of a time stamp authority.")
    ] = None,
    expires_size: Annotated[int | None, typer.Option(min=1, help="Log size at which this trust file ends.")] = None,
    home: HomeOption = None,
    yes: YesOption = False,
) -> None:
    """Draft the next trust file, to be signed by the root keys: enough of the old ones, and enough of the new ones.

    The log's own keys are brought up to date from the log. Nothing changes until the signed file is imported.
    """
    layout = Layout(Home.locate(home).root)
    document: Any = key_setup.trust_document(layout)
    entries = [_public_entry("root", path) for path in add_root or ()]
    entries += [_public_entry("auditor", path) for path in auditor or ()]
    entries += [_witness_entry(text, same_admin=same_admin) for text in witness or ()]
    entries += [_whole_entry(path) for path in key or ()]
    if layout.database.exists():
        ring, _, _ = read_ring(layout)
        entries += trust_update.log_entries(ring.keys, document["keys"])
    update = trust_update.Update(
        entries,
        frozenset(remove or ()),
        threshold,
        witness_need,
        expires_size,
        [_tsa(text) for text in tsa or ()],
    )
    _write_draft(trust_update.following(layout.trust.read_bytes(), update), output, yes)


def sign(
    draft: Annotated[Path, typer.Argument(help="The draft, as 'revoke' or 'trust' wrote it.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Root key: a key file, or a key reference (JSON).")],
    output: Annotated[Path | None, typer.Option("--output", "-o", show_default="the draft itself")] = None,
    yes: YesOption = False,
) -> None:
    """Sign a draft with a root key. Runs on any machine; needs no recorder and no network."""
    found = ceremony.read_draft(_read(draft), str(draft))
    signer = _root_key(key)
    typer.echo("You are about to sign:")
    for line in ceremony.describe(found):
        typer.echo(f"  {line}")
    typer.echo(f"  with the key    {signer.key_id}")
    confirm("Is this what you want to vouch for?", yes)
    signed = found.signed_by(signer)
    target = output or draft
    secret_files.replace(target, signed.to_bytes())
    typer.echo(f"{len(signed.signatures)} signature{'s' * (len(signed.signatures) != 1)} in {target}")


def import_(
    files: Annotated[list[Path], typer.Argument(help="Signed drafts of one statement; signatures are put together.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a signed key change or trust file into force, once enough root keys have signed it."""
    layout = Layout(Home.locate(home).root)
    draft = ceremony.merge([ceremony.read_draft(_read(path), str(path)) for path in files])
    if not draft.signatures:
        raise KeyChangeError("Nobody has signed this yet.", "", "Sign it with 'clyra keys sign'.")
    if not draft.is_trust:
        say_change(
            order_change(layout, {"order": "apply", "envelope": strict_json.read(draft.to_bytes()[:-1])}), json=json
        )
        return
    ring = read_ring(layout)[0] if layout.database.exists() else Ring()
    genesis = {one.key_id: one.role for one in ring.keys if one.since == 0}
    key_setup.install_trust(layout, trust_update.accept(layout.trust.read_bytes(), draft, genesis))
    version = key_setup.trust_document(layout)["version"]
    if json:
        print_json({"trust": str(layout.trust), "version": version})
        return
    typer.echo(f"Trust file version {version} is in force. Give {layout.trust} to whoever verifies bundles.")


def root(
    private: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the new root key.")],
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Protect it with a passphrase (asked for).")] = False,
) -> None:
    """Make one root key, on the machine or medium where it will stay; hand on only its public part."""
    public = private.with_suffix(".pub.pem")
    made = LocalKey.generate()
    key_setup.write_root(private, public, made, keys_asking.new_passphrase("root key") if encrypt else None)
    typer.echo(f"Root key {made.key_id}")
    typer.echo(f"  keep offline  {private}")
    typer.echo(f"  hand on       {public}")


def _write_draft(draft: Draft, output: Path, yes: bool) -> None:
    if output.exists():
        confirm(f"Overwrite {output}?", yes)
    secret_files.replace(output.resolve(), draft.to_bytes())
    for line in ceremony.describe(draft):
        typer.echo(line)
    typer.echo(f"Draft: {output}. Nothing has changed yet. On each machine with a root key:")
    typer.echo(f"  clyra keys sign {output.name} --key root-<n>.key")
    typer.echo(f"Then here:  clyra keys import {output.name} ...")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"Cannot read {path}: {error.strerror}.") from None


def _root_key(path: Path) -> SigningKey:
    reference = read_reference(path)
    if not isinstance(reference, FileReference):
        return providers.open_key(reference, path.parent)
    encrypted = pkcs8.is_encrypted(secret_files.read_private(path))
    return providers.open_file(path, keys_asking.known_passphrase(path.name) if encrypted else None)


def _public_entry(role: str, path: Path) -> dict[str, Any]:
    algorithm, public = trust_update.public_of_pem(_read(path), str(path))
    told = {"keyid": key_id_of(algorithm, public), "alg": algorithm, "pub": public.hex(), "role": role}
    return {**told, "valid_from_size": 0, "state": "active"}


def _witness_entry(text: str, *, same_admin: bool) -> dict[str, Any]:
    try:
        vkey = parse_vkey(text, WITNESS_TYPE)
    except VkeyError as error:
        raise UsageError(f"--witness {text!r} is not a verifier key.", str(error)) from None
    told = {"keyid": key_id_of("ed25519", vkey.public), "alg": "ed25519", "pub": vkey.public.hex(), "role": "witness"}
    more = {"same_admin": True} if same_admin else {}
    return {**told, "valid_from_size": 0, "state": "active", "name": vkey.name, **more}


def _whole_entry(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(_read(path))
    except orjson.JSONDecodeError as error:
        raise KeyFileError(f"{path} is not JSON.", str(error)) from None
    if not isinstance(found, dict) or "keyid" not in found:
        raise KeyFileError(f"{path} is not a key entry.", "It needs keyid, alg, pub, role and the rest.")
    return found


def _tsa(text: str) -> dict[str, str]:
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    name, separator, path = text.partition("=")
    if not separator or not name:
        raise UsageError(f"--tsa {text!r} is not NAME=FILE.")
    try:
        certificate = x509.load_pem_x509_certificate(_read(Path(path)))
    except ValueError as error:
        raise KeyFileError(f"{path} is not a certificate.", str(error)) from None
    return {"name": name, "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}
