"""The next version of a trust file: what changes, and whether enough roots, old and new, stand behind it.

A trust file is replaced, never edited: the next version names all keys again and is signed by the threshold of the
roots it names and by the threshold of the roots before it, so that whoever holds any older version can follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from recorder import canonical, dsse, public_key, trust
from recorder.errors import KeyChangeError
from recorder.keys.ceremony import Draft

MAX_KEYS = 256


class PublicPart(Protocol):
    """What a trust file says of a key."""

    @property
    def public(self) -> bytes: ...

    @property
    def key_id(self) -> str: ...

    @property
    def algorithm(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Update:
    """What is to change. entries: whole keys as a trust file has them, put in place of ones with the same id."""

    entries: Sequence[Mapping[str, Any]] = ()
    remove: frozenset[str] = frozenset()
    threshold: int | None = None
    witness_need: int | None = None
    expires_size: int | None = None
    tsa: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def entry(role: str, key: PublicPart, **more: Any) -> dict[str, Any]:
    """One key of a trust file, valid from the start."""
    told = {"keyid": key.key_id, "alg": key.algorithm, "pub": key.public.hex(), "role": role}
    return {**told, "valid_from_size": 0, "state": "active", **more}


def first(origin: str, log: PublicPart, seal: PublicPart, roots: Sequence[PublicPart], threshold: int) -> Draft:
    """Version 1, without signatures."""
    keys = [entry("log", log), entry("seal", seal), *(entry("root", root) for root in roots)]
    document = {"v": "def-trust/0", "version": 1, "origin": origin, "threshold": threshold, "keys": keys}
    return Draft(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE)


def following(current: bytes, update: Update) -> Draft:
    """The version after `current` (a signed trust file), without signatures. Raises KeyChangeError."""
    document = canonical.check(dsse.parse(current, trust.PAYLOAD_TYPE).payload, trust.MAX_BYTES)
    known = {key["keyid"]: key for key in document["keys"]}
    missing = sorted(update.remove - known.keys())
    if missing:
        raise KeyChangeError(f"The trust file has no key {missing[0]}.", "", "`clyra keys show` lists them.")
    kept = {name: key for name, key in known.items() if name not in update.remove}
    for one in update.entries:
        kept[str(one["keyid"])] = dict(one)
    document |= {"version": document["version"] + 1, "keys": list(kept.values())}
    for name, value in (("threshold", update.threshold), ("expires_size", update.expires_size)):
        if value is not None:
            document[name] = value
    if update.witness_need is not None:
        document["witness"] = {"need": update.witness_need}
    if update.tsa:
        names = {one["name"] for one in update.tsa}
        others = [one for one in document.get("tsa", []) if one["name"] not in names]
        document["tsa"] = [*others, *(dict(one) for one in update.tsa)]
    if len(kept) > MAX_KEYS:
        raise KeyChangeError(
            f"A trust file holds at most {MAX_KEYS} keys, and there would be {len(kept)}.",
            "",
            "Leave out with --remove what nobody needs.",
        )
    roots = [key for key in kept.values() if key["role"] == "root"]
    if len(roots) < document["threshold"]:
        raise KeyChangeError(
            f"{document['threshold']} roots would have to sign, and there would be {len(roots)}.",
            "",
            "Lower --threshold, or keep more roots.",
        )
    return Draft(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE)


def log_entries(ring_keys: Iterable[Any], document_keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the log itself knows of its keys, as entries: new ones to add, known ones with tighter bounds.

    Delegated keys come and go by the log's own statements and are left out, but for those that a seal key delegated
    which is void there: a statement by it is worth nothing any more, so the roots have to vouch for the key themselves.
    """
    known = {key["keyid"]: key for key in document_keys}
    held = list(ring_keys)
    found = []
    for key in held:
        if key.delegated and not _lost_its_endorser(key, held):
            continue
        told = dict(known.get(key.key_id) or entry(key.role, key, valid_from_size=key.since))
        if key.until is not None:
            told["valid_until_size"] = min(key.until, told.get("valid_until_size", key.until))
            told["state"] = "retired" if told["state"] == "active" else told["state"]
        if key.compromised_from is not None:
            told["state"] = "compromised"
            told["compromised_from_size"] = min(
                key.compromised_from, told.get("compromised_from_size", key.compromised_from)
            )
        found.append(told)
    return found


def _lost_its_endorser(key: Any, held: Sequence[Any]) -> bool:
    """Whether the seal key in force when this log key was delegated has been void since before that."""
    return any(
        seal.role == "seal"
        and seal.compromised_from is not None
        and max(seal.since, seal.compromised_from) <= key.since
        and (seal.until is None or key.since <= seal.until)
        for seal in held
    )


def accept(current: bytes, draft: Draft, genesis: Mapping[str, str]) -> bytes:
    """The signed next trust file, if it may be put in force. Raises KeyChangeError.

    genesis: id -> role of the keys the log began with; without them no bundle of the log could be verified.
    """
    raw = draft.to_bytes()
    try:
        before, after = trust.load(current), trust.load(raw)
        trust.check_succession(after, before.authority)
    except trust.TrustError as error:
        raise KeyChangeError(
            "The trust file cannot be put in force yet.",
            f"{error.detail[0].upper()}{error.detail[1:]}.",
            "Gather more signatures with `clyra keys sign`, and import all files together.",
        ) from None
    if after.version <= before.version:
        raise KeyChangeError(f"Version {after.version} is not newer than version {before.version}, in force.")
    listed = {(key.key_id, key.role) for key in after.keys}
    if not genesis.items() <= listed:
        raise KeyChangeError(
            "The trust file lacks a key the log began with.",
            "No bundle could be verified with it.",
            "List it, retired.",
        )
    return raw


def public_of_pem(pem: bytes, name: str) -> tuple[str, bytes]:
    """(algorithm, public key) of a PEM public key, as root keys leave them. Raises KeyChangeError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from recorder.keys.local import point_of

    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise KeyChangeError(f"{name} is not a public key.", str(error)) from None
    if isinstance(key, Ed25519PublicKey):
        return public_key.ED25519, key.public_bytes_raw()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return public_key.P256, point_of(key)
    raise KeyChangeError(f"{name} is neither an Ed25519 nor a P-256 key.")


def public_pem(key: PublicPart) -> bytes:
    """The public part as PEM, to be given to whoever writes the trust file."""
    import base64
    import textwrap

    body = "\n".join(textwrap.wrap(base64.b64encode(public_key.spki(key.algorithm, key.public)).decode(), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()
