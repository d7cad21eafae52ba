"""The rule catalogue: every rule id a verdict may carry, with what it asks for when nothing else is said.

A policy names rules by id (`json.duplicate_key`) or by family (`json`); a name that is not here is refused at load
with the nearest one that is. Checks make their findings through `Rule.finding`, so action, severity and reason of a
rule are said once. `docs/verdicts.md` is generated from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from clyra_proxy.verdict import activation_rules, exchange_rules, genai_rules
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase, Severity
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.taxonomy import Labels, labels_of_rules

if TYPE_CHECKING:
    from clyra_proxy.policy.route import Route


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    family: the part before the dot. fixed: always enforced, because the proxy itself depends on it. never_off: a mode
    of `off` counts as `shadow`, because it speaks of something that went wrong here and must at least be said.
    """

    id: str
    reason: Reason
    action: Action
    severity: Severity
    description: str
    fixed: bool = False
    never_off: bool = False

    @property
    def labels(self) -> Labels:
        """Its OWASP LLM Top 10 and MITRE ATLAS ids; none for a rule that is not about models."""
        return _LABELS.get(self.id, _NO_LABELS)

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    def mode(self, route: Route, check: str = "") -> Mode:
        """The mode on `route`. check: who failed, for a rule of the family `check`, which is never milder than that."""
        if self.fixed:
            return Mode.ENFORCE
        modes = [route.mode_of(self.id)]
        if self.family == "check" and check:
            modes.append(mode_of_failure(route, check))
        if self.never_off:
            modes.append(Mode.SHADOW)
        return max(modes, key=STRICTNESS.index)

    def finding(
        self,
        route: Route,
        phase: Phase,
        *,
        check: str = "",
        path: str = "",
        action: Action | None = None,
        error: bool = False,
        detail: Mapping[str, str | int] | None = None,
    ) -> Finding | None:
        """The finding this rule makes on `route`, or None when the route switches the rule off.

        check defaults to the rule's family; action to the rule's own. detail: facts, never content.
        """
        mode = self.mode(route, check)
        if mode is Mode.OFF:
            return None
        labels = self.labels
        return Finding(
            check=check or self.family,
            rule=self.id,
            reason=self.reason,
            action=self.action if action is None else action,
            mode=mode,
            phase=phase,
            severity=self.severity,
            path=path,
            detail=detail or {},
            owasp_llm=labels.owasp_llm,
            atlas=labels.atlas,
            error=error,
        )


_LABELS = labels_of_rules()
_NO_LABELS = Labels()

STRICTNESS = (Mode.OFF, Mode.SHADOW, Mode.ENFORCE)
"""Modes from mild to strict."""

_CATALOGUE = (
    *(
        Rule(*row, fixed=row[0] in exchange_rules.FIXED, never_off=row[0] in exchange_rules.NEVER_OFF)
        for row in exchange_rules.ROWS
    ),
    *(Rule(*row) for row in genai_rules.ROWS),
    *(Rule(*row) for row in activation_rules.ROWS),
)

SPEAKS_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "schema": frozenset({"json", "schema", "body"}),
        "genai": frozenset(row[0].partition(".")[0] for row in genai_rules.ROWS),
        "budget": frozenset({"budget", "loop", "drift"}),
        "activation": frozenset({"rows", "sql"}),
    }
)
"""Check -> families whose rules it applies, where these are more than its own."""


def rules_applied_by(check: str) -> tuple[Rule, ...]:
    """The rules that go unasked when `check` fails, without those that have no mode of their own."""
    families = SPEAKS_FOR.get(check, frozenset({check}))
    return tuple(rule for rule in _CATALOGUE if rule.family in families and not rule.fixed)


def mode_of_failure(route: Route, check: str) -> Mode:
    """The mode in which a failure of `check` counts: the strictest of what it would have applied, at least shadow."""
    modes = [Mode.SHADOW, route.mode_of(check), *(rule.mode(route) for rule in rules_applied_by(check))]
    return max(modes, key=STRICTNESS.index)


RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _CATALOGUE})
"""Rule id -> rule."""

FAMILIES: frozenset[str] = frozenset(rule.family for rule in _CATALOGUE)

BY_REASON: Mapping[Reason, Rule] = MappingProxyType({rule.reason: rule for rule in _CATALOGUE})
"""Reason -> its rule; the relation is one to one (a test keeps it so)."""


def is_named_by(rule: str, name: str) -> bool:
    """Whether `name`, which is a rule id or a family, speaks of the rule of id `rule`."""
    return rule == name or rule.startswith(f"{name}.")


def is_configurable(name: str) -> bool:
    """True when `name` is a rule or a family whose mode a policy may set."""
    if name in FAMILIES:
        return any(not rule.fixed for rule in _CATALOGUE if rule.family == name)
    rule = RULES.get(name)
    return rule is not None and not rule.fixed
