"""Approvals: rules that others take all actions of, rules that no action meets, and needs that nobody can meet.

Who may approve stands with the recorder (`recorder/approvals.json`), so the last question is asked only where that
file can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clyra_proxy.enforcement.contradictions.actions import covers, pieces, witness_of
from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight
from clyra_proxy.enforcement.contradictions.languages import common, name_language, outside
from clyra_proxy.policy.approvals import ActionClass, ActionRule
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.routing import route_ids
from recorder.approvals.people import is_same, voices
from recorder.approvals.settings import ApprovalSettings, Person


def of_approvals(document: PolicyDocument, settings: ApprovalSettings | None) -> Iterator[Contradiction]:
    """settings: the recorder's, None when they cannot be read."""
    actions = document.enforcement.approvals.actions
    for position, rule in enumerate(actions):
        place = f"enforcement.approvals.actions[{position}]"
        takers = _takers(rule, actions[:position])
        if takers:
            yield _covered(document, place, rule, {at: actions[at] for at in takers})
        elif strange := _unknown(document, rule):
            yield _never_met(document, place, rule, strange)
        if settings is not None and rule.class_ is not ActionClass.A and not rule.forbidden:
            yield from _unmet(document, place, rule, settings)


def _takers(rule: ActionRule, before: Sequence[ActionRule]) -> list[int]:
    """Positions of rules that together take every action of `rule`; empty when one is left for it."""
    found: dict[int, None] = {}
    for piece in pieces(rule):
        taker = next((at for at, other in enumerate(before) if covers(other, piece)), None)
        if taker is None:
            return []
        found[taker] = None
    return sorted(found)


def _covered(document: PolicyDocument, place: str, rule: ActionRule, takers: dict[int, ActionRule]) -> Contradiction:
    names = ", ".join(f"`{other.name}`" for other in takers.values())
    what = f"{names} before it {'take' if len(takers) > 1 else 'takes'} every action that `{rule.name}` describes"
    mildest = min(takers.values(), key=lambda other: (other.forbidden, other.class_))
    if mildest.class_ < rule.class_ or (rule.forbidden and not mildest.forbidden):
        what += f", and `{mildest.name}` lets it go with class {mildest.class_}"
    return Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR,
        (place, *(f"enforcement.approvals.actions[{at}]" for at in takers)),
        f"{what}.",
        witness_of(document, rule),
        "Put the narrower rule first.",
    )


def _unknown(document: PolicyDocument, rule: ActionRule) -> str:
    """What the rule is about that this policy does not have, "" when it has some of it."""
    if rule.destinations and not set(rule.destinations) & set(document.destinations):
        return f"no destination is named {' or '.join(f'`{name}`' for name in rule.destinations)}"
    routes = [name_language(pattern) for pattern in rule.routes]
    if routes and common(routes, [name_language(name) for name in route_ids(document)]) is None:
        return f"no route is named {' or '.join(f'`{name}`' for name in rule.routes)}"
    return ""


def _never_met(document: PolicyDocument, place: str, rule: ActionRule, strange: str) -> Contradiction:
    return Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR,
        (place,),
        f"no action reaches the rule `{rule.name}`: {strange}.",
        witness_of(document, rule),
        "Correct the name, or remove the rule.",
    )


def _unmet(
    document: PolicyDocument, place: str, rule: ActionRule, settings: ApprovalSettings
) -> Iterator[Contradiction]:
    every = [one for one in settings.approvers if not one.disabled]
    left = {agents: voices(_not_barred(every, agents, settings), rule.role) for agents in rule.agents or ["*"]}
    agents, able = min(left.items(), key=lambda pair: len(pair[1]))
    if len(able) < rule.need:
        role = f" with the role `{rule.role}`" if rule.role else ""
        yield Contradiction(
            Kind.NOBODY_QUALIFIES,
            Weight.ERROR,
            (place,),
            f"`{rule.name}` needs {rule.need} different approvers{role}, and the recorder knows {len(able)}: such an "
            "action can only expire.",
            witness_of(document, rule.model_copy(update={"agents": [agents] if rule.agents else []})),
            "Add people or roles to the recorder's approvals.json, or ask for fewer.",
        )


def _not_barred(people: list[Person], agents: str, settings: ApprovalSettings) -> list[Person]:
    """Without owner and deployer in the first entry that all of these agents fall under."""
    wanted = [name_language(agents)]
    for duty in settings.duties:
        entry = [name_language(duty.agents)]
        if outside(wanted, entry) is None:
            barred = [one for one in (settings.person(duty.owner), settings.person(duty.deployer)) if one is not None]
            return [person for person in people if not any(is_same(person, one) for one in barred)]
        if common(wanted, entry) is not None:
            return people  # it is another one's for some of them
    return people
