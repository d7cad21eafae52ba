"""Which class an action is of: A goes freely, B needs one person, C needs two, or nobody may approve it.

The first rule of the policy whose conditions all hold says so; an action that no rule names is free unless an enforced
finding asks for an approval, and then it is class B. What a condition cannot read counts as if it held: an amount that
is missing is above every limit. A request line that servers may read in more than one way (`policy.readings`) is held
by a rule that any reading fits, and let go only by one that all of them fit; so are operations, targets and tools of a
batch. Pure; patterns are compiled once, when the policy is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.approvals.facts import ActionFacts
from clyra_proxy.exchange import Exchange
from clyra_proxy.json_pointer import MISSING, look_up
from clyra_proxy.policy.approvals import ActionClass, ActionRule, Amount, Approvals
from clyra_proxy.policy.paths import normalise_path, pattern_source
from clyra_proxy.policy.readings import Readings
from clyra_proxy.verdict.model import Action, Finding
from clyra_proxy.verdict.rules import is_named_by

_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")

UNNAMED = "finding"
"""Name of the requirement of an action that no rule names."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an action needs. name: of the rule. need: different persons. asked_by: findings that asked for it."""

    action_class: ActionClass
    name: str
    need: int = 1
    role: str = ""
    forbidden: bool = False
    show: tuple[str, ...] = ()
    amount: tuple[str, str] | None = None
    asked_by: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Matcher:
    rule: ActionRule
    paths: re.Pattern[str] | None
    routes: Any
    tools: Any
    targets: Any
    agents: Any

    def may_hold(self, exchange: Exchange, line: Readings) -> bool:
        """The conditions that the head alone settles. line: of its request line."""
        rule = self.rule
        fits: Callable[[Iterable[object]], bool] = all if rule.class_ is ActionClass.A else any
        if rule.methods and not fits(method in rule.methods for method in line.methods):
            return False
        if rule.destinations and exchange.route.destination not in rule.destinations:
            return False
        if self.paths is not None and not fits(self.paths.fullmatch(path) for path in line.paths):
            return False
        return self.routes is None or self.routes.fullmatch(exchange.route.id) is not None

    def holds(self, exchange: Exchange, line: Readings, facts: ActionFacts, findings: Sequence[Finding]) -> bool:
        """Every condition but the amount."""
        rule = self.rule
        if not self.may_hold(exchange, line):
            return False
        if rule.operations and not self._fits(facts.operations, {one.value for one in rule.operations}.__contains__):
            return False
        if rule.findings and not any(is_named_by(one.rule, name) for one in findings for name in rule.findings):
            return False
        named: tuple[tuple[Any, Collection[str]], ...] = (
            (self.targets, facts.targets),
            (self.agents, (exchange.identity.agent,)),
        )
        calls = self.tools is None or self._names_tools(facts)
        return calls and all(pattern is None or self._fits(values, pattern.fullmatch) for pattern, values in named)

    def _fits(self, values: Collection[str], fits: Callable[[str], object]) -> bool:
        """Whether the rule is about any of the values, but about all of them where it lets them go."""
        if self.rule.class_ is ActionClass.A:
            return bool(values) and all(map(fits, values))
        return any(map(fits, values))

    def _names_tools(self, facts: ActionFacts) -> bool:
        """Whether the rule is about the tools: any of them, but all where the rule lets them go."""
        if self.rule.class_ is ActionClass.A:
            return bool(facts.tools) and not facts.unreadable and all(map(self.tools.fullmatch, facts.tools))
        return facts.unreadable or any(map(self.tools.fullmatch, facts.tools))


