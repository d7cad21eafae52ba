"""Which calls are allowed, and with what arguments: the rules of a policy, compiled.

Guarantees: the first rule that matches decides; a name is denied in whatever case it is written, with blanks around it
or characters in it that nobody sees, and allowed only as it is written; arguments that are no JSON object satisfy no
condition, and no `when` lets a call slip past a rule that denies.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.selecting import Names, Selector
from clyra_proxy.genai.tools.conditions import Broken, Condition, all_apply
from clyra_proxy.genai.tools.hosts_and_paths import addresses_of
from clyra_proxy.policy.genai.tools import Permission, ToolRule, Tools

RESOURCE = "mcp_resource"
DEFAULT = "default"
"""Name of the rule that decides when none matches."""


def _seen(name: str) -> str:
    """A name as a lenient server may read it: without what is invisible, and without blanks around it."""
    return "".join(char for char in name if unicodedata.category(char) not in ("Cf", "Cc")).strip()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules say of a call. rule: name of the one that decided. broken: conditions that do not hold."""

    allowed: bool
    rule: str
    broken: tuple[Broken, ...] = ()


class _Rule:
    __slots__ = ("_conditions", "_kinds", "_names", "_selector", "_when", "denies", "name")

    def __init__(self, settings: ToolRule) -> None:
        self.name = settings.name
        self.denies = settings.action is Permission.DENY
        self._selector = Selector(settings)
        self._names = Names(settings.tools, fold=self.denies)
        self._kinds = frozenset(str(kind) for kind in settings.kinds)
        self._when = tuple(Condition(each, selects=self.denies) for each in settings.when)
        self._conditions = tuple(map(Condition, settings.arguments))

    @property
    def is_conditional(self) -> bool:
        return bool(self._when)

    def names(self, name: str, kind: str, inspection: Inspection) -> bool:
        """Whether the rule is about this tool at all. A resource is denied by any reading of its address, and allowed
        only by all of them."""
        if (self._kinds and kind not in self._kinds) or not self._selector.covers(inspection):
            return False
        if kind != RESOURCE:
            return self._names.match(name) or (self.denies and self._names.match(_seen(name)))
        return (any if self.denies else all)(map(self._names.match, addresses_of(name)))

    def applies(self, call: ToolCall) -> bool:
        if not self._when:
            return True
        arguments = _arguments(call)
        return all_apply(self._when, arguments) if arguments is not None else self.denies

    def broken_by(self, arguments: Any) -> tuple[Broken, ...]:
        if arguments is None and self._conditions:
            return (Broken("", "object"),)
        found = (condition.broken_by(arguments) for condition in self._conditions)
        return tuple(broken for broken in found if broken is not None)


def _arguments(call: ToolCall) -> Any:
    """The arguments of a call, None when they are no object; of a resource, its address."""
    if call.kind == RESOURCE:
        return {"uri": call.name}
    if call.arguments is None and not call.raw.strip():
        return {}
    return call.arguments if isinstance(call.arguments, dict) else None


class ToolRules:
    """All rules of a policy."""

    def __init__(self, settings: Tools) -> None:
        self._rules = tuple(map(_Rule, settings.rules))
        self._otherwise = Ruling(settings.default is Permission.ALLOW, DEFAULT)

    def judge(self, call: ToolCall, inspection: Inspection) -> Ruling:
        """What becomes of one call."""
        for rule in self._rules:
            if rule.names(call.name, call.kind, inspection) and rule.applies(call):
                if rule.denies:
                    return Ruling(False, rule.name)
                return Ruling(True, rule.name, rule.broken_by(_arguments(call)))
        return self._otherwise

    def shows(self, name: str, kind: str, inspection: Inspection) -> bool:
        """Whether a tool belongs into a list: some call of it could be allowed."""
        for rule in self._rules:
            if not rule.names(name, kind, inspection):
                continue
            if not rule.is_conditional:
                return not rule.denies
            if not rule.denies:
                return True
        return self._otherwise.allowed
