"""A key on a PKCS#11 token: a hardware security module, a smart card, or SoftHSM.

Ed25519 (CKM_EDDSA) or P-256 (CKM_ECDSA over the SHA-256 digest, which every token offers; the raw r||s it returns
becomes strict DER here). Every signature is verified against the token's own public key before it is used: a token that
signs with another key is found here and not by an auditor. Reference: OASIS PKCS #11 v3.0.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from recorder import public_key
from recorder.errors import KeyFileError, KeyUnavailableError
from recorder.keys.passphrase import find_secret
from recorder.keys.reference import Pkcs11Reference
from recorder.keys.secret_files import read_private

_CURVES = {
    public_key.ED25519: bytes.fromhex("130c656477617264733235353139"),  # PrintableString "edwards25519", PKCS #11 v3.0
    public_key.P256: bytes.fromhex("06082a8648ce3d030107"),  # prime256v1
}


_sessions: dict[tuple[str, str], Any] = {}
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class Pkcs11Key:
    """A private key that never leaves its token."""

    reference: Pkcs11Reference
    public: bytes
    key_id: str
    algorithm: str

    def sign(self, message: bytes) -> bytes:
        import pkcs11

        try:
            with _lock:
                try:
                    signature = self._sign(message)
                except (pkcs11.SessionHandleInvalid, pkcs11.SessionClosed, pkcs11.UserNotLoggedIn, pkcs11.NoSuchKey):
                    _forget(self.reference)  # the token was taken out or restarted: log in anew, once
                    signature = self._sign(message)
        except pkcs11.PKCS11Error as error:
            raise KeyUnavailableError(
                f"The token '{self.reference.token}' does not sign with '{self.reference.label}'.",
                _reason(error),
                "Check that the token is present and the key may sign (CKA_SIGN).",
            ) from None
        if not public_key.verifies(self.algorithm, self.public, signature, message):
            raise KeyUnavailableError(
                f"The token '{self.reference.token}' made a signature that its own public key does not verify.",
                f"Private and public key with the label '{self.reference.label}' do not belong together.",
                "Give each key pair a label of its own.",
            )
        return signature

    def _sign(self, message: bytes) -> bytes:
        import pkcs11

        private = _session(self.reference).get_key(
            object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self.reference.label
        )
        if self.algorithm == public_key.ED25519:
            return bytes(private.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
        raw = private.sign(sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def open_key(reference: Pkcs11Reference) -> Pkcs11Key:
    """Log in to the token and find the key. Raises KeyFileError."""
    with _lock:
        public = _read_public(_session(reference), reference)
    return Pkcs11Key(reference, public, public_key.key_id(reference.algorithm, public), reference.algorithm)


def generate_key(reference: Pkcs11Reference) -> Pkcs11Key:
    """Make a new key pair on the token under the reference's label; it cannot be taken out. Raises KeyFileError."""
    import pkcs11

    edwards = reference.algorithm == public_key.ED25519
    try:
        with _lock, _session(reference).token.open(rw=True) as session:  # logged in already: that holds for the token
            if list(session.get_objects({pkcs11.Attribute.LABEL: reference.label})):
                raise KeyFileError(
                    f"The token '{reference.token}' already has an object '{reference.label}'.",
                    "",
                    "Choose another label.",
                )
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS if edwards else pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: _CURVES[reference.algorithm]},
                local=True,
            )
            parameters.generate_keypair(label=reference.label, id=reference.label.encode()[:32], store=True)
    except pkcs11.PKCS11Error as error:
        raise KeyFileError(
            f"The token '{reference.token}' cannot make a key '{reference.label}'.",
            _reason(error),
            "Some tokens have no Ed25519; use ecdsa-p256-sha256 there.",
        ) from None
    return open_key(reference)


def _session(reference: Pkcs11Reference) -> Any:
    """The one session of this process on a token: login belongs to the process, not to a session."""
    place = (reference.module, reference.token)
    if place not in _sessions:
        _sessions[place] = _log_in(reference)
    return _sessions[place]


def _forget(reference: Pkcs11Reference) -> None:
    """Drop a session that the module no longer knows; closing it may fail for the same reason."""
    import pkcs11

    session = _sessions.pop((reference.module, reference.token), None)
    if session is not None:
        with contextlib.suppress(pkcs11.PKCS11Error):
            session.close()


def _log_in(reference: Pkcs11Reference) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyFileError(
            "PKCS#11 support is not installed.", "The package python-pkcs11 is missing.", "pip install 'clyra[pkcs11]'"
        ) from None
    pin = _pin(reference)
    try:
        return pkcs11.lib(reference.module).get_token(token_label=reference.token).open(user_pin=pin)
    except pkcs11.NoSuchToken:
        why, todo = f"The module {reference.module} has no token of that name.", "Is it plugged in and initialised?"
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid):
        why, todo = "The PIN is wrong.", "Correct the PIN; a token locks itself after a few wrong ones."
    except pkcs11.PinLocked:
        why, todo = "The PIN is locked after too many wrong ones.", "Let the token's security officer set it again."
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        why, todo = _reason(error), f"Check the module path {reference.module}."
    raise KeyFileError(f"The PKCS#11 token '{reference.token}' cannot be used.", why, todo)


def _pin(reference: Pkcs11Reference) -> str:
    raw = read_private(Path(reference.pin_file)) if reference.pin_file else find_secret("pkcs11-pin")
    if not raw:
        raise KeyFileError(
            f"There is no PIN for the token '{reference.token}'.",
            "",
            "Set pin_file in keys.json (a 0600 file), a systemd credential `clyra-pkcs11-pin`, or CLYRA_PKCS11_PIN.",
        )
    return raw.decode("utf-8", "replace").rstrip("\r\n")


def _read_public(session: Any, reference: Pkcs11Reference) -> bytes:
    import pkcs11

    try:
        key = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=reference.label)
        point = bytes(key[pkcs11.Attribute.EC_POINT])
    except pkcs11.MultipleObjectsReturned:
        why = "The token has several keys with that label."
    except pkcs11.NoSuchKey:
        why = "The token has no public key with that label."
    except pkcs11.PKCS11Error as error:
        why = _reason(error)
    else:
        public = _without_wrapping(point, 32 if reference.algorithm == public_key.ED25519 else 65)
        if not public_key.is_weak(reference.algorithm, public):
            return public
        why = f"It is not a key for {reference.algorithm}."
    raise KeyFileError(f"The key '{reference.label}' on token '{reference.token}' cannot be used.", why)


def _without_wrapping(point: bytes, size: int) -> bytes:
    """CKA_EC_POINT is a DER OCTET STRING around the point; some tokens give the bare point."""
    return point[2:] if len(point) == size + 2 and point[:2] == bytes([4, size]) else point


def _reason(error: Exception) -> str:
    words = " ".join(str(part) for part in error.args)
    return f"The module says: {type(error).__name__}{f' ({words})' if words else ''}."
