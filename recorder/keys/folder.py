"""The recorder's key folder: which key speaks in which role, and how one key takes the place of another.

A key changes in three steps, each durable before the next begins: the new key is made and noted as a candidate; the log
records the change; the candidate becomes the key of its role and a replaced key file is deleted. Whoever needs a role's
key asks for the id that is in force in the log, so that after a crash between two steps the right one is found.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from recorder.durable import sync_folder
from recorder.errors import KeyFileError, KeyUnavailableError
from recorder.keys import pkcs8, providers, secret_files
from recorder.keys.interface import ROLES, SigningKey
from recorder.keys.local import LocalKey
from recorder.keys.passphrase import find_passphrase
from recorder.keys.reference import (
    DelegatedReference,
    FileReference,
    KeyConfiguration,
    KeyReference,
    Reference,
    read_configuration,
    write_configuration,
)
from recorder.keys.secret_files import SOURCE_KEY_BYTES, read_source_key, write_new


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Keys by role. folder: holds keys.json, key files and the trust file."""

    folder: Path

    @property
    def configuration_path(self) -> Path:
        return self.folder / "keys.json"

    @property
    def configuration(self) -> KeyConfiguration:
        """Raises KeyFileError."""
        return read_configuration(self.configuration_path)

    @property
    def root_folder(self) -> Path:
        """Where root keys are that were left beside the recorder on purpose."""
        return self.folder / "roots"

    def path(self, role: str) -> Path:
        """Where the key file of a role is, when it is a file of the usual name."""
        return self.folder / f"{role}.key"

    def create_missing(self, roles: tuple[str, ...] = ROLES) -> list[str]:
        """Make every key that does not exist yet; return the roles made. Raises KeyFileError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self.configuration
        begun = (self.folder / "trust.json").exists()  # its root keys may be offline: a new one would mean nothing
        made = [
            role
            for role in roles
            if not (begun and role == "root") and self._create(role, configuration.of(role), begun=begun)
        ]
        if write_new(self.path("source"), secrets.token_hex(SOURCE_KEY_BYTES).encode() + b"\n"):
            made.append("source")
        return made

    def signing_key(self, role: str, key_id: str = "") -> SigningKey:
        """The key of a role; with `key_id` the one of that id, be it in force or a candidate.

        Raises KeyFileError, KeyUnavailableError.
        """
        configuration = self.configuration
        wanted = [self._key_reference(role, configuration.of(role))]
        wanted += [one for slot, one in configuration.candidates.items() if key_id and slot.startswith(role)]
        problems: list[str] = []
        for reference in wanted:
            try:
                key = providers.open_key(reference, self.folder)
            except (KeyFileError, KeyUnavailableError) as error:
                if not key_id or len(wanted) == 1:
                    raise
                problems.append(error.what)
                continue
            if key_id in ("", key.key_id):
                return key
        raise KeyFileError(
            f"The {role} key in force, {key_id[:16]}, is not at hand.",
            " ".join(problems) or f"{self.folder} holds another one.",
            "Restore it from a copy, or bring in a new one with the root keys: clyra keys revoke, see docs/keys.md.",
        )

    def source_key(self, key_name: str) -> bytes | None:
        """The shared secret of a source key: `source`, or one of `sources/<name>.key`. None if there is none."""
        if key_name == "source":
            path = self.path("source")
        elif key_name.replace("-", "").isalnum() and len(key_name) <= 64:
            path = self.folder / "sources" / f"{key_name}.key"
        else:
            return None
        return read_source_key(path) if path.exists() else None

    # -- one key in place of another ---------------------------------------------------------------------------------

    def add_candidate(self, role: str, slot: str, to: KeyReference | None = None) -> SigningKey:
        """Make (or, with `to`, take) a new key for a role and note it under `slot`. Raises KeyFileError."""
        configuration = self.configuration
        current = configuration.of(role)
        if to is None:
            reference, key = providers.make_successor(self._key_reference(role, current), self.folder, role)
        else:
            reference, key = to, providers.make_key(to, self.folder)
        before = configuration.candidates.get(slot)
        candidates = {**configuration.candidates, slot: reference}
        write_configuration(self.configuration_path, replace(configuration, candidates=candidates))
        if before is not None and before != reference:
            self._discard(before)
        return key

    def add_file(self, role: str, key: LocalKey) -> FileReference:
        """Write a new key file for a role, durably; nothing uses it yet. Raises KeyFileError."""
        return providers.new_file(self.folder, role, key)

    def promote(self, role: str, key_id: str) -> bool:
        """Make the candidate with this id the key of its role and forget the old one; False when there is none."""
        configuration = self.configuration
        for slot, reference in configuration.candidates.items():
            if not slot.startswith(role) or providers.open_key(reference, self.folder).key_id != key_id:
                continue
            others = {name: one for name, one in configuration.candidates.items() if name != slot}
            old = configuration.of(role)
            updated = replace(configuration, candidates=others, **{role: reference})  # type: ignore[arg-type]
            write_configuration(self.configuration_path, updated)
            self._discard(old)
            return True
        return False

    def set_reference(self, role: str, reference: Reference) -> None:
        """Say in keys.json where the key of a role lives."""
        write_configuration(self.configuration_path, replace(self.configuration, **{role: reference}))  # type: ignore[arg-type]

    def delete_file(self, role: str, reference: Reference) -> None:
        """Delete the key file of a role that has no more use for one, be it named in keys.json or the usual one."""
        path = self.folder / reference.path if isinstance(reference, FileReference) else self.path(role)
        if path.exists():
            path.unlink()
            sync_folder(path.parent)

    # -- files -------------------------------------------------------------------------------------------------------

    def plain_files(self) -> list[Path]:
        """Private key files that no passphrase protects."""
        found = sorted(path for path in self.folder.glob("*.key") if path.name != "source.key" and path.is_file())
        return [path for path in found if not pkcs8.is_encrypted(secret_files.read_private(path))]

    def protect(self, passphrase: bytes) -> list[Path]:
        """Encrypt every private key file that is still in the clear; return which. Raises KeyFileError."""
        changed = self.plain_files()
        for path in changed:
            key = providers.open_file(path)
            secret_files.replace(path, pkcs8.write_pem(key.private, passphrase))
        return changed

    def _create(self, role: str, reference: Reference, *, begun: bool) -> bool:
        if isinstance(reference, DelegatedReference) and begun:
            return False
        one = self._key_reference(role, reference)
        if not isinstance(one, FileReference):
            return False
        path = self.folder / one.path
        return not path.exists() and providers.create_file(path, LocalKey.generate(), find_passphrase())

    def _key_reference(self, role: str, reference: Reference) -> KeyReference:
        """A delegated log key begins its log with a key file; after that it is never on disk."""
        return FileReference(f"{role}.key") if isinstance(reference, DelegatedReference) else reference

    def _discard(self, reference: Reference) -> None:
        """Delete the file of a key that has been replaced. What a token or a KMS keeps is its owner's to delete."""
        if isinstance(reference, FileReference):
            (self.folder / reference.path).unlink(missing_ok=True)
            sync_folder(self.folder)
