"""What ties a certificate to a person: proof that his authenticator or his identity provider answered this challenge.

The challenge is SHA-256("clyra-appr/0" || nonce || payload digest), so an answer is good for one payload and one
request. `webauthn` is an assertion by a registered key (W3C WebAuthn Level 3, section 7.2); `oidc_nonce` an ID token
whose nonce is the challenge (OpenID Connect Core 1.0, section 2), with the salt that turns its subject into the
approver's commitment, so that nobody can put another name over a genuine token; `session` nothing but the operator's
word. Keys and their algorithms come from the trust file, never from the message. Everything here is pure.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from recorder import public_key
from recorder.trust import TrustedKey
from recorder.web_encoding import WebEncodingError, decode_base64url, read_object, to_base64url

LABEL: Final = b"clyra-appr/0"
WEBAUTHN, OIDC, SESSION = "webauthn", "oidc_nonce", "session"
TOKEN_SKEW_S: Final = 60
_USER_PRESENT, _USER_VERIFIED, _ATTESTED, _EXTENSIONS = 0x01, 0x04, 0x40, 0x80
_HEAD_BYTES = 37
_ORIGIN = re.compile(r"https://([a-z0-9.-]{1,253})(?::[0-9]{1,5})?|http://(localhost)(?::[0-9]{1,5})?")
_JWS_ALGORITHMS = {
    public_key.ED25519: ("EdDSA", "Ed25519"),
    public_key.P256: ("ES256",),
    public_key.RSA: ("RS256",),
}


class BindingError(ValueError):
    """A binding proves nothing. `code` is E_APPROVAL_NONCE (another challenge) or E_APPROVAL_BINDING."""

    def __init__(self, detail: str, code: str = "E_APPROVAL_BINDING") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Proof:
    """What a good binding shows. methods: of the token (`amr`); user_verified: the authenticator checked the person."""

    kind: str
    user_verified: bool = False
    methods: tuple[str, ...] = ()


def challenge_of(nonce: str, payload_sha256: str) -> str:
    """The challenge text: what WebAuthn's `challenge` decodes to and an ID token's `nonce` must be, as base64url."""
    return to_base64url(sha256(LABEL + nonce.encode() + bytes.fromhex(payload_sha256)).digest())


def subject_commitment(salt: bytes, issuer: str, subject: str) -> str:
    """The commitment to one person: hex HMAC-SHA-256 under a salt made for one request."""
    return hmac.digest(salt, issuer.encode() + b"\x00" + subject.encode(), "sha256").hex()


def webauthn_binding(key_id: str, client_data: bytes, authenticator_data: bytes, signature: bytes) -> dict[str, Any]:
    """The document of an assertion, as `navigator.credentials.get` returned it."""
    return {
        "kind": WEBAUTHN,
        "key": key_id,
        "client_data": to_base64url(client_data),
        "authenticator_data": to_base64url(authenticator_data),
        "signature": to_base64url(signature),
    }


def oidc_binding(key_id: str, id_token: str, jwks: bytes, subject_salt: bytes) -> dict[str, Any]:
    """The document of an ID token. jwks: the provider's key set as it was when the token came."""
    return {
        "kind": OIDC,
        "key": key_id,
        "id_token": id_token,
        "jwks_sha256": sha256(jwks).hexdigest(),
        "subject_salt": subject_salt.hex(),
    }


def session_binding() -> dict[str, Any]:
    """The document that says: the operator says so."""
    return {"kind": SESSION}


def prove(binding: Mapping[str, Any], predicate: Mapping[str, Any], key: TrustedKey | None) -> Proof:
    """What this binding shows about this certificate. Raises BindingError when it shows nothing."""
    if binding["kind"] == SESSION:
        return Proof(SESSION)
    if key is None:
        raise BindingError("its key is not trusted")
    if binding["kind"] == WEBAUTHN:
        return _prove_webauthn(binding, predicate, key)
    return _prove_token(binding, predicate, key)


def check_challenge(binding: Mapping[str, Any], predicate: Mapping[str, Any]) -> None:
    """Raise BindingError(E_APPROVAL_NONCE) when the binding answers another challenge; unreadable ones pass here."""
    try:
        if binding["kind"] == WEBAUTHN:
            answered = _object(_decode(binding["client_data"]))["challenge"]
        elif binding["kind"] == OIDC:
            answered = _object(_decode(_parts(binding["id_token"])[1]))["nonce"]
        else:
            return
    except (BindingError, KeyError):
        return
    wanted = challenge_of(predicate["challenge"]["nonce"], predicate["payload"]["sha256"])
    if isinstance(answered, str) and answered != wanted:
        raise BindingError("it answers another challenge", "E_APPROVAL_NONCE")


