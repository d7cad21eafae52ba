"""A key of the transit engine of OpenBao or HashiCorp Vault: it signs over HTTP and never shows its private key.

The public key is read from the engine once and pinned; every signature is verified against it before it is used. The
token is read anew from its file for each request, so that an agent can renew it. What may pass by itself (no
connection, 5xx, 429) is tried again until `timeout_s` is over; a refusal is not. Used for bundle statements,
delegations and trust files only, never for checkpoints. Reference: OpenBao API, secret/transit.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from recorder import public_key
from recorder.errors import KeyFileError, KeyUnavailableError
from recorder.keys.local import point_of
from recorder.keys.passphrase import find_secret
from recorder.keys.reference import TransitReference
from recorder.keys.secret_files import read_private

_TYPES = {public_key.ED25519: "ed25519", public_key.P256: "ecdsa-p256"}
_PAUSE_S = 0.2
_PASSING = frozenset((429, 500, 502, 503, 504))


@dataclass(frozen=True, slots=True)
class TransitKey:
    """One version of one transit key."""

    reference: TransitReference
    public: bytes
    key_id: str
    algorithm: str

    def sign(self, message: bytes) -> bytes:
        asked = {"input": base64.b64encode(message).decode(), "key_version": self.reference.version}
        if self.algorithm == public_key.P256:
            asked |= {"hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1", "prehashed": False}
        answer = _ask(self.reference, "POST", f"sign/{self.reference.key}", asked)
        signature = _signature(answer, self.reference.version)
        if not public_key.verifies(self.algorithm, self.public, signature, message):
            raise KeyUnavailableError(
                f"{_name(self.reference)} made a signature that its public key does not verify.",
                "The engine signs with another key or version than it publishes.",
                "Check the key's name, version and type in keys.json.",
            )
        return signature


def open_key(reference: TransitReference) -> TransitKey:
    """Read the public key of the version meant. Raises KeyFileError, KeyUnavailableError."""
    found = _ask(reference, "GET", f"keys/{reference.key}")
    if found.get("type") != _TYPES[reference.algorithm]:
        raise KeyFileError(
            f"{_name(reference)} is of type {found.get('type')}, not {_TYPES[reference.algorithm]}.",
            "",
            "Correct `algorithm` in keys.json.",
        )
    version = found.get("keys", {}).get(str(reference.version))
    if not isinstance(version, dict):
        raise KeyFileError(f"{_name(reference)} has no version {reference.version}.", "", "Correct `version`.")
    public = _public(reference, version.get("public_key", ""))
    return TransitKey(reference, public, public_key.key_id(reference.algorithm, public), reference.algorithm)


def generate_key(reference: TransitReference) -> TransitKey:
    """Make the key, or its next version when it is there already. Raises KeyFileError, KeyUnavailableError."""
    wanted = {"type": _TYPES[reference.algorithm], "exportable": False, "allow_plaintext_backup": False}
    try:
        before = _ask(reference, "GET", f"keys/{reference.key}")
    except KeyFileError:
        before = {}
    if before:
        _ask(reference, "POST", f"keys/{reference.key}/rotate", {})
    else:
        _ask(reference, "POST", f"keys/{reference.key}", wanted)
    newest = _ask(reference, "GET", f"keys/{reference.key}").get("latest_version")
    return open_key(replace(reference, version=int(newest or 1)))


def _ask(reference: TransitReference, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`data` of the answer. Raises KeyFileError when refused, KeyUnavailableError when it cannot be reached."""
    import httpx

    url = f"{reference.address.rstrip('/')}/v1/{reference.mount}/{path}"
    deadline = time.monotonic() + reference.timeout_s
    trouble = ""
    with httpx.Client(verify=_context(reference), timeout=reference.timeout_s, trust_env=False) as client:
        while True:
            try:
                answer = client.request(method, url, headers=_headers(reference), json=body)
            except httpx.HTTPError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code not in _PASSING:
                    return _data(reference, answer)
                trouble = f"HTTP {answer.status_code}: {_said(answer)}"
            if time.monotonic() + _PAUSE_S >= deadline:
                break
            time.sleep(_PAUSE_S)
    raise KeyUnavailableError(
        f"{_name(reference)} cannot be reached.",
        f"After {reference.timeout_s:g} s: {trouble}.",
        "Check that the server runs and is unsealed, the address, and ca_file.",
    )


def _data(reference: TransitReference, answer: Any) -> dict[str, Any]:
    status = answer.status_code
    if status in (401, 403):
        todo = (
            f"Give it a policy for {reference.mount}/sign/{reference.key} (update), {reference.mount}/keys/... (read)."
        )
        raise KeyFileError(f"The token may not use {_name(reference)}.", f"The server says: {_said(answer)}.", todo)
    if status == 404:
        raise KeyFileError(
            f"{_name(reference)} does not exist.", f"The server says: {_said(answer)}.", "Check mount and key."
        )
    if status == 204:
        return {}
    try:
        document = answer.json()
    except ValueError:
        document = None
    if status != 200 or not isinstance(document, dict):
        raise KeyFileError(f"{_name(reference)} refuses.", f"HTTP {status}: {_said(answer)}.")
    data = document.get("data")
    return data if isinstance(data, dict) else {}


def _said(answer: Any) -> str:
    try:
        errors = answer.json().get("errors") or []
        return "; ".join(str(one).strip() for one in errors)[:300] or "nothing"
    except (ValueError, AttributeError):
        return "nothing that can be read"


def _context(reference: TransitReference) -> ssl.SSLContext:
    """TLS 1.2 or later, against ca_file or the system's authorities."""
    try:
        context = ssl.create_default_context(cafile=reference.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise KeyFileError(f"Cannot use the authority file {reference.ca_file}.", str(error)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _headers(reference: TransitReference) -> dict[str, str]:
    raw = read_private(Path(reference.token_file)) if reference.token_file else find_secret("transit-token")
    token = raw.decode("ascii", "replace").strip() if raw else ""
    if not token:
        raise KeyFileError(
            f"There is no token for {_name(reference)}.",
            "",
            "Set token_file in keys.json (a 0600 file), a systemd credential `clyra-transit-token`, "
            "or CLYRA_TRANSIT_TOKEN.",
        )
    found = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    return found | ({"X-Vault-Namespace": reference.namespace} if reference.namespace else {})


def _signature(answer: Mapping[str, Any], version: int) -> bytes:
    """Out of `vault:v<version>:<base64>`."""
    text = str(answer.get("signature", ""))
    prefix = f"vault:v{version}:"
    try:
        found = base64.b64decode(text.removeprefix(prefix), validate=True)
    except binascii.Error:
        found = b""
    if not found or not text.startswith(prefix):
        raise KeyUnavailableError("The transit engine's answer holds no signature of the version asked for.")
    return found


def _public(reference: TransitReference, text: str) -> bytes:
    public = b""
    try:
        if reference.algorithm == public_key.ED25519:
            public = base64.b64decode(text, validate=True)
        else:
            loaded = serialization.load_pem_public_key(text.encode())
            public = point_of(loaded) if isinstance(loaded, ec.EllipticCurvePublicKey) else b""
    except (ValueError, binascii.Error):
        public = b""
    if public_key.is_weak(reference.algorithm, public):
        raise KeyFileError(f"The public key of {_name(reference)} cannot be read.")
    return public


def _name(reference: TransitReference) -> str:
    return f"The transit key '{reference.key}' at {reference.address}"
