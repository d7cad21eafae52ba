"""Destinations: rules that nothing reaches, and rules that want opposite things of one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness, example_host
from clyra_proxy.enforcement.contradictions.requests import Cells, Example, free_of, shared
from clyra_proxy.policy.destinations import DestinationSettings, MatchRule
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.verdict.model import Mode


def of_destinations(document: PolicyDocument) -> Iterator[Contradiction]:
    """Every contradiction inside of one destination's list of rules."""
    for name, settings in document.destinations.items():
        cells = Cells.of(settings.rules)
        for position, rule in enumerate(settings.rules):
            place = f"destinations.{name}.rules[{position}]"
            before = settings.rules[:position]
            if before and free_of(rule, before, cells) is None:
                yield _unreachable(place, name, settings, rule, before, cells)
                continue
            for earlier, other in enumerate(before):
                yield from _opposed(place, f"destinations.{name}.rules[{earlier}]", settings, rule, other, cells)


def _unreachable(
    place: str, name: str, settings: DestinationSettings, rule: MatchRule, before: list[MatchRule], cells: Cells
) -> Contradiction:
    takers = [at for at, other in enumerate(before) if shared(rule, other, cells) is not None]
    example = shared(rule, before[takers[0]], cells) if takers else None
    names = ", ".join(f"`{before[at].name}`" for at in takers)
    return Contradiction(
        Kind.UNREACHABLE,
        Weight.ERROR,
        (place, *(f"destinations.{name}.rules[{at}]" for at in takers)),
        f"no request reaches the rule `{rule.name}`: what stands before it ({names}) takes all it describes.",
        _witness(settings, example),
        "Put the narrower rule first, or remove one.",
    )


def _opposed(
    place: str, earlier: str, settings: DestinationSettings, rule: MatchRule, other: MatchRule, cells: Cells
) -> Iterator[Contradiction]:
    stricter = _stricter(rule.modes, other.modes)
    if not stricter or free_of(other, [rule], cells) is None:
        return  # one that lies wholly inside of the other and stands before it is an exception, as meant
    example = shared(rule, other, cells)
    if example is not None:
        yield Contradiction(
            Kind.OVERLAP,
            Weight.WARNING,
            (f"{place}.modes.{stricter}", earlier),
            f"`{rule.name}` enforces `{stricter}`, and `{other.name}` before it, which does not, takes some of its "
            "requests.",
            _witness(settings, example),
            "Put the rule that enforces first, or make the other one narrower.",
        )


def _stricter(late: Mapping[str, Mode], early: Mapping[str, Mode]) -> str:
    """A rule id or family that the later one enforces and the earlier one expressly does not, "" when there is none."""
    for name, mode in late.items():
        if mode is Mode.ENFORCE:
            said = early.get(name, early.get(name.partition(".")[0]))
            if said is not None and said is not Mode.ENFORCE:
                return name
    return ""


def _witness(settings: DestinationSettings, example: Example | None) -> Witness:
    if example is None:
        return Witness()
    host = example_host(settings.hosts[0])
    return Witness(example.method, host, example.path, example.media)
