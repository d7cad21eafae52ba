"""Whether each approval that was used up had been given: for this payload and action, by this person, in time, once.

Rule. Every certificate that a `pef.approval.consume` record lists is judged in one fixed order of questions and is
reported with the first that it fails: which certificate, whose signature, used before, whose key, segregation of
duties, payload, action, time, policy, challenge, proof, factors, quorum. A failed look-up is never a match. Pure:
records, members and the keys in force come from the caller, in the order of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from recorder import approval
from recorder.approval_binding import SESSION, Proof
from recorder.approval_questions import (
    QUESTIONS,
    FailedError,
    belongs_to,
    check_factors,
    check_quorum,
    prove_bindings,
    warnings_of,
)
from recorder.trust import TrustedKey

RECORDS: Final = "records.jsonl"
SEAL_ROLE: Final = "seal"


class Finding(NamedTuple):
    """One S8 code with its place. detail: for people."""

    code: str
    seq: int
    member: str
    detail: str


def check_approvals(
    consumes: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    read: Callable[[str], bytes | None],
    keys: Iterable[TrustedKey] | None,
    start: int,
) -> tuple[list[Finding], dict[str, int]]:
    """Judge the approvals of one window.

    consumes: its `pef.approval.consume` records in order, each satisfying its schema. names: the `approvals/` members.
    read: a member's bytes, None when it cannot be read. keys: those in force; None when there is no trust, and then
    nothing is judged. start: first record of the window. Returns the findings in order, and the counts: members,
    consume records, those of them whose certificates all hold, and of these those with the operator's word alone.
    """
    counts = {"certificates": len(names), "consumed": len(consumes), "operator_asserted": 0, "valid": 0}
    if keys is None:
        return [], counts
    check = _Check({key.key_id: key for key in keys})
    for name in names:
        check.add_certificate(name, read(name))
    findings: list[Finding] = []
    if consumes and start > 0:
        place = (consumes[0]["seq"], RECORDS, "use before the window is not excluded")
        findings.append(Finding("W_APPROVAL_GLOBAL_UNCHECKED", *place))
    for record in consumes:
        held, found = check.consume(record)
        findings += found
        counts["valid"] += held
        counts["operator_asserted"] += held and any(one.code == "W_APPROVAL_OPERATOR_ASSERTED" for one in found)
    return findings, counts


@dataclass(slots=True)
class _Check:
    """keys: by id. _broken: digest -> why that member is no certificate, "" when it could not be read at all."""

    keys: Mapping[str, TrustedKey]
    _known: dict[str, approval.Parsed] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _by_id: dict[str, list[approval.Parsed]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def add_certificate(self, member: str, raw: bytes | None) -> None:
        digest = member.removeprefix(approval.FOLDER).removesuffix(approval.SUFFIX)
        if raw is None:
            self._broken[digest] = ""
            return
        try:
            parsed = approval.parse(raw)
        except approval.ApprovalError as error:
            self._broken[digest] = error.detail
            return
        if member != approval.member_name(parsed.digest):
            self._broken[digest] = "it is not the certificate it is named after"
            return
        self._known[digest] = parsed
        self._by_id.setdefault(parsed.id, []).append(parsed)

    def consume(self, record: Mapping[str, Any]) -> tuple[bool, list[Finding]]:
        """Judge one consume record: whether all its certificates hold, and what is to be said of them."""
        seq, appr = record["seq"], record["appr"]
        digests = list(dict.fromkeys((appr["cert_sha256"], *record["data"].get("certificates", ()))))
        together = [self._known[digest] for digest in digests if digest in self._known]
        held, found = True, list[Finding]()
        for digest in digests:
            member = approval.member_name(digest)
            if self._broken.get(digest) == "":  # the container's own code says why
                held = False
                continue
            try:
                proofs = self._judge(digest, record, together)
            except FailedError as error:
                held = False
                found.append(Finding(error.code, seq, member, error.detail))
            else:
                found += (Finding(code, seq, member, "") for code in warnings_of(self._known[digest], proofs))
        self._used.update((appr["id"], *(one.id for one in together)))
        return held, found

    def _judge(self, digest: str, record: Mapping[str, Any], together: list[approval.Parsed]) -> list[Proof]:
        """All questions about one certificate, in order. Raises FailedError at the first it fails."""
        certificate = self._find(digest, record)
        keys = self._approver_keys(certificate, record["seq"])
        for question in QUESTIONS:
            question(certificate, record)
        proofs = prove_bindings(certificate, keys)
        check_factors(certificate, proofs)
        check_quorum(certificate, together)
        return proofs

    def _find(self, digest: str, record: Mapping[str, Any]) -> approval.Parsed:
        """MISSING, AMBIGUOUS, SIG, REUSED."""
        found, appr = self._known.get(digest), record["appr"]
        if digest in self._broken:
            raise FailedError("E_APPROVAL_SIG", self._broken[digest])
        if found is None or (digest == appr["cert_sha256"] and found.id != appr["id"]):
            raise FailedError("E_APPROVAL_MISSING", "no certificate of that digest and id")
        if any(one.digest != digest and not (one.group and one.group == found.group) for one in self._by_id[found.id]):
            raise FailedError("E_APPROVAL_AMBIGUOUS", "another certificate has the same id")
        if not self._is_sealed(found, record["seq"]):
            raise FailedError("E_APPROVAL_SIG", "not signed by a trusted seal key")
        if found.id in self._used:
            raise FailedError("E_APPROVAL_REUSED", "it was consumed before")
        return found

    def _is_sealed(self, certificate: approval.Parsed, size: int) -> bool:
        """Every signature good and by a seal key, one of them not compromised. A key may have retired since."""
        seals = {name: key for name, key in self.keys.items() if key.role == SEAL_ROLE}
        signers = certificate.envelope.signers(seals)
        refusals = [seals[name].refusal_at(size) for name in signers]
        return len(signers) == len(certificate.envelope.signatures) and any(
            refusal != "E_KEY_COMPROMISED" for refusal in refusals
        )

    def _approver_keys(self, certificate: approval.Parsed, size: int) -> list[TrustedKey | None]:
        """The key of each binding; E_APPROVAL_APPROVER when one is not this approver's."""
        approver = certificate.predicate["approver"]
        found: list[TrustedKey | None] = []
        for binding in certificate.predicate["binding"]:
            kind = binding["kind"]
            key = None if kind == SESSION else self.keys.get(binding["key"])
            if kind != SESSION and (key is None or key.refusal_at(size) or not belongs_to(key, kind, approver)):
                raise FailedError("E_APPROVAL_APPROVER", "the key of the binding is not this approver's")
            found.append(key)
        return found