@dataclass(frozen=True, slots=True)
class CompiledApprovals:
    """The section as the data path reads it. settings: as written."""

    settings: Approvals
    matchers: tuple[_Matcher, ...]

    def requirement(
        self, exchange: Exchange, payload: bytes, findings: Sequence[Finding], facts: ActionFacts
    ) -> Requirement | None:
        """What this action needs, None when it is free. findings: all that was found so far."""
        line = Readings(exchange.request)
        enforced = [finding for finding in findings if finding.enforced]
        asking = tuple(finding for finding in enforced if finding.action is Action.APPROVE)
        for matcher in self.matchers:
            if matcher.holds(exchange, line, facts, enforced):
                amount, above = _sum_of(matcher.rule.amount, payload)
                if above:
                    return _required(matcher.rule, amount, asking)
        return Requirement(ActionClass.B, UNNAMED, asked_by=asking) if asking else None

    def may_match(self, exchange: Exchange) -> bool:
        """Whether an action could name this request, by what its head says alone."""
        line = Readings(exchange.request)
        return any(matcher.may_hold(exchange, line) for matcher in self.matchers)

    @property
    def asks_what_is_done(self) -> bool:
        """Whether an action names operations or targets, which statements have as well as rows."""
        return any(matcher.rule.operations or matcher.rule.targets for matcher in self.matchers)

    @property
    def idle(self) -> bool:
        """Whether only findings can ask for an approval here."""
        return not self.matchers


def compile_approvals(settings: Approvals) -> CompiledApprovals:
    """Compile the section. Raises ValueError for a path pattern that cannot be read; the section refuses those."""
    return CompiledApprovals(settings, tuple(_matcher(rule) for rule in settings.actions))


def _matcher(rule: ActionRule) -> _Matcher:
    sources = [pattern_source(path) if "*" in path else re.escape(normalise_path(path)) for path in rule.paths]
    paths = re.compile("|".join(f"(?:{source})" for source in sources), re.DOTALL) if sources else None
    return _Matcher(rule, paths, _globs(rule.routes), _globs(rule.tools), _globs(rule.targets), _globs(rule.agents))


def _globs(patterns: Iterable[str]) -> Any:
    """One pattern (RE2, linear time) for names with `*`; None when there are none."""
    sources = [".*".join(re2.escape(piece) for piece in pattern.split("*")) for pattern in patterns]
    return re2.compile("(?s)" + "|".join(f"(?:{source})" for source in sources)) if sources else None


def _required(rule: ActionRule, amount: tuple[str, str] | None, asking: tuple[Finding, ...]) -> Requirement | None:
    """The need of a rule. A rule of class A does not free what an enforced finding holds."""
    if rule.class_ is ActionClass.A:
        return Requirement(ActionClass.B, rule.name, asked_by=asking, show=tuple(rule.show)) if asking else None
    return Requirement(rule.class_, rule.name, rule.need, rule.role, rule.forbidden, tuple(rule.show), amount, asking)


def _sum_of(settings: Amount | None, payload: bytes) -> tuple[tuple[str, str] | None, bool]:
    """(amount and currency as a certificate has them, whether the rule holds)."""
    if settings is None:
        return None, True
    try:
        document = json.loads(payload, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return None, True
    value = _decimal(look_up(document, settings.pointer))
    if value is None or value < 0:
        return None, True
    currency = look_up(document, settings.currency) if settings.currency else ""
    return _told(value, currency), value > settings.limit


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two equal keys nobody knows which one the destination reads. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _decimal(found: object) -> Decimal | None:
    """A JSON number, or text that every reader takes for the same one: ASCII digits, no grouping (`1_000`, `1,000`)."""
    if isinstance(found, str) and _DECIMAL.fullmatch(text := found.strip(" ")):
        found = Decimal(text)
    return found if isinstance(found, Decimal) and found.is_finite() and abs(found.adjusted()) < 24 else None


def _told(value: Decimal, currency: object) -> tuple[str, str] | None:
    """As the record schema has it, None when it does not fit: then the amount is shown but not claimed."""
    text = f"{value:f}"
    fits = re.fullmatch(r"[0-9]{1,24}(\.[0-9]{1,9})?", text) is not None
    if not fits or currency is MISSING or not isinstance(currency, str):
        return None
    code = currency.strip().upper()
    return (text, code) if re.fullmatch(r"[A-Z]{3}", code) else None
