"""Limits of rows: rules that give nothing any more, limits that another is always reached before, fields both allowed
and denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness
from clyra_proxy.enforcement.contradictions.languages import common, name_language, name_languages, outside, within
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.row_primitives import FieldLists
from clyra_proxy.policy.rows import Limits, RowRule

_PLACE = "data_platform.activation.rows"
_PATTERNS = ("agents", "tenants", "destinations", "targets", "syncs")
_LIMITS = tuple(Limits.model_fields)


def of_limits(document: PolicyDocument) -> Iterator[Contradiction]:
    """Every contradiction among the limits of rows."""
    rows = document.data_platform.activation.rows
    for position, rule in enumerate(rows.rules):
        place = f"{_PLACE}.rules[{position}]"
        yield from _given_before(place, rule, rows.rules[:position])
        yield from _of_one(place, rule, rule)
    yield from _of_one(f"{_PLACE}.default", rows.default, None)


def _given_before(place: str, rule: RowRule, before: Sequence[RowRule]) -> Iterator[Contradiction]:
    """Limits that rules before it, which are for all of its writes, have given already."""
    wide = [(at, other) for at, other in enumerate(before) if _covers(other, rule)]
    taken = {name: at for at, other in reversed(wide) for name in _given(other)}
    lost = [name for name in _given(rule) if name in taken]
    if not lost:
        return
    all_of_it = len(lost) == len(_given(rule))
    yield Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR if all_of_it else Weight.WARNING,
        (f"{place}.{lost[0]}", f"{_PLACE}.rules[{taken[lost[0]]}].{lost[0]}"),
        f"`{rule.name}` never gives {', '.join(f'`{name}`' for name in lost)}: `{before[taken[lost[0]]].name}` before "
        "it is for all of its writes and gives that.",
        _witness(rule),
        "Put the narrower rule first.",
    )


def _of_one(place: str, limits: Limits, rule: RowRule | None) -> Iterator[Contradiction]:
    witness = _witness(rule) if rule is not None else Witness()
    numbers = [(name, value) for name in ("per_request", "per_run") if isinstance(value := getattr(limits, name), int)]
    numbers += [(f"windows[{at}].rows", one.rows) for at, one in enumerate(limits.windows or ()) if not one.per]
    for (first, low), (second, high) in pairwise(numbers):
        if first != "per_run" and low > high:
            yield Contradiction(
                Kind.NEVER_BINDS,
                Weight.WARNING,
                (f"{place}.{first}", f"{place}.{second}"),
                f"`{first}` ({low}) is never reached: `{second}` ({high}) is smaller and counts the same rows.",
                witness,
                "Make it smaller, or remove it.",
            )
    if limits.fields is not None:
        yield from _fields(place, limits.fields, witness)


def _fields(place: str, fields: FieldLists, witness: Witness) -> Iterator[Contradiction]:
    for at, allowed in enumerate(fields.allow):
        denied = [name for name in fields.deny if outside([name_language(allowed)], [name_language(name)]) is None]
        if denied:
            shown = common([name_language(allowed)], [name_language(denied[0])]) or allowed
            yield Contradiction(
                Kind.ALLOW_AND_DENY,
                Weight.ERROR,
                (f"{place}.fields.allow[{at}]", f"{place}.fields.deny"),
                f"the field `{allowed}` is allowed, and `{denied[0]}` denies it; what is denied is refused.",
                Witness(name=f"field {shown}", host=witness.host),
                "Take it out of one of the lists.",
            )


def _given(limits: Limits) -> list[str]:
    return [name for name in _LIMITS if getattr(limits, name) is not None]


def _covers(wide: RowRule, narrow: RowRule) -> bool:
    operations = not wide.operations or (bool(narrow.operations) and set(narrow.operations) <= set(wide.operations))
    return operations and all(_within(getattr(narrow, name), getattr(wide, name)) for name in _PATTERNS)


def _within(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    return within(name_languages(narrow), name_languages(wide))


def _witness(rule: RowRule) -> Witness:
    parts = [f"{name[:-1]} {getattr(rule, name)[0]}" for name in _PATTERNS if getattr(rule, name)]
    parts += [f"operation {rule.operations[0]}"] if rule.operations else []
    return Witness(name=", ".join(parts))
