"""Tests of approvals: asked for, given by another person, strong enough, answered in time.

Identities are commitments made with one salt a log, so that requester, approver and deployer can be compared without
being named. Where a record does not say who deployed, that leg is not evidenced; nothing is assumed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field

from recorder.attest.outcome import NOT_EVIDENCED, PASS, Outcome, Proof, judged
from recorder.attest.test import EXCHANGES, Evidence, Parameters, result_of
from recorder.export.entry import MAX_OPEN, Entry

REQUEST, GRANT, CONSUME = "pef.approval.request", "pef.approval.grant", "pef.approval.consume"
ENDED = frozenset({"pef.approval.grant", "pef.approval.deny", "pef.approval.expire"})


class ApprovalScope(Parameters):
    """Which exchanges need an approval: by class, or by an amount of at least `min_amount` in `currency`."""

    classes: tuple[str, ...] = ("A",)
    min_amount: Decimal | None = None
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")


@dataclass(slots=True)
class ChangesApproved:
    """Every exchange of a class (or above an amount) that was carried out had used up an approval before."""

    parameters: ClassVar[type[Parameters]] = ApprovalScope
    question: ClassVar[str] = "Was every change of these classes approved before it was carried out?"
    limits: ApprovalScope = field(default_factory=ApprovalScope)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    refused: Proof = field(default_factory=Proof)
    _consumed: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _due: OrderedDict[str, bool] = field(default_factory=OrderedDict)

    def feed(self, entry: Entry) -> None:
        typ, data = entry.record["typ"], entry.record["data"]
        exchange = str(data.get("exchange", ""))
        if typ == CONSUME and exchange:
            _remember(self._consumed, exchange, entry.item.seq)
        elif typ == REQUEST and exchange and self._large(data.get("amount")):
            _remember(self._due, exchange, True)
        elif typ in EXCHANGES and entry.ends and self._needs(entry, exchange):
            self._ended(entry, exchange)

    def _needs(self, entry: Entry, exchange: str) -> bool:
        for record in (entry.record, entry.subject or {}):
            data, verdict = record.get("data", {}), record.get("verdict") or {}
            if data.get("action_class") in self.limits.classes or verdict.get("decision") == "require_approval":
                return True
        return exchange in self._due

    def _large(self, amount: dict[str, Any] | None) -> bool:
        if self.limits.min_amount is None or amount is None:
            return False
        return amount["currency"] == self.limits.currency and Decimal(amount["value"]) >= self.limits.min_amount

    def _ended(self, entry: Entry, exchange: str) -> None:
        if result_of(entry) == "refused":
            self.refused.add(entry.item.seq)
        else:
            (self.good if exchange in self._consumed else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        found = judged(self.good, self.bad, names=("approved", "not_approved"), more={"refused": self.refused.count})
        if found.result == NOT_EVIDENCED and self.refused.count:
            note = "every such change was refused for want of an approval"
            return Outcome(PASS, found.counts, tuple(self.refused.first), (), note)
        return found


class SegregationLimit(Parameters):
    """deployer: whether who carries the change out must be known and differ too."""

    deployer: bool = True


@dataclass(slots=True)
class DutiesSegregated:
    """Who asked, who approved and who carried out are different people, for every approval that was used."""

    parameters: ClassVar[type[Parameters]] = SegregationLimit
    question: ClassVar[str] = "Are requester, approver and deployer different for every approval that was used?"
    limits: SegregationLimit = field(default_factory=SegregationLimit)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    unknown: Proof = field(default_factory=Proof)
    _requesters: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _approvers: OrderedDict[str, set[str]] = field(default_factory=OrderedDict)
    _used: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def feed(self, entry: Entry) -> None:
        typ, data = entry.record["typ"], entry.record["data"]
        approval = (entry.record.get("appr") or {}).get("id", "")
        if typ == REQUEST and "requester_c" in data:
            _remember(self._requesters, approval, data["requester_c"])
        elif typ == GRANT:
            known = self._approvers.get(approval, set())
            _remember(self._approvers, approval, known | {data["approver_c"]})
        elif typ == CONSUME:
            self._used.append((entry.item.seq, entry.record))

    def outcome(self, evidence: Evidence) -> Outcome:
        for seq, record in self._used:
            self._judge(seq, record, evidence)
        names = ("segregated", "same_person")
        return judged(self.good, self.bad, self.unknown, names=names, more={"used": len(self._used)})

    def _judge(self, seq: int, record: dict[str, Any], evidence: Evidence) -> None:
        data, approval = record["data"], record["appr"]
        cards = [evidence.certificates.get(name) for name in (approval["cert_sha256"], *data.get("certificates", ()))]
        certificates = [card for card in cards if card is not None]
        approvers = {card["approver"]["sub_c"] for card in certificates} or self._approvers.get(approval["id"], set())
        requesters = {card["sod"]["requester_c"] for card in certificates}
        requesters |= {data.get("requester_c"), self._requesters.get(approval["id"])} - {None}
        deployer = data.get("deployer_c")
        if approvers & requesters or (deployer is not None and (deployer in approvers or deployer in requesters)):
            self.bad.add(seq)
        elif not approvers or not requesters or (self.limits.deployer and deployer is None):
            self.unknown.add(seq)
        else:
            self.good.add(seq)


class Strength(Parameters):
    """mfa, phishing_resistant: what the approver's sign-in must have been. own_word: whether `session` alone counts."""

    mfa: bool = True
    phishing_resistant: bool = False
    own_word: bool = False


