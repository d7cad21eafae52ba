"""Which key is meant and where it lives: the words of `keys.json`, read strictly.

`keys.json` lies in the recorder's key folder and names, for each role, a provider and what that provider needs; without
it every key is a file. A key that is being brought in stands under `candidates` before any record mentions it, so that
a crash at any point leaves the key that is in force within reach. Secrets (passphrases, PINs, tokens) never stand in
it, only the files that hold them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from recorder import public_key
from recorder.errors import KeyFileError
from recorder.keys import secret_files

VERSION: Final = "clyra-keys/0"
MAX_HOURS: Final = 24
_TEXT = {"type": "string", "minLength": 1, "maxLength": 1024}
_ALGORITHM = {"enum": list(public_key.SIGNING)}


def _closed(provider: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["provider", *required],
        "properties": {"provider": {"const": provider}, **required, **(optional or {})},
    }


_FILE = _closed("file", {"path": _TEXT})
_PKCS11 = _closed(
    "pkcs11", {"module": _TEXT, "token": _TEXT, "label": _TEXT, "algorithm": _ALGORITHM}, {"pin_file": _TEXT}
)
_TRANSIT = _closed(
    "transit",
    {"address": {"type": "string", "pattern": "^https?://[^ ]{1,1000}$"}, "key": _TEXT, "algorithm": _ALGORITHM},
    {
        "version": {"type": "integer", "minimum": 1},
        "mount": _TEXT,
        "namespace": _TEXT,
        "token_file": _TEXT,
        "ca_file": _TEXT,
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 120},
    },
)
_DELEGATED = _closed("delegated", {}, {"hours": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_HOURS}})
_KEY = {"oneOf": [_FILE, _PKCS11, _TRANSIT]}
_LOG = {"oneOf": [_FILE, _DELEGATED]}
_CANDIDATES = {"log": _FILE, "seal": _KEY, "log_recovery": _FILE, "seal_recovery": _KEY}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v"],
        "properties": {
            "v": {"const": VERSION},
            "log": _LOG,
            "seal": _KEY,
            "root": _KEY,
            "candidates": {"type": "object", "additionalProperties": False, "properties": _CANDIDATES},
        },
    }
)
_ONE = jsonschema_rs.Draft202012Validator(_KEY)


@dataclass(frozen=True, slots=True)
class FileReference:
    """A PKCS#8 PEM file; a relative path is below the key folder."""

    path: str


@dataclass(frozen=True, slots=True)
class Pkcs11Reference:
    """A key on a PKCS#11 token. module: path of the vendor's library. pin_file: 0600, else a credential."""

    module: str
    token: str
    label: str
    algorithm: str
    pin_file: str = ""


@dataclass(frozen=True, slots=True)
class TransitReference:
    """A key of the transit engine of OpenBao or Vault. timeout_s: for one signature, with all its attempts."""

    address: str
    key: str
    algorithm: str
    version: int = 1
    mount: str = "transit"
    namespace: str = ""
    token_file: str = ""
    ca_file: str = ""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class DelegatedReference:
    """A log key that lives in memory only; the seal key delegates a new one. hours: traffic it is made for."""

    hours: float = 24.0


type KeyReference = FileReference | Pkcs11Reference | TransitReference
type Reference = KeyReference | DelegatedReference

_KINDS: dict[str, type[Any]] = {
    "file": FileReference,
    "pkcs11": Pkcs11Reference,
    "transit": TransitReference,
    "delegated": DelegatedReference,
}


@dataclass(frozen=True, slots=True)
class KeyConfiguration:
    """The content of keys.json. candidates: `log`, `seal` (rotation in progress), `*_recovery` (awaits the roots)."""

    log: FileReference | DelegatedReference = FileReference("log.key")
    seal: KeyReference = FileReference("seal.key")
    root: KeyReference = FileReference("root.key")
    candidates: Mapping[str, KeyReference] = field(default_factory=dict)

    def of(self, role: str) -> Reference:
        found: Reference = getattr(self, role)
        return found


def reference_document(reference: Reference) -> dict[str, Any]:
    """As it stands in keys.json: what has its default value is left out."""
    name = next(name for name, kind in _KINDS.items() if isinstance(reference, kind))
    told = {
        one.name: getattr(reference, one.name) for one in fields(reference) if one.default != _value(reference, one)
    }
    return {"provider": name, **told}


def parse_reference(document: Any, where: str) -> KeyReference:
    """A reference on its own, as `--to` takes it. Raises KeyFileError."""
    if not _ONE.is_valid(document):
        raise KeyFileError(
            f"{where} does not say which key is meant.",
            "It needs a provider (file, pkcs11 or transit) and exactly what belongs to it.",
            'For example {"provider":"transit","address":"https://bao:8200","key":"clyra-seal","algorithm":"ed25519"}',
        )
    found: KeyReference = _reference(document)
    return found


def read_reference(path: Path) -> KeyReference:
    """A file that is either a reference (JSON) or itself a private key (PEM). Raises KeyFileError."""
    try:
        raw = path.read_bytes()[: 1 << 16]
    except OSError as error:
        raise KeyFileError(f"Cannot read {path}: {error.strerror}.") from None
    if raw.lstrip().startswith(b"-----BEGIN"):
        return FileReference(str(path.resolve()))
    return parse_reference(_strict_json(raw, str(path)), str(path))


def read_configuration(path: Path) -> KeyConfiguration:
    """keys.json, or the defaults when there is none. Raises KeyFileError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return KeyConfiguration()
    except OSError as error:
        raise KeyFileError(f"Cannot read {path}: {error.strerror}.") from None
    document = _strict_json(raw, str(path))
    if not _SCHEMA.is_valid(document):
        raise KeyFileError(f"{path} is not a key configuration.", _first_error(document), "See docs/keys.md.")
    told = {role: _reference(document[role]) for role in ("log", "seal", "root") if role in document}
    candidates = {slot: _reference(one) for slot, one in document.get("candidates", {}).items()}
    return KeyConfiguration(**told, candidates=candidates)


def write_configuration(path: Path, configuration: KeyConfiguration) -> None:
    """Durably, in one step. Raises KeyFileError."""
    document: dict[str, Any] = {
        "v": VERSION,
        **{role: reference_document(configuration.of(role)) for role in ("log", "seal", "root")},
    }
    if configuration.candidates:
        document["candidates"] = {slot: reference_document(one) for slot, one in configuration.candidates.items()}
    secret_files.replace(path, json.dumps(document, indent=2).encode() + b"\n")


def _reference(document: Mapping[str, Any]) -> Any:
    kind = _KINDS[document["provider"]]
    return kind(**{name: value for name, value in document.items() if name != "provider"})


def _value(reference: Reference, one: Any) -> Any:
    return getattr(reference, one.name)


def _strict_json(raw: bytes, where: str) -> Any:
    """JSON without duplicate keys. Raises KeyFileError."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) != len(found):
            raise ValueError("an object has the same key twice")
        return dict(found)

    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"{where} is not JSON.", str(error)) from None


def _first_error(document: Any) -> str:
    for error in _SCHEMA.iter_errors(document):
        return f"At /{'/'.join(str(part) for part in error.instance_path)}: {error.message[:200]}"
    return ""