def signature_count(authenticator_data: bytes) -> int:
    """The authenticator's counter (section 6.1.1); 0 when the data is too short to have one."""
    return int.from_bytes(authenticator_data[33:_HEAD_BYTES]) if len(authenticator_data) >= _HEAD_BYTES else 0


def prove_assertion(binding: Mapping[str, Any], challenge: str, key: TrustedKey) -> Proof:
    """What an assertion over another challenge than an approval's shows, such as a login's. Raises BindingError."""
    answered = _object(_decode(binding["client_data"])).get("challenge")
    _demand(answered == challenge, "it answers another challenge")
    return _prove_webauthn(binding, {}, key)


def _prove_webauthn(binding: Mapping[str, Any], predicate: Mapping[str, Any], key: TrustedKey) -> Proof:
    raw, data = _decode(binding["client_data"]), _decode(binding["authenticator_data"])
    client = _object(raw)
    _demand(client.get("type") == "webauthn.get", "not an assertion")
    _demand(isinstance(client.get("challenge"), str), "no challenge")
    _demand(client.get("crossOrigin", False) is False, "made inside a foreign page")
    _demand(_is_origin_of(client.get("origin"), key.rp_id), "made for another site")
    _demand(len(data) >= _HEAD_BYTES and data[:32] == sha256(key.rp_id.encode()).digest(), "another relying party")
    flags = data[32]
    _demand(flags & _USER_PRESENT != 0, "nobody was present")
    _demand(len(data) == _HEAD_BYTES or flags & (_ATTESTED | _EXTENSIONS) != 0, "authenticator data of wrong length")
    signature = _decode(binding["signature"])
    signed = key.verifies(signature, data + sha256(raw).digest())
    _demand(signed, "the assertion is not signed by its key")
    return Proof(WEBAUTHN, user_verified=flags & _USER_VERIFIED != 0)


def _prove_token(binding: Mapping[str, Any], predicate: Mapping[str, Any], key: TrustedKey) -> Proof:
    claims = _object(signed_payload(binding["id_token"], key))
    _demand(isinstance(claims.get("nonce"), str), "no nonce")
    _check_claims(claims, predicate, bytes.fromhex(binding["subject_salt"]))
    methods = claims.get("amr", [])
    return Proof(OIDC, methods=tuple(methods))


def signed_payload(token: str, key: TrustedKey) -> bytes:
    """The payload of a compact JWS (RFC 7515) that this key signed by its own algorithm. Raises BindingError."""
    parts = _parts(token)
    header = _object(_decode(parts[0]))
    _demand(header.get("alg") in _JWS_ALGORITHMS[key.alg] and "crit" not in header, "another JWS algorithm")
    payload, signature = _decode(parts[1]), _decode(parts[2])
    if key.alg == public_key.P256:
        _demand(len(signature) == 64, "an ES256 signature has 64 bytes")
        signature = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    _demand(key.verifies(signature, f"{parts[0]}.{parts[1]}".encode()), "the token is not signed by its key")
    return payload


def _check_claims(claims: Mapping[str, Any], predicate: Mapping[str, Any], salt: bytes) -> None:
    approver, challenge = predicate["approver"], predicate["challenge"]
    _demand(claims.get("iss") == approver["iss"], "another issuer")
    subject = claims.get("sub")
    _demand(
        isinstance(subject, str) and subject_commitment(salt, approver["iss"], subject) == approver["sub_c"],
        "the token is about another person",
    )
    _demand(claims.get("aud") in (challenge["aud"], [challenge["aud"]]), "for another audience")
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise BindingError("no times")
    early, late = challenge["iat"] - TOKEN_SKEW_S, challenge["exp"] + TOKEN_SKEW_S
    _demand(early <= issued <= late and expires >= issued, "issued outside the challenge's time")
    for name in ("auth_time", "acr", "amr"):
        if name in claims:
            said = approver.get(name)
            _demand(type(claims[name]) is type(said) and claims[name] == said, f"the token has another {name}")


def _is_origin_of(origin: object, rp_id: str) -> bool:
    match = _ORIGIN.fullmatch(origin) if isinstance(origin, str) else None
    if match is None or not rp_id:
        return False
    host = match[1] or match[2]
    return host == rp_id or host.endswith(f".{rp_id}")


def _parts(token: str) -> list[str]:
    parts = token.split(".")
    _demand(len(parts) == 3, "not a compact JWS")
    return parts


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return read_object(raw)
    except WebEncodingError as error:
        raise BindingError(str(error)) from None


def _decode(text: str) -> bytes:
    try:
        return decode_base64url(text)
    except WebEncodingError as error:
        raise BindingError(str(error)) from None


def _demand(good: bool, detail: str) -> None:
    if not good:
        raise BindingError(detail)
