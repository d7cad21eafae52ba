"""Tests of decisions: who asked, what was decided, by which policy, and whether it was enforced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from recorder.attest.outcome import Outcome, Proof, judged
from recorder.attest.test import EXCHANGES, Evidence, Parameters, is_write, result_of
from recorder.export.entry import Entry


class _Scope(Parameters):
    """writes_only: look at exchanges that may change something and leave the others out."""

    writes_only: bool = False


class AuthKinds(_Scope):
    """auth: ways of establishing an identity that count."""

    auth: tuple[str, ...] = ("mtls", "oauth", "spiffe", "proxy", "kubernetes")


@dataclass(slots=True)
class CallersIdentified:
    """Every exchange that went on has a caller whose identity was established in an accepted way."""

    parameters: ClassVar[type[Parameters]] = AuthKinds
    question: ClassVar[str] = "Was every caller authenticated?"
    limits: AuthKinds = field(default_factory=AuthKinds)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if not _passed(entry) or not entry.part("agent") or (self.limits.writes_only and not is_write(entry)):
            return
        (self.good if entry.part("agent")["auth"] in self.limits.auth else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("identified", "anonymous"))


@dataclass(slots=True)
class PolicyEnforced:
    """Every exchange was judged by rules that act, not by rules that only watch."""

    parameters: ClassVar[type[Parameters]] = _Scope
    question: ClassVar[str] = "Was policy enforced, and not only watched?"
    limits: _Scope = field(default_factory=_Scope)
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    policies: set[str] = field(default_factory=set)

    def feed(self, entry: Entry) -> None:
        verdict = entry.record.get("verdict")
        if verdict is None or not entry.ends or (self.limits.writes_only and not is_write(entry)):
            return
        self.policies.add(verdict["policy_sha256"])
        (self.good if verdict["mode"] == "enforce" else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        names = ("enforced", "only_watched")
        return judged(self.good, self.bad, names=names, more={"policies": len(self.policies)})


@dataclass(slots=True)
class NothingWithheldPassed:
    """Nothing went on that a rule in shadow mode would have stopped."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Did everything that a rule would have stopped stay?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if entry.ends and entry.record["typ"] in EXCHANGES and "would_action" in entry.record["data"]:
            (self.bad if entry.withheld and _passed(entry) else self.good).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("judged", "passed_against_a_rule"))


@dataclass(slots=True)
class NoErrorPassed:
    """No exchange went on whose check failed: a control that broke stopped the traffic it guards."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "When a check failed, was the exchange refused?"
    judged_: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    failed_closed: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if not entry.ends or entry.record["typ"] not in EXCHANGES or "verdict" not in entry.record:
            return
        self.judged_.add(entry.item.seq)
        if any(finding.get("error") for finding in entry.record["data"].get("findings", ())):
            (self.bad if _passed(entry) else self.failed_closed).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        support = self.failed_closed if self.failed_closed.count else self.judged_
        more = {"failed_closed": self.failed_closed.count, "judged": self.judged_.count}
        return judged(support, self.bad, names=("without_passing_error", "error_passed"), more=more)


@dataclass(slots=True)
class DestinationsKnown:
    """Nothing went to a destination that is on no allow-list."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Did traffic go to listed destinations only?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if entry.ends and entry.record["typ"] in EXCHANGES and "verdict" in entry.record:
            rules = {finding["rule"] for finding in entry.record["data"].get("findings", ())}
            (self.bad if "egress.destination" in rules and _passed(entry) else self.good).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("listed_or_refused", "unlisted"))


@dataclass(slots=True)
class TransportEncrypted:
    """What went out, went out encrypted."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was every exchange that went out encrypted on its way?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    unknown: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if not _passed(entry) or not entry.part("act"):
            return
        scheme = entry.place.scheme
        chosen = self.unknown if not scheme else self.good if scheme in ("https", "wss", "tls") else self.bad
        chosen.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, self.unknown, names=("encrypted", "in_clear"))


@dataclass(slots=True)
class SensitiveDataGuarded:
    """No exchange went on unchanged in which a detector had found data that must not leave."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Was everything stopped or changed in which sensitive data was found?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)
    stopped: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        sec = entry.record.get("sec") or {}
        if not entry.ends or ("dlp_hits" not in sec and "pii" not in sec):
            return
        if not sec.get("dlp_hits") and not sec.get("pii"):
            self.good.add(entry.item.seq)
        elif _passed(entry) and entry.record["verdict"]["decision"] == "allow":
            self.bad.add(entry.item.seq)
        else:
            self.stopped.add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        support = self.stopped if self.stopped.count else self.good
        more = {"stopped_or_changed": self.stopped.count, "clean": self.good.count}
        return judged(support, self.bad, names=("guarded", "passed_unchanged"), more=more)


@dataclass(slots=True)
class DeniesWrongdoing:
    """Rules acted: there are exchanges that were refused, with the rule that refused them."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Is there evidence of refusals, each with its rule and reason?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        verdict = entry.record.get("verdict") or {}
        if entry.ends and verdict.get("decision") == "deny":
            (self.good if verdict.get("rule") and verdict["reason"] != "none" else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("refused_with_reason", "refused_without_reason"))


@dataclass(slots=True)
class ModelsNamed:
    """Calls of models say which model was called, and by whom."""

    parameters: ClassVar[type[Parameters]] = Parameters
    question: ClassVar[str] = "Does every call of a model name the model and the caller?"
    good: Proof = field(default_factory=Proof)
    bad: Proof = field(default_factory=Proof)

    def feed(self, entry: Entry) -> None:
        if entry.record["typ"] != "pef.llm_call" or not entry.ends or entry.subject is None:
            return
        called = (entry.record["data"].get("llm") or entry.subject["data"].get("llm") or {}).get("model")
        named = bool(called or entry.part("claim").get("model")) and bool(entry.part("agent").get("uid"))
        (self.good if named else self.bad).add(entry.item.seq)

    def outcome(self, evidence: Evidence) -> Outcome:
        return judged(self.good, self.bad, names=("named", "unnamed"))


def _passed(entry: Entry) -> bool:
    """Whether an exchange that ended went on to its destination."""
    return entry.ends and entry.record["typ"] in EXCHANGES and result_of(entry) in ("completed", "failed")
