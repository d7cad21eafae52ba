"""Validating certificates offline, by themselves: whoever has them and the trust file needs nothing else.

The questions and their order are those of the verifier (`approval_check`), without the two that only a log can answer
(used before, used in time by the log's clock). One more is asked: whether the nonce commits to what the certificate
says, as those of this recorder do (`challenges`). A certificate of BEC grade grants, and rests on something its person
signed; how strong his login was is in it. Answers are remembered by the digest of the certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from recorder import approval, canonical, public_key, trust
from recorder.approval_binding import OIDC, SESSION, WEBAUTHN, Proof
from recorder.approval_questions import (
    FailedError,
    belongs_to,
    check_factors,
    check_quorum,
    prove_bindings,
    warnings_of,
)
from recorder.approvals import challenges

MOST_REMEMBERED: Final = 65_536
_BY_PEOPLE = (WEBAUTHN, OIDC)


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a certificate must be about; empty or None: not asked. at: seconds since the epoch."""

    payload_sha256: str = ""
    policy_sha256: str = ""
    tenant: str | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one certificate. code: "" when it is valid. bec: it is, grants, and a person signed it."""

    digest: str
    id: str = ""
    decision: str = ""
    code: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()
    bindings: tuple[str, ...] = ()
    bec: bool = False
    expires: int = 0

    @property
    def valid(self) -> bool:
        return not self.code

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "cert_sha256": self.digest,
            "id": self.id,
            "decision": self.decision,
            "valid": self.valid,
            "bec": self.bec,
            "code": self.code,
            "detail": self.detail,
            "warnings": list(self.warnings),
            "bindings": list(self.bindings),
            "expires": self.expires,
        }


@dataclass(slots=True)
class Validator:
    """keys: those of the trust file, by id. lent: ids of keys that are only their recorder's word."""

    keys: dict[str, trust.TrustedKey]
    expected: Expectations = field(default_factory=Expectations)
    lent: set[str] = field(default_factory=set)
    _groups: dict[str, dict[str, approval.Parsed]] = field(default_factory=dict)
    _known: dict[bytes, Finding] = field(default_factory=dict)

    @classmethod
    def of_trust(cls, raw: bytes, expected: Expectations | None = None) -> Validator:
        """Raises TrustError for a trust file that cannot be used."""
        keys = {key.key_id: key for key in trust.load(raw).keys}
        return cls(keys, expected or Expectations())

    def trust_also(self, entry: Mapping[str, Any], *, lent: bool = False) -> None:
        """One more approver's key, as `trust_entry` of `enrolled` writes it. Raises ValueError.

        lent: it is the recorder's word alone; a certificate that needs it says so (`W_KEYS_OF_RECORDER`).
        """
        try:
            alg, public, role = entry["alg"], bytes.fromhex(entry["pub"]), entry["role"]
            named = {name: str(entry.get(name, "")) for name in ("iss", "sub_c", "rp_id")}
        except (KeyError, TypeError) as error:
            raise ValueError("not a key entry") from error
        if role != "approver_idp" or alg not in public_key.KNOWN or public_key.is_weak(alg, public):
            raise ValueError("not an approver's key")
        key_id = public_key.key_id(alg, public)
        if lent and key_id not in self.keys:
            self.lent.add(key_id)
        self.keys.setdefault(key_id, trust.TrustedKey(key_id, alg, public, role, 0, **named))  # type: ignore[arg-type]
        self._known.clear()

    def announce(self, certificates: Iterable[bytes]) -> None:
        """Certificates that may count together, those of a folder for example. Unreadable ones are left out."""
        for raw in certificates:
            try:
                parsed = approval.parse(raw)
            except approval.ApprovalError:
                continue
            if parsed.group:
                self._groups.setdefault(parsed.group, {})[parsed.digest] = parsed
        self._known.clear()

    def validate(self, raw: bytes) -> Finding:
        """What is to be said of a certificate. Never raises."""
        key = sha256(raw).digest()
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            found = self._known[key] = self._judge(raw)
        return found

    def _judge(self, raw: bytes) -> Finding:
        try:
            parsed = approval.parse(raw)
        except approval.ApprovalError as error:
            return Finding(sha256(raw).hexdigest(), code="E_APPROVAL_SIG", detail=error.detail)
        predicate = parsed.predicate
        kinds = tuple(sorted({binding["kind"] for binding in predicate["binding"]}))
        told: dict[str, Any] = {"digest": parsed.digest, "id": parsed.id, "decision": predicate["decision"]}
        told |= {"bindings": kinds, "expires": predicate["challenge"]["exp"]}
        try:
            proofs = self._questions(parsed)
        except FailedError as error:
            return Finding(**told, code=error.code, detail=error.detail)
        warnings = tuple(warnings_of(parsed, proofs))
        if any(binding.get("key") in self.lent for binding in predicate["binding"]):
            warnings += ("W_KEYS_OF_RECORDER",)
        signed = any(proof.kind in _BY_PEOPLE for proof in proofs)
        return Finding(**told, warnings=warnings, bec=signed and predicate["decision"] == approval.GRANT)

    def _questions(self, parsed: approval.Parsed) -> list[Proof]:
        """Raises FailedError at the first that it fails."""
        self._sealed(parsed)
        keys = self._approver_keys(parsed)
        self._about(parsed)
        predicate = parsed.predicate
        if len(predicate["challenge"]["nonce"]) == challenges.LENGTH and not challenges.covers(predicate):
            raise FailedError("E_APPROVAL_NONCE", "its nonce commits to something else")
        proofs = prove_bindings(parsed, keys)
        check_factors(parsed, proofs)
        together = {parsed.digest: parsed, **self._groups.get(parsed.group, {})}
        if predicate["decision"] == approval.GRANT:
            check_quorum(parsed, [one for one in together.values() if self._counts(one, parsed)])
        return proofs

    def _counts(self, one: approval.Parsed, parsed: approval.Parsed) -> bool:
        """Whether a certificate counts towards the quorum of another: for the same thing, granted, and sealed."""
        same = all(one.predicate[name] == parsed.predicate[name] for name in ("payload", "action", "policy"))
        if one.digest == parsed.digest:
            return True
        try:
            self._sealed(one)
            prove_bindings(one, self._approver_keys(one))
        except FailedError:
            return False
        return same and one.predicate["decision"] == approval.GRANT

    def _sealed(self, parsed: approval.Parsed) -> None:
        seals = {name: key for name, key in self.keys.items() if key.role == "seal"}
        signers = parsed.envelope.signers(seals)
        good = [name for name in signers if seals[name].compromised_from is None]
        if len(signers) != len(parsed.envelope.signatures) or not good:
            raise FailedError("E_APPROVAL_SIG", "not signed by a trusted seal key")

    def _approver_keys(self, parsed: approval.Parsed) -> list[trust.TrustedKey | None]:
        found: list[trust.TrustedKey | None] = []
        for binding in parsed.predicate["binding"]:
            key = None if binding["kind"] == SESSION else self.keys.get(binding["key"])
            if binding["kind"] != SESSION and (
                key is None
                or key.compromised_from is not None
                or not belongs_to(key, binding["kind"], parsed.predicate["approver"])
            ):
                raise FailedError("E_APPROVAL_APPROVER", "the key of the binding is not this approver's")
            found.append(key)
        return found

    def _about(self, parsed: approval.Parsed) -> None:
        """Segregation of duties, payload, action, time and policy."""
        predicate, expected = parsed.predicate, self.expected
        duties = predicate["sod"]
        if not duties["distinct"] or duties["requester_c"] == predicate["approver"]["sub_c"]:
            raise FailedError("E_APPROVAL_SOD", "the approver is the requester")
        approved = predicate["payload"]["sha256"]
        if parsed.payload_subject != approved or expected.payload_sha256 not in ("", approved):
            raise FailedError("E_APPROVAL_PAYLOAD", "another payload was approved")
        action = sha256(canonical.encode(predicate["action"])).hexdigest()
        if action != parsed.action_subject or expected.tenant not in (None, predicate["action"].get("tenant", "")):
            raise FailedError("E_APPROVAL_ACTION", "another action was approved")
        challenge = predicate["challenge"]
        if expected.at is not None and expected.at < challenge["iat"]:
            raise FailedError("E_APPROVAL_NOT_YET", "it was not asked for yet")
        if expected.at is not None and expected.at > challenge["exp"]:
            raise FailedError("E_APPROVAL_EXPIRED", "its time is over")
        if expected.policy_sha256 not in ("", predicate["policy"]["sha256"]):
            raise FailedError("E_APPROVAL_POLICY", "it was given under another policy")
