"""Approvals: rules that another takes all actions of, and needs that nobody can meet.

Who may approve stands with the recorder (`recorder/approvals.json`), so the second question is asked only where that
file can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness
from clyra_proxy.enforcement.contradictions.languages import Language, name_language, outside, path_language
from clyra_proxy.policy.approvals import ActionClass, ActionRule
from clyra_proxy.policy.models import PolicyDocument
from recorder.approvals.settings import ApprovalSettings

_SETS = ("destinations", "methods", "operations", "findings")
_PATTERNS = ("routes", "tools", "targets", "agents")


def of_approvals(document: PolicyDocument, settings: ApprovalSettings | None) -> Iterator[Contradiction]:
    """settings: the recorder's, None when they cannot be read."""
    actions = document.enforcement.approvals.actions
    for position, rule in enumerate(actions):
        place = f"enforcement.approvals.actions[{position}]"
        covering = next((at for at, other in enumerate(actions[:position]) if _covers(other, rule)), None)
        if covering is not None:
            yield _covered(place, covering, rule, actions[covering])
        if settings is not None and rule.class_ is not ActionClass.A and not rule.forbidden:
            yield from _unmet(place, rule, settings)


def _covered(place: str, at: int, rule: ActionRule, other: ActionRule) -> Contradiction:
    freer = other.class_ < rule.class_ or (rule.forbidden and not other.forbidden)
    what = f"`{other.name}` before it takes every action that `{rule.name}` describes"
    return Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR,
        (place, f"enforcement.approvals.actions[{at}]"),
        what + (f", and lets it go with class {other.class_}." if freer else "."),
        _witness(rule),
        "Put the narrower rule first.",
    )


def _covers(wide: ActionRule, narrow: ActionRule) -> bool:
    """Whether every action of `narrow` is one of `wide`."""
    for name in _SETS:
        allowed, asked = set(getattr(wide, name)), set(getattr(narrow, name))
        if allowed and (not asked or not asked <= allowed):
            return False
    for name in _PATTERNS:
        if not _within(_names(getattr(narrow, name)), _names(getattr(wide, name))):
            return False
    if not _within(tuple(map(path_language, narrow.paths)), tuple(map(path_language, wide.paths))):
        return False
    if wide.amount is None:
        return True
    same = narrow.amount is not None and narrow.amount.pointer == wide.amount.pointer
    return same and narrow.amount is not None and narrow.amount.limit >= wide.amount.limit


def _names(patterns: Sequence[str]) -> tuple[Language, ...]:
    return tuple(map(name_language, patterns))


def _within(narrow: Sequence[Language], wide: Sequence[Language]) -> bool:
    if not wide:
        return True
    return bool(narrow) and outside(narrow, wide) is None


def _unmet(place: str, rule: ActionRule, settings: ApprovalSettings) -> Iterator[Contradiction]:
    able = [one.name for one in settings.approvers if not one.disabled and (not rule.role or rule.role in one.roles)]
    named = [agent for agent in rule.agents if "*" not in agent]
    for agent in named if len(named) == len(rule.agents) else ():
        duty = settings.duty_of(agent)
        barred = {duty.owner, duty.deployer} if duty is not None else set()
        able = min(able, [name for name in able if name not in barred], key=len)
    if len(able) < rule.need:
        role = f" with the role `{rule.role}`" if rule.role else ""
        yield Contradiction(
            Kind.NOBODY_QUALIFIES,
            Weight.ERROR,
            (place,),
            f"`{rule.name}` needs {rule.need} different approvers{role}, and the recorder knows {len(able)}: such an "
            "action can only expire.",
            _witness(rule),
            "Add people or roles to the recorder's approvals.json, or ask for fewer.",
        )


def _witness(rule: ActionRule) -> Witness:
    named = next((f"{name[:-1]} {getattr(rule, name)[0]}" for name in (*_PATTERNS, *_SETS) if getattr(rule, name)), "")
    return Witness(method=rule.methods[0] if rule.methods else "", path=rule.paths[0] if rule.paths else "", name=named)
