"""What there is to know of a log's keys, for people and for monitoring: in force, where they live, what is unwise."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from recorder import trust
from recorder.errors import RecorderError
from recorder.keyring import HeldKey, Ring
from recorder.keys.reference import DelegatedReference, FileReference, reference_document
from recorder.layout import Layout
from recorder.revoking import read_ring


@dataclass(frozen=True, slots=True)
class KeyReport:
    """document: JSON-able facts. warnings: what an operator should change, in words."""

    document: dict[str, Any]
    warnings: tuple[str, ...]


def report_keys(layout: Layout) -> KeyReport:
    """Raises RecorderError when the folder cannot be read."""
    ring, origin, size = _ring(layout)
    configuration = layout.keys.configuration
    document: dict[str, Any] = {
        "origin": origin,
        "size": size,
        "stores": {role: reference_document(configuration.of(role)) for role in ("log", "seal", "root")},
        "keys": [_held(key, ring) for key in ring.keys],
        "candidates": {slot: reference_document(one) for slot, one in configuration.candidates.items()},
    }
    warnings = list(_unwise(layout))
    try:
        trusted = trust.load(layout.trust.read_bytes())
    except FileNotFoundError:
        warnings.append("There is no trust file: run `clyra keys init`.")
    except trust.TrustError as error:
        warnings.append(f"The trust file {layout.trust} cannot be used: {error.detail}.")
    else:
        document |= {"origin": trusted.origin, "trust": _trusted(trusted)}
        warnings += _untrusted(ring, trusted)
    document["warnings"] = warnings
    return KeyReport(document, tuple(warnings))


def _ring(layout: Layout) -> tuple[Ring, str, int]:
    if not layout.database.exists():
        return Ring(), "", 0
    try:
        return read_ring(layout)
    except (sqlite3.Error, RecorderError):
        return Ring(), "", 0


def _held(key: HeldKey, ring: Ring) -> dict[str, Any]:
    in_force = key == ring.current(key.role)
    state = "active" if in_force else "retired"
    told: dict[str, Any] = {"role": key.role, "keyid": key.key_id, "alg": key.algorithm, "since_size": key.since}
    if key.until is not None:
        told["until_size"] = key.until
    if key.compromised_from is not None:
        state = "compromised"
        told["compromised_from_size"] = key.compromised_from
    return told | {"state": state, "delegated": key.delegated, "in_force": in_force}


def _trusted(trusted: trust.Trust) -> dict[str, Any]:
    roots = [key.key_id for key in trusted.of_role("root")]
    return {"version": trusted.version, "threshold": trusted.threshold, "roots": roots}


def _unwise(layout: Layout) -> list[str]:
    keys = layout.keys
    configuration = keys.configuration
    found = []
    root = configuration.root
    if (isinstance(root, FileReference) and (keys.folder / root.path).exists()) or any(keys.root_folder.glob("*.key")):
        found.append(
            "The root key lies beside the recorder: who takes over this machine can replace every key of the log. "
            "Run `clyra keys init --roots 3 --threshold 2 --root-folder DIR` and carry the new ones away."
        )
    plain = [path.name for path in keys.plain_files()]
    if plain:
        found.append(
            f"Keys in the clear on disk (0600): {', '.join(plain)}. "
            "Set CLYRA_KEY_PASSPHRASE_FILE or a systemd credential, then run `clyra keys protect`."
        )
    if isinstance(configuration.log, DelegatedReference) and isinstance(configuration.seal, FileReference):
        found.append("The log key is delegated by a seal key that is itself a file here: that protects little.")
    return found


def _untrusted(ring: Ring, trusted: trust.Trust) -> list[str]:
    """Genesis keys the trust file does not have: no bundle of this log can be verified with it."""
    listed = {key.key_id for key in trusted.keys}
    lacking = [key for key in ring.keys if key.since == 0 and key.key_id not in listed]
    return [f"The trust file lacks the {key.role} key {key.key_id[:16]} the log began with." for key in lacking]
