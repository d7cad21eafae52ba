"""Rules for tool calls: rules that nothing reaches, and calls that one rule allows before a later one would deny them.

`deny` ignores case and `allow` does not; a rule that denies counts as taken when all names it writes are, in that
spelling. A rule with `when` is for some calls only, so it never takes all calls of another. Two rules of which the
earlier lies wholly inside of the later are an exception and its rule, as meant; so is what is denied before it is
allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness
from clyra_proxy.enforcement.contradictions.languages import Language, common, name_languages, within
from clyra_proxy.policy.genai.tools import Permission, ToolRule
from clyra_proxy.policy.models import PolicyDocument

_PLACE = "genai_security.tools.rules"
_WHOM = ("agents", "tenants", "destinations")


def of_tools(document: PolicyDocument) -> Iterator[Contradiction]:
    """Every contradiction among the rules for tool calls."""
    rules = document.genai_security.tools.rules
    for position, rule in enumerate(rules):
        before = list(enumerate(rules[:position]))
        taker = next((at for at, other in before if not other.when and _covers(other, rule)), None)
        if taker is not None:
            yield _unreachable(position, rule, taker, rules[taker])
        elif rule.action is Permission.DENY:
            for at, other in before:
                if other.action is Permission.ALLOW and not other.when and (rule.when or not _covers(rule, other)):
                    yield from _allowed_first(position, rule, at, other)


def _unreachable(position: int, rule: ToolRule, at: int, other: ToolRule) -> Contradiction:
    return Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR,
        (f"{_PLACE}[{position}]", f"{_PLACE}[{at}]"),
        f"no call reaches the rule `{rule.name}` ({rule.action}): `{other.name}` ({other.action}) before it takes all "
        "it describes.",
        _witness(rule, _shared(rule, rule) or "x"),
        "Put the narrower rule first, or remove one.",
    )


def _allowed_first(position: int, rule: ToolRule, at: int, other: ToolRule) -> Iterator[Contradiction]:
    name = _shared(other, rule)
    if name is not None:
        yield Contradiction(
            Kind.OVERLAP,
            Weight.WARNING,
            (f"{_PLACE}[{position}]", f"{_PLACE}[{at}]"),
            f"`{rule.name}` denies calls, and `{other.name}` before it allows some of them.",
            _witness(rule, name),
            "Put the rule that denies first, or make the other one narrower.",
        )


def _covers(wide: ToolRule, narrow: ToolRule) -> bool:
    """Whether every call of `narrow` is one of `wide`, whatever its arguments."""
    if wide.kinds and (not narrow.kinds or not set(narrow.kinds) <= set(wide.kinds)):
        return False
    if not all(within(name_languages(getattr(narrow, name)), name_languages(getattr(wide, name))) for name in _WHOM):
        return False
    if wide.action is Permission.DENY:
        return within(_folded(narrow.tools), _folded(wide.tools))
    return within(name_languages(narrow.tools), name_languages(wide.tools))


def _shared(one: ToolRule, other: ToolRule) -> str | None:
    """The name of a tool that both rules are about, None when there is none."""
    if one.kinds and other.kinds and not set(one.kinds) & set(other.kinds):
        return None
    for name in _WHOM:
        first, second = name_languages(getattr(one, name)), name_languages(getattr(other, name))
        if first and second and common(first, second) is None:
            return None
    exact = common(name_languages(one.tools or ["*"]), name_languages(other.tools or ["*"]))
    return exact if exact is not None else common(_folded(one.tools or ["*"]), _folded(other.tools or ["*"]))


def _witness(rule: ToolRule, tool: str) -> Witness:
    told = [f"tool {tool}", *(f"{name[:-1]} {getattr(rule, name)[0]}" for name in _WHOM if getattr(rule, name))]
    return Witness("POST", name=", ".join(told))


def _folded(patterns: Sequence[str]) -> tuple[Language, ...]:
    return name_languages([pattern.lower() for pattern in patterns])
