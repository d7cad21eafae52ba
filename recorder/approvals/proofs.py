"""What a person's answer shows, checked when it comes in by the very code that verifies it years later.

`prove` of `recorder.approval_binding` decides whether an answer holds; here is what only the live system can know: that
an authenticator's counter did not go back, that the key is still enrolled, how strong a login this provider's `acr` and
`amr` mean. Nothing is taken from the message that the certificate could not show again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recorder import approval_binding, public_key, trust
from recorder.approval_binding import BindingError
from recorder.approval_terms import Approver
from recorder.approvals import errors
from recorder.approvals.errors import Refusal
from recorder.approvals.settings import Person, Provider
from recorder.web_encoding import WebEncodingError, decode_base64url, read_object


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person sent. binding: as in a certificate. key: what verifies it. provider: of an ID token.

    accept: asked once the proof holds and before anything is decided; raises Refusal.
    """

    binding: Mapping[str, Any]
    key: trust.TrustedKey | None
    provider: Provider | None = None
    accept: Callable[[], None] | None = None


def approver_of(person: Person, commitment: str, answer: Answer) -> Approver:
    """Who decided, as the certificate will say; the values of an ID token are taken from it as they stand."""
    kind = answer.binding["kind"]
    if kind == approval_binding.WEBAUTHN:
        verified = _flags(answer.binding) & 0x04 != 0
        return Approver(person.iss, commitment, verified, True, ("hwk", "user"), person.domain)
    if kind == approval_binding.SESSION:
        return Approver(person.iss, commitment, False, False, ("oob",), person.domain)
    claims = token_claims(str(answer.binding["id_token"]))
    methods = claims.get("amr", [])
    auth_time, context = claims.get("auth_time", 0), claims.get("acr", "")
    sound = isinstance(methods, list) and all(isinstance(one, str) and 0 < len(one) <= 32 for one in methods)
    if not sound or type(auth_time) is not int or not isinstance(context, str):
        raise Refusal(errors.BINDING, "The token's amr, acr or auth_time is malformed.")
    return Approver(person.iss, commitment, "mfa" in methods, False, tuple(methods), person.domain, auth_time, context)


def check_answer(answer: Answer, predicate: Mapping[str, Any]) -> None:
    """Raise Refusal unless the answer holds for this predicate."""
    try:
        approval_binding.check_challenge(answer.binding, predicate)
        approval_binding.prove(answer.binding, predicate, answer.key)
    except BindingError as error:
        raise Refusal(error.code, f"The proof does not hold: {error.detail}.") from None


def check_strength(answer: Answer, approver: Approver, action_class: str, *, mfa: bool, resistant: bool) -> None:
    """Raise Refusal(E_APPROVAL_MFA) when the login was weaker than what is asked for."""
    if resistant and not approver.phishing_resistant:
        raise Refusal(errors.MFA, f"Class {action_class} needs an authenticator.")
    if mfa and not (approver.multi_factor or _shows_second_factor(answer.provider, approver)):
        raise Refusal(errors.MFA)


def _shows_second_factor(provider: Provider | None, approver: Approver) -> bool:
    if provider is None:
        return False
    return bool(set(approver.methods) & set(provider.amr)) or approver.context in provider.acr


def token_claims(token: str) -> dict[str, Any]:
    """The claims of a compact JWS, unverified. Raises Refusal."""
    parts = token.split(".")
    try:
        return read_object(decode_base64url(parts[1] if len(parts) == 3 else ""))
    except WebEncodingError:
        raise Refusal(errors.BINDING, "Not an ID token.") from None


def _flags(binding: Mapping[str, Any]) -> int:
    data = _data(binding)
    return data[32] if len(data) > 32 else 0


def _data(binding: Mapping[str, Any]) -> bytes:
    try:
        return decode_base64url(str(binding["authenticator_data"]))
    except WebEncodingError:
        raise Refusal(errors.BINDING, "The authenticator data is not base64url.") from None


def trusted_key(algorithm: str, public: bytes, *, iss: str, sub_c: str = "", rp_id: str = "") -> trust.TrustedKey:
    """A key of an approver or a provider as the verifier's code takes it. Raises Refusal for one that is unusable."""
    if algorithm not in public_key.KNOWN or public_key.is_weak(algorithm, public):
        raise Refusal(errors.APPROVER, "The key is of no usable kind.")
    key_id = public_key.key_id(algorithm, public)
    return trust.TrustedKey(key_id, algorithm, public, "approver_idp", 0, iss=iss, sub_c=sub_c, rp_id=rp_id)