@dataclass(slots=True)
class ApprovalsStrong:
    """Every approval that was granted is bound to the person by more than the operator's word."""

    parameters: ClassVar[type[Parameters]] = Strength
    question: ClassVar[str] = "Is every approval bound to the approver's own authenticator or identity provider?"
    limits: Strength = field(default_factory=Strength)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] != GRANT:
            return
        data, limits = entry.record["data"], self.limits
        bound = limits.own_word or any(kind != "session" for kind in data["binding"])
        strong = data.get("mfa", False) or not limits.mfa
        resistant = data.get("phishing_resistant", False) or not limits.phishing_resistant
        (self.good if bound and strong and resistant else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("strong", "weak"))


@dataclass(slots=True)
class RequestsAnswered:
    """Everything a person was asked has an end: granted, denied or expired."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every request for approval answered, or closed when its time was over?"
    answered: Proof = field(default_factory=Proof)
    _open: OrderedDict[str, tuple[int, str]] = field(default_factory=OrderedDict)
    _last_ts: str = ""

    def feed(self, entry: Entry) -> None:
        typ, approval = entry.record["typ"], (entry.record.get("appr") or {}).get("id", "")
        self._last_ts = max(self._last_ts, entry.record["ts"])
        if typ == REQUEST:
            _remember(self._open, approval, (entry.item.seq, entry.record["data"]["deadline"]))
        elif typ in ENDED and self._open.pop(approval, None) is not None:
            self.answered.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        overdue = Proof()
        for seq, deadline in self._open.values():
            if deadline < self._last_ts:
                overdue.add(seq)
        waiting = len(self._open) - overdue.count
        return judged(self.answered, overdue, names=("answered", "overdue"), more={"waiting": waiting})


@dataclass(slots=True)
class PeopleDecide:
    """People take part: requests were granted and requests were denied."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Did people decide on what agents asked for?"
    decided: Proof = field(default_factory=Proof)
    granted: int = 0
    denied: int = 0

    def feed(self, entry: Entry) -> None:
        typ = entry.record["typ"]
        if typ in (GRANT, "pef.approval.deny"):
            self.decided.add(entry.item.seq)
            self.granted += typ == GRANT
            self.denied += typ != GRANT

    def outcome(self, evidence: Evidence) -> Outcome:
        result = PASS if self.decided.count else NOT_EVIDENCED
        return Outcome(result, {"granted": self.granted, "denied": self.denied}, tuple(self.decided.first))


def _remember[Value](store: OrderedDict[str, Value], key: str, value: Value) -> None:
    """Keep the newest entries only, so that memory stays bounded."""
    store[key] = value
    store.move_to_end(key)
    if len(store) > MAX_OPEN:
        store.popitem(last=False)
