"""The questions about one approval certificate and the record that used it up: each is a pure function of the two.

Rule: a question either passes or raises FailedError with the S8 code of the verifier that names it; `QUESTIONS` are
those that need nothing else, in the order in which they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from recorder import approval, canonical
from recorder.approval_binding import OIDC, SESSION, WEBAUTHN, BindingError, Proof, check_challenge, prove
from recorder.record import timestamp
from recorder.trust import TrustedKey

APPROVER_ROLE: Final = "approver_idp"
_SECOND_US = 1_000_000


class FailedError(Exception):
    """A certificate fails one question. `code` is an S8 code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def belongs_to(key: TrustedKey, kind: str, approver: Mapping[str, Any]) -> bool:
    """An authenticator's key names its person; a provider's key names the provider."""
    named = key.sub_c and key.rp_id if kind == WEBAUTHN else key.iss
    same = key.iss in ("", approver["iss"]) and key.sub_c in ("", approver["sub_c"])
    return key.role == APPROVER_ROLE and bool(named) and same and kind in (WEBAUTHN, OIDC)


def _segregation(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    duties = certificate.predicate["sod"]
    if not duties["distinct"] or duties["requester_c"] == certificate.predicate["approver"]["sub_c"]:
        raise FailedError("E_APPROVAL_SOD", "the approver is the requester")


def _payload(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    approved = certificate.predicate["payload"]["sha256"]
    if record["data"]["payload_sha256"] != approved or certificate.payload_subject != approved:
        raise FailedError("E_APPROVAL_PAYLOAD", "another payload was approved")


def _action(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    action, act = certificate.predicate["action"], record["act"]
    same = all(action[name] == act[name] for name in ("op", "target"))
    same = same and all(action[name] == act.get(name) for name in ("method", "host") if name in action)
    same = same and action.get("tool") == act.get("tool") and action.get("tenant") == record["agent"].get("tenant")
    if not same or sha256(canonical.encode(action)).hexdigest() != certificate.action_subject:
        raise FailedError("E_APPROVAL_ACTION", "another action was approved")


def _not_yet(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    if record["ts"] < timestamp(certificate.predicate["challenge"]["iat"] * _SECOND_US):
        raise FailedError("E_APPROVAL_NOT_YET", "it was used before it was asked for")


def _expired(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    if record["ts"] > timestamp(certificate.predicate["challenge"]["exp"] * _SECOND_US):
        raise FailedError("E_APPROVAL_EXPIRED", "it was used after its time")


def _policy(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    if certificate.predicate["decision"] != approval.GRANT:
        raise FailedError("E_APPROVAL_POLICY", "it is a refusal")
    if certificate.predicate["policy"]["sha256"] != record["verdict"]["policy_sha256"]:
        raise FailedError("E_APPROVAL_POLICY", "it was given under another policy")


def _nonce(certificate: approval.Parsed, record: Mapping[str, Any]) -> None:
    for binding in certificate.predicate["binding"]:
        try:
            check_challenge(binding, certificate.predicate)
        except BindingError as error:
            raise FailedError(error.code, error.detail) from None


QUESTIONS: Final[tuple[Callable[[approval.Parsed, Mapping[str, Any]], None], ...]] = (
    _segregation,
    _payload,
    _action,
    _not_yet,
    _expired,
    _policy,
    _nonce,
)


def prove_bindings(certificate: approval.Parsed, keys: Iterable[TrustedKey | None]) -> list[Proof]:
    """What ties a certificate to a person, each binding proven by its key. Raises FailedError."""
    bindings = certificate.predicate["binding"]
    if not bindings:
        raise FailedError("E_APPROVAL_BINDING", "nothing ties it to a person")
    try:
        return [prove(binding, certificate.predicate, key) for binding, key in zip(bindings, keys, strict=True)]
    except BindingError as error:
        raise FailedError(error.code, error.detail) from None


def check_factors(certificate: approval.Parsed, proofs: list[Proof]) -> None:
    """That the factors it claims are shown by its bindings. Raises FailedError."""
    approver = certificate.predicate["approver"]
    multiple = any(proof.user_verified or "mfa" in proof.methods for proof in proofs)
    if all(proof.kind == SESSION for proof in proofs):
        multiple = "mfa" in approver["amr"]
    if approver["mfa"] and not multiple:
        raise FailedError("E_APPROVAL_MFA", "no second factor is shown")
    if approver["phishing_resistant"] and all(proof.kind != WEBAUTHN for proof in proofs):
        raise FailedError("E_APPROVAL_MFA", "no authenticator is shown")


def check_quorum(certificate: approval.Parsed, together: list[approval.Parsed]) -> None:
    """That as many different persons as needed approved the same. Raises FailedError."""
    need = certificate.predicate["quorum"]["need"]
    persons = {one.predicate["approver"]["sub_c"] for one in together if one.group == certificate.group}
    if need > 1 and (not certificate.group or len(persons) < need):
        raise FailedError("E_APPROVAL_QUORUM", f"{len(persons)} of {need} approvers")


def warnings_of(certificate: approval.Parsed, proofs: list[Proof]) -> Iterator[str]:
    """What a reader should know although nothing is wrong: codes of warnings."""
    if all(proof.kind == SESSION for proof in proofs):
        yield "W_APPROVAL_OPERATOR_ASSERTED"
    if certificate.predicate["payload"]["c14n"] == "raw":
        yield "W_PAYLOAD_RAW"
