"""Signing by root keys that never meet: a draft goes from machine to machine and gathers signatures.

A draft is a DSSE envelope that may have no signature yet. Whoever signs sees in words what he signs, read from the very
bytes that are signed. Drafts of the same payload are merged; nothing is taken into force before the threshold is met.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recorder import canonical, dsse, rotation, strict_json, trust
from recorder.errors import KeyChangeError
from recorder.keys.interface import SigningKey

TYPES = (rotation.PAYLOAD_TYPE, trust.PAYLOAD_TYPE)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed, and the signatures it has. signatures: (key id, signature)."""

    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...] = ()

    @property
    def is_trust(self) -> bool:
        return self.payload_type == trust.PAYLOAD_TYPE

    def signed_by(self, key: SigningKey) -> Draft:
        """With one more signature; a key signs once."""
        others = tuple(one for one in self.signatures if one[0] != key.key_id)
        signature = key.sign(dsse.pae(self.payload_type, self.payload))
        return replace(self, signatures=(*others, (key.key_id, signature)))

    def to_bytes(self) -> bytes:
        """A DSSE envelope as soon as it has a signature."""
        document = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": name, "sig": base64.b64encode(signature).decode()} for name, signature in self.signatures
            ],
        }
        return strict_json.write(document) + b"\n"


def read_draft(raw: bytes, name: str) -> Draft:
    """A draft or a complete envelope. name: of the file, for messages. Raises KeyChangeError."""
    try:
        document = strict_json.read(raw.removesuffix(b"\n"))
        if not isinstance(document, dict) or document.get("payloadType") not in TYPES:
            raise KeyChangeError(f"{name} is neither a key change nor a trust file.", "Its type is another.")
        listed = document.get("signatures")
        if listed == []:
            whole = set(document) == {"payload", "payloadType", "signatures"}
            payload = base64.b64decode(document["payload"], validate=True)
            if not whole or base64.b64encode(payload).decode() != document["payload"]:
                raise KeyChangeError(f"{name} is damaged.", "It is not a DSSE envelope.")
            draft = Draft(payload, document["payloadType"])
        else:
            envelope = dsse.parse(raw, document["payloadType"])
            draft = Draft(envelope.payload, envelope.payload_type, envelope.signatures)
        _check_payload(draft)
    except (strict_json.StrictJsonError, dsse.DsseError, rotation.RotationError, canonical.CanonicalError) as error:
        raise KeyChangeError(f"{name} cannot be read.", error.detail, "Fetch it again.") from None
    except (KeyError, TypeError, ValueError) as error:
        raise KeyChangeError(f"{name} cannot be read.", f"{type(error).__name__}: {error}", "Fetch it again.") from None
    return draft


def merge(drafts: Sequence[Draft]) -> Draft:
    """All signatures over one payload. Raises KeyChangeError when the payloads differ."""
    first = drafts[0]
    if any((one.payload, one.payload_type) != (first.payload, first.payload_type) for one in drafts):
        raise KeyChangeError("These files are not about the same thing.", "Their payloads differ.", "Import one only.")
    gathered = {name: signature for one in drafts for name, signature in one.signatures}
    return replace(first, signatures=tuple(sorted(gathered.items())))


def describe(draft: Draft) -> list[str]:
    """In words what a signature would say, one line each."""
    if draft.is_trust:
        return list(_describe_trust(canonical.check(draft.payload, trust.MAX_BYTES)))
    return list(_describe_change(rotation.parse_payload(draft.payload)))


def _check_payload(draft: Draft) -> None:
    if draft.is_trust:
        canonical.check(draft.payload, trust.MAX_BYTES)
    else:
        rotation.parse_payload(draft.payload)


def _describe_change(change: rotation.Change) -> Iterable[str]:
    yield f"{change.kind.capitalize()} of a {change.role} key of the log {change.origin}"
    if change.kind == rotation.REVOCATION:
        yield f"  key that goes   {change.key_id}"
    else:
        yield f"  new key         {change.key_id} ({change.algorithm})"
        yield f"  key that goes   {change.replaces}"
    if change.compromised_from_size is not None:
        yield f"  compromised     from size {change.compromised_from_size} on: what it signed there is void"
    if change.until_size is not None:
        yield f"  until size      {change.until_size}"
    yield f"  made at size    {change.size}"
    yield f"  reason          {change.reason}"


def _describe_trust(document: dict[str, Any]) -> Iterable[str]:
    roots = [key for key in document["keys"] if key["role"] == "root"]
    yield f"Trust file, version {document['version']}, of the log {document['origin']}"
    yield f"  roots           {document['threshold']} of {len(roots)} must sign"
    for key in document["keys"]:
        bounds = f"from {key['valid_from_size']}"
        if "valid_until_size" in key:
            bounds += f" to {key['valid_until_size']}"
        state = (
            key["state"] if "compromised_from_size" not in key else f"compromised from {key['compromised_from_size']}"
        )
        yield f"  {key['role']:<14}  {key['keyid']} {key['alg']} {bounds}, {state} {key.get('name', '')}".rstrip()
    if "witness" in document:
        yield f"  witnesses       {document['witness']['need']} needed"
    for one in document.get("tsa", ()):
        yield f"  time stamps by  {one['name']}"
    if "expires_size" in document:
        yield f"  expires         at size {document['expires_size']}"
