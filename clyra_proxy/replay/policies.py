"""The policy at hand and the policy of then, side by side: what the absence of a recorded finding is worth.

A rule that was off found nothing because nobody looked. So wherever a record is silent, the question is whether the
rule, the schema, the authorities and the addresses were looked at then as they would be now.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.policy.compiler import CompiledPolicy
from clyra_proxy.policy.fingerprint import file_digests
from clyra_proxy.policy.route import Route
from clyra_proxy.verdict.model import Mode
from clyra_proxy.verdict.rules import RULES

_CONTENT = tuple(rule for rule in RULES.values() if rule.family in ("json", "schema", "body"))


@dataclass(frozen=True, slots=True)
class KnownPolicy:
    """A policy with what is needed to compare it with another. files: digests of the files it names."""

    compiled: CompiledPolicy
    files: dict[str, str]

    @classmethod
    def of(cls, compiled: CompiledPolicy, folder: Path) -> KnownPolicy:
        """folder: where the policy's file names start from. Raises PolicyError."""
        return cls(compiled, file_digests(compiled.document, folder))


@dataclass(frozen=True, slots=True)
class Comparison:
    """For one exchange. then: None when the policy of then is not at hand. same: it is the policy at hand."""

    now: KnownPolicy
    then: KnownPolicy | None
    same: bool
    route: Route
    route_then: Route | None

    def was_on(self, rule_id: str) -> bool:
        """Whether the rule was looked at when the exchange was recorded."""
        if self.same or RULES[rule_id].fixed:
            return True
        return self.route_then is not None and RULES[rule_id].mode(self.route_then) is not Mode.OFF

    def identity_changed(self, *, told: bool) -> bool:
        """Whether callers would be told apart otherwise. told: the record has a finding about the caller."""
        if self.same:
            return False
        identity = self.now.compiled.document.identity
        before = self.then.compiled.document.identity if self.then is not None else None
        asks = identity.required or bool(identity.agents) or identity.client_ca is not None
        return identity != before and (told or asks)

    def trust_changed(self) -> bool:
        """Whether other authorities would be asked about the upstream's certificate."""
        if self.same or self.then is None:
            return not self.same
        return self._authorities(self.now) != self._authorities(self.then)

    def addresses_as_before(self) -> bool:
        """Whether addresses that are not recorded, and were not objected to, would not be objected to now."""
        if self.same:
            return True
        if self.route_then is None or (self.route_then.allow_private and not self.route.allow_private):
            return False
        return self.was_on("egress.private_address")

    def same_content(self) -> bool:
        """Whether the rules about bodies are the ones that were applied then."""
        if self.same:
            return True
        if self.then is None or self.route_then is None:
            return False
        alike = all(getattr(self.route, name) == getattr(self.route_then, name) for name in ("id", "limits", "media"))
        on = all(rule.mode(self.route) is Mode.OFF or rule.mode(self.route_then) is not Mode.OFF for rule in _CONTENT)
        return (
            alike and on and self.now.files == self.then.files and self._schemas(self.now) == self._schemas(self.then)
        )

    @staticmethod
    def _authorities(policy: KnownPolicy) -> str | None:
        return policy.files.get(policy.compiled.document.enforcement.upstream_ca or "")

    def _schemas(self, policy: KnownPolicy) -> list[object] | None:
        """What the destination and its rules bind to bodies; None for an unlisted destination, which binds nothing."""
        settings = policy.compiled.document.destinations.get(self.route.destination)
        return None if settings is None else [settings.schema_, *((rule.name, rule.schema_) for rule in settings.rules)]
