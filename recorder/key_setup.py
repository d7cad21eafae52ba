"""The first keys of a log: its own in the recorder's folder, its root keys somewhere else.

Root keys decide which keys the world believes, so they do not belong on the machine they are to judge. They are written
to a folder of their own, to be carried away; keeping them beside the recorder is possible, but has to be said. A log
that began with its root key beside it gets its proper roots by a trust file that old and new roots sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from recorder import canonical, dsse, trust
from recorder.durable import sync_folder
from recorder.errors import KeyChangeError, KeyFileError
from recorder.keys import KeyFolder, LocalKey, SigningKey, pkcs8, providers, secret_files, trust_update
from recorder.keys.ceremony import Draft
from recorder.keys.reference import DelegatedReference, FileReference, KeyReference, write_configuration
from recorder.keys.trust_update import Update
from recorder.layout import Layout
from recorder.store import default_origin


@dataclass(frozen=True, slots=True)
class Roots:
    """Root keys as just made. files: private key, public key of each, in order."""

    keys: tuple[LocalKey, ...]
    files: tuple[tuple[Path, Path], ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """What `begin` did. roots: None when the log keeps those it has. version: of the trust file in force."""

    origin: str
    version: int
    threshold: int
    roots: Roots | None


def begin(
    layout: Layout,
    origin: str,
    roots: Roots | None,
    threshold: int,
    seal: KeyReference | None = None,
    delegated_hours: float | None = None,
) -> Begun:
    """Make what is missing of a log's keys and trust file, with the given roots. Raises RecorderError."""
    layout.create()
    keys = layout.keys
    if not layout.trust.exists():
        _configure(keys, seal, delegated_hours)
        keys.create_missing(("log", "seal") if roots is not None else ("log", "seal", "root"))
        signers: tuple[SigningKey, ...] = roots.keys if roots is not None else (keys.signing_key("root"),)
        log_key, seal_key = keys.signing_key("log"), _seal_key(keys)
        draft = trust_update.first(origin or default_origin(log_key), log_key, seal_key, signers, threshold)
        return _install(layout, _signed(draft, signers).to_bytes(), roots)
    if seal is not None or delegated_hours is not None:
        raise KeyChangeError(
            "This log has its keys already.",
            f"{layout.trust} exists.",
            "Change them with `clyra keys rotate --role seal --to FILE` and `clyra keys delegate`.",
        )
    keys.create_missing(())  # the source key; a key the log had is never made anew
    if roots is not None:
        return _replace_roots(layout, roots, threshold)
    return _in_force(layout, None)


def make_roots(folder: Path, count: int, passphrase: bytes | None) -> Roots:
    """New root keys `root-<n>.key` with their public parts `root-<n>.pub.pem`. Raises KeyFileError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys, files = [], []
    for number in range(1, count + 1):
        key = LocalKey.generate()
        private, public = folder / f"root-{number}.key", folder / f"root-{number}.pub.pem"
        write_root(private, public, key, passphrase)
        keys.append(key)
        files.append((private, public))
    return Roots(tuple(keys), tuple(files))


def write_root(private: Path, public: Path, key: LocalKey, passphrase: bytes | None) -> None:
    """One root key and its public part. Raises KeyFileError when there is one already."""
    if not secret_files.write_new(private, pkcs8.write_pem(key.private, passphrase)):
        raise KeyFileError(f"{private} exists.", "A root key is never overwritten.", "Choose another folder.")
    public.write_bytes(trust_update.public_pem(key))


def is_beside(layout: Layout, folder: Path) -> bool:
    """Whether a folder lies within the recorder's own data folder."""
    return folder.expanduser().resolve().is_relative_to(layout.root)


def install_trust(layout: Layout, raw: bytes) -> None:
    """Put a trust file in force; the one before it stays as `trust-<version>.json`."""
    if layout.trust.exists():
        before = layout.trust.read_bytes()
        version = trust.load(before).version
        secret_files.replace(layout.trust.with_name(f"trust-{version}.json"), before)
    secret_files.replace(layout.trust, raw)


def _configure(keys: KeyFolder, seal: KeyReference | None, delegated_hours: float | None) -> None:
    if seal is None and delegated_hours is None:
        return
    keys.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = keys.configuration
    if seal is not None:
        configuration = replace(configuration, seal=seal)
    if delegated_hours is not None:
        configuration = replace(configuration, log=DelegatedReference(delegated_hours))
    write_configuration(keys.configuration_path, configuration)


def _seal_key(keys: KeyFolder) -> SigningKey:
    reference = keys.configuration.seal
    return providers.make_key(reference, keys.folder)


def _replace_roots(layout: Layout, roots: Roots, threshold: int) -> Begun:
    """From the root key beside the recorder to roots that will be carried away: both sign, then the old one goes."""
    keys = layout.keys
    current = layout.trust.read_bytes()
    before = trust.load(current)
    reference = keys.configuration.root
    try:
        old = providers.open_key(reference, keys.folder)
    except KeyFileError:
        old = None
    if old is None or before.threshold > 1 or old.key_id not in {key.key_id for key in before.of_role("root")}:
        raise KeyChangeError(
            "The root keys of this log are not here.",
            f"{before.threshold} of {len(list(before.of_role('root')))} root keys must sign a change.",
            "Propose new roots with `clyra keys trust --add-root FILE`, and have it signed.",
        )
    entries = [trust_update.entry("root", key) for key in roots.keys]
    removed = frozenset(key.key_id for key in before.of_role("root"))
    draft = trust_update.following(current, Update(entries, removed, threshold))
    genesis = {key.key_id: key.role for key in before.keys if key.role in ("log", "seal")}
    raw = trust_update.accept(current, _signed(draft, (old, *roots.keys)), genesis)
    done = _install(layout, raw, roots)
    if isinstance(reference, FileReference):
        (keys.folder / reference.path).unlink(missing_ok=True)
        sync_folder(keys.folder)
    return done


def _signed(draft: Draft, signers: tuple[SigningKey, ...]) -> Draft:
    for signer in signers:
        draft = draft.signed_by(signer)
    return draft


def _install(layout: Layout, raw: bytes, roots: Roots | None) -> Begun:
    trust.load(raw)
    install_trust(layout, raw)
    return _in_force(layout, roots)


def _in_force(layout: Layout, roots: Roots | None) -> Begun:
    found = trust.load(layout.trust.read_bytes())
    return Begun(found.origin, found.version, found.threshold, roots)


def trust_document(layout: Layout) -> dict[str, object]:
    """The document inside the trust file in force."""
    envelope = dsse.parse(layout.trust.read_bytes(), trust.PAYLOAD_TYPE)
    found: dict[str, object] = canonical.check(envelope.payload, trust.MAX_BYTES)
    return found
