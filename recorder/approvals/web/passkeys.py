"""Authenticators: what the browser is asked for, and what its answer must be (W3C WebAuthn Level 3).

Registration is checked by py_webauthn (section 7.1), assertions by the code that verifies certificates (section 7.2).
The person must be verified by the authenticator; whether it is a phone or a token makes no difference, so attestation
is not asked for. A signature counter that goes back means a copy, and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recorder import public_key
from recorder.approvals import errors
from recorder.approvals.errors import Refusal
from recorder.approvals.settings import Person
from recorder.web_encoding import WebEncodingError, decode_base64url, to_base64url

TIMEOUT_MS = 120_000
_ES256, _EDDSA, _RS256 = -7, -8, -257


@dataclass(frozen=True, slots=True)
class Registered:
    """A new credential. id: base64url. algorithm, public: as in a trust file."""

    id: str
    algorithm: str
    public: bytes
    signs: int


def creation_options(
    person: Person, rp_id: str, handle: bytes, challenge: bytes, known: Sequence[str]
) -> dict[str, Any]:
    """For `navigator.credentials.create`. handle: of the user, no name in it. known: credential ids he has already."""
    return {
        "rp": {"id": rp_id, "name": "Clyra approvals"},
        "user": {"id": to_base64url(handle), "name": person.name, "displayName": person.name},
        "challenge": to_base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (_ES256, _EDDSA, _RS256)],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [{"type": "public-key", "id": one} for one in known],
        "authenticatorSelection": {"residentKey": "preferred", "userVerification": "required"},
        "attestation": "none",
    }


def request_options(rp_id: str, challenge: str, known: Sequence[str]) -> dict[str, Any]:
    """For `navigator.credentials.get`. challenge: base64url."""
    return {
        "rpId": rp_id,
        "challenge": challenge,
        "timeout": TIMEOUT_MS,
        "allowCredentials": [{"type": "public-key", "id": one} for one in known],
        "userVerification": "required",
    }


def check_registration(answer: dict[str, Any], challenge: bytes, rp_id: str, origin: str) -> Registered:
    """The credential of a registration. Raises Refusal."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = verify_registration_response(
            credential=json.dumps(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            require_user_verification=True,
        )
        algorithm, public = _cose(found.credential_public_key)
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Refusal(errors.BINDING, f"The registration does not hold ({type(error).__name__}).") from None
    if public_key.is_weak(algorithm, public):
        raise Refusal(errors.BINDING, "The authenticator's key is weak.")
    return Registered(to_base64url(found.credential_id), algorithm, public, found.sign_count)


def _cose(raw: bytes) -> tuple[str, bytes]:
    """A COSE key (RFC 9053) as a trust file has it. Raises ValueError, KeyError."""
    import cbor2

    key = cbor2.loads(raw)
    if key[3] == _ES256 and key[1] == 2 and key[-1] == 1:
        return public_key.P256, b"\x04" + key[-2] + key[-3]
    if key[3] == _EDDSA and key[1] == 1 and key[-1] == 6:
        return public_key.ED25519, key[-2]
    if key[3] == _RS256 and key[1] == 3:
        from recorder.approvals.jwk import rsa_key

        return public_key.RSA, rsa_key(key[-1], key[-2])
    raise ValueError("another kind of key")


def assertion_parts(answer: dict[str, Any]) -> tuple[str, bytes, bytes, bytes]:
    """(credential id, clientDataJSON, authenticatorData, signature) of an assertion as JSON. Raises Refusal."""
    try:
        response = answer["response"]
        names = ("clientDataJSON", "authenticatorData", "signature")
        client_data, authenticator_data, signature = (decode_base64url(response[name]) for name in names)
        return str(answer["id"]), client_data, authenticator_data, signature
    except (KeyError, TypeError, WebEncodingError):
        raise Refusal(errors.BINDING, "Not an assertion.") from None
