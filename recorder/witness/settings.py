"""The files of a witness: its key, its name, and the logs it watches, in one folder of its own.

`witness.key` is an Ed25519 key (PKCS#8 PEM, 0600); `witness.json` holds the name and the watched logs and is read again
when it changes, so that a log or a rotated log key can be added while the witness runs. Unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recorder import durable, trust
from recorder.anchoring.placed import place_name
from recorder.cosignature import LOG_TYPE, WITNESS_TYPE, Vkey, VkeyError, parse_vkey
from recorder.errors import KeyFileError, RecorderError
from recorder.keys import LocalKey, read_private
from recorder.keys.secret_files import write_new


class WitnessSettingsError(RecorderError):
    """The settings of a witness are missing or wrong."""


class Log(BaseModel):
    """One watched log: its origin, and the verifier keys (type 0x01) that may sign its checkpoints."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    origin: str = Field(min_length=1, max_length=200)
    vkeys: tuple[str, ...] = Field(min_length=1, max_length=64)


class Document(BaseModel):
    """`witness.json`. followed: origins of the logs whose trust file is in the folder `trust`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[^\s+]{1,200}$")
    logs: tuple[Log, ...] = ()
    followed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WitnessFiles:
    """Where one witness keeps its files."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "witness.key"

    @property
    def document(self) -> Path:
        return self.folder / "witness.json"

    @property
    def database(self) -> Path:
        return self.folder / "witness.db"

    def trust_file(self, origin: str) -> Path:
        """The trust file of a followed log."""
        return self.folder / "trust" / f"{place_name(origin)}.json"

    def prepare(self, name: str, vkeys: list[str], trusts: Sequence[Path] = ()) -> None:
        """Create what is missing, add log keys, take over trust files. Raises WitnessSettingsError, KeyFileError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WitnessSettingsError(f"Cannot create {self.folder}: {error.strerror}.") from None
        if not self.key.exists():
            _create_key(self.key)
        known = self.load() if self.document.exists() else None
        if known is None and not name:
            raise WitnessSettingsError("A new witness needs a name.", "", "Give --name, a URL without scheme.")
        if known is not None and name not in ("", known.name):
            raise WitnessSettingsError(f"This witness is {known.name}, not {name}.", "", "Check --home and --name.")
        changed = _with_logs(known or Document(name=name), vkeys)
        for path in trusts:
            changed = self._follow(changed, path)
        if changed != known or trusts:
            durable.replace(self.document, (changed.model_dump_json(indent=1) + "\n").encode(), 0o644)

    def _follow(self, document: Document, path: Path) -> Document:
        try:
            raw = path.read_bytes()
            found = trust.load(raw)
        except OSError as error:
            raise WitnessSettingsError(f"Cannot read {path}: {error.strerror}.") from None
        except trust.TrustError as error:
            raise WitnessSettingsError(f"{path} is not a trust file.", f"{error.detail}.") from None
        place = self.trust_file(found.origin)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        durable.replace(place, raw, 0o644)
        followed = tuple(sorted({*document.followed, found.origin}))
        return document.model_copy(update={"followed": followed})

    def load_trust(self, origin: str) -> trust.Trust:
        """Raises WitnessSettingsError."""
        try:
            return trust.load(self.trust_file(origin).read_bytes())
        except OSError as error:
            raise WitnessSettingsError(f"Cannot read {self.trust_file(origin)}: {error.strerror}.") from None
        except trust.TrustError as error:
            raise WitnessSettingsError(f"{self.trust_file(origin)} cannot be used.", f"{error.detail}.") from None

    def load(self) -> Document:
        """Raises WitnessSettingsError."""
        try:
            return Document.model_validate_json(self.document.read_bytes())
        except OSError as error:
            raise WitnessSettingsError(f"Cannot read {self.document}: {error.strerror}.") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = "/".join(str(part) for part in first["loc"])
            raise WitnessSettingsError(f"{self.document} is wrong at '{where}'.", f"{first['msg']}.") from None

    def signer(self) -> LocalKey:
        """The private key. Raises KeyFileError."""
        try:
            private = serialization.load_pem_private_key(read_private(self.key), password=None)
        except (ValueError, TypeError) as error:
            raise KeyFileError(f"{self.key} is not a private key.", str(error)) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError(f"{self.key} is not an Ed25519 key.")
        return LocalKey.of(private)

    def vkey(self) -> Vkey:
        """What a log's operator and a verifier need to know of this witness."""
        return Vkey(self.load().name, self.signer().public, WITNESS_TYPE)


def watched(document: Document) -> dict[str, tuple[Vkey, ...]]:
    """Log keys by origin. Raises WitnessSettingsError."""
    try:
        return {log.origin: tuple(parse_vkey(text, LOG_TYPE) for text in log.vkeys) for log in document.logs}
    except VkeyError as error:
        raise WitnessSettingsError("A log key of this witness is wrong.", f"{error}.") from None


def _with_logs(document: Document, vkeys: list[str]) -> Document:
    logs = {log.origin: list(log.vkeys) for log in document.logs}
    for text in vkeys:
        try:
            key = parse_vkey(text, LOG_TYPE)
        except VkeyError as error:
            raise WitnessSettingsError(f"Not a log's verifier key: {text[:60]}", f"{error}.") from None
        known = logs.setdefault(key.name, [])
        if text not in known:
            known.append(text)
    listed = tuple(Log(origin=name, vkeys=tuple(keys)) for name, keys in logs.items())
    return Document(name=document.name, logs=listed, followed=document.followed)


def _create_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_new(path, pem)
