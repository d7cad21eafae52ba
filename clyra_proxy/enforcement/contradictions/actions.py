"""Actions as rules of approvals describe them, compared: is every action of one also one of another.

A rule that lists several methods, tools or paths is taken apart into pieces of one each, so that several rules before
it can be seen to take all of it together. A family of findings has all its rules in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from clyra_proxy.enforcement.contradictions.finding import Witness, example_host
from clyra_proxy.enforcement.contradictions.languages import common, name_languages, path_language, within
from clyra_proxy.policy.approvals import ActionRule
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.verdict.rules import is_named_by

_SETS = ("destinations", "methods", "operations")
_PATTERNS = ("routes", "tools", "targets", "agents")
_LISTS = (*_SETS, *_PATTERNS, "findings", "paths")
MOST_PIECES = 512
"""Of one rule; one that has more is compared as a whole."""


def pieces(rule: ActionRule) -> Iterator[ActionRule]:
    """Rules of one value a list that together describe the same actions."""
    lists = {name: getattr(rule, name) for name in _LISTS if len(getattr(rule, name)) > 1}
    combined = list(islice(product(*lists.values()), MOST_PIECES + 1))
    if len(combined) > MOST_PIECES:
        yield rule
        return
    for values in combined:
        yield rule.model_copy(update={name: [value] for name, value in zip(lists, values, strict=True)})


def covers(wide: ActionRule, narrow: ActionRule) -> bool:
    """Whether every action of `narrow` is one of `wide`."""
    for name in _SETS:
        allowed, asked = set(getattr(wide, name)), set(getattr(narrow, name))
        if allowed and (not asked or not asked <= allowed):
            return False
    named = all(any(is_named_by(one, name) for name in wide.findings) for one in narrow.findings)
    if wide.findings and not (narrow.findings and named):
        return False
    for name in _PATTERNS:
        if not within(name_languages(getattr(narrow, name)), name_languages(getattr(wide, name))):
            return False
    if not within(tuple(map(path_language, narrow.paths)), tuple(map(path_language, wide.paths))):
        return False
    if wide.amount is None:
        return True
    same = narrow.amount is not None and narrow.amount.pointer == wide.amount.pointer
    return same and narrow.amount is not None and narrow.amount.limit >= wide.amount.limit


def witness_of(document: PolicyDocument, rule: ActionRule) -> Witness:
    """A plain action that the rule describes."""
    name = next(
        (name for name in rule.destinations if name in document.destinations), next(iter(document.destinations), "")
    )
    host = example_host(document.destinations[name].hosts[0]) if name else ""
    told = [
        f"{kind[:-1]} {getattr(rule, kind)[0]}"
        for kind in (*_PATTERNS, "operations", "findings")
        if getattr(rule, kind)
    ]
    if rule.amount is not None:
        told.append(f"an amount above {rule.amount.above} at {rule.amount.pointer}")
    paths = [path_language(pattern) for pattern in rule.paths]
    path = common(paths, paths) if paths else ""
    return Witness(rule.methods[0] if rule.methods else "POST", host, path or "/", name=", ".join(told))
