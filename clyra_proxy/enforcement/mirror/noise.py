"""Which differences mean nothing: those of policy, those that are made anew for each answer, and those that are learnt.

Guarantee: only a differing value can be noise by learning, never a missing or added place, another type or another
status; and only when it differs in nearly all pairs of a route (`noise_share`) of which there were enough
(`noise_pairs`) and both sides keep changing: a value that always differs in the same way is a difference. What was
learnt is told with its counts. Bounded: so many routes, so many places of each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from clyra_proxy.enforcement.mirror.comparing import STATUS, Difference, Kind, shown

MOST_ROUTES = 512
MOST_PLACES = 512
MOST_VALUES = 32


class Noise(StrEnum):
    """Why a difference means nothing."""

    NONE = ""
    POLICY = "policy"
    GENERATED = "generated"
    LEARNT = "learnt"


class Ignored:
    """The pointers of a policy: their places and all below them. `*` stands for one token, and for every index."""

    __slots__ = ("_pointers",)

    def __init__(self, pointers: Sequence[str]) -> None:
        self._pointers = [tuple(pointer.split("/")[1:]) for pointer in pointers]

    def match(self, at: str) -> bool:
        if not self._pointers or not at.startswith("/"):
            return False
        tokens = at.split("/")[1:]
        return any(
            len(pointer) <= len(tokens)
            and all(
                one in ("*", other) or (other == "*" and (one.isdigit() or shown(one) == "*"))
                for one, other in zip(pointer, tokens, strict=False)
            )
            for pointer in self._pointers
        )


@dataclass(slots=True)
class Place:
    """What is known of one place of a route. differed: pairs in which its value differed."""

    differed: int = 0
    real: set[str] = field(default_factory=set)
    mirror: set[str] = field(default_factory=set)

    def add(self, found: Difference) -> None:
        for values, value in ((self.real, found.real), (self.mirror, found.mirror)):
            if len(values) < MOST_VALUES:
                values.add(value)


@dataclass(slots=True)
class RoutePairs:
    """pairs: of answers that were compared value by value."""

    pairs: int = 0
    places: dict[str, Place] = field(default_factory=dict)


class NoiseLearner:
    """Learns per route, from one pair after the other."""

    def __init__(self, share: float, least_pairs: int) -> None:
        self._share = share
        self._least = least_pairs
        self._routes: OrderedDict[str, RoutePairs] = OrderedDict()

    def add(self, route: str, differences: Iterable[Difference]) -> None:
        """One more pair of a route."""
        known = self._routes.setdefault(route, RoutePairs())
        self._routes.move_to_end(route)
        if len(self._routes) > MOST_ROUTES:
            self._routes.popitem(last=False)
        known.pairs += 1
        counted = set()
        for found in differences:
            if found.kind is not Kind.VALUE or found.at == STATUS:
                continue
            place = known.places.get(found.at)
            if place is None:
                if len(known.places) >= MOST_PLACES:
                    continue
                place = known.places[found.at] = Place()
            place.add(found)
            if found.at not in counted:
                counted.add(found.at)
                place.differed += 1

    def is_noise(self, route: str, found: Difference) -> bool:
        """Whether what was seen so far says that such a difference means nothing."""
        known = self._routes.get(route)
        if known is None or found.kind is not Kind.VALUE or found.at == STATUS:
            return False
        place = known.places.get(found.at)
        return place is not None and self._means_nothing(known.pairs, place)

    def learnt(self, route: str) -> dict[str, tuple[int, int]]:
        """Place -> (pairs in which it differed, pairs of the route), of what counts as noise."""
        known = self._routes.get(route, RoutePairs())
        return {
            at: (place.differed, known.pairs)
            for at, place in known.places.items()
            if self._means_nothing(known.pairs, place)
        }

    def _means_nothing(self, pairs: int, place: Place) -> bool:
        if pairs < self._least or place.differed < self._share * pairs:
            return False
        changing = min(len(place.real), len(place.mirror))
        return changing >= min(MOST_VALUES, pairs) / 2


def judge(
    differences: Iterable[Difference], route: str, ignored: Ignored, learner: NoiseLearner
) -> list[tuple[Difference, Noise]]:
    """Each difference with the reason for which it means nothing, if there is one."""
    return [(found, _noise(found, route, ignored, learner)) for found in differences]


def _noise(found: Difference, route: str, ignored: Ignored, learner: NoiseLearner) -> Noise:
    if ignored.match(found.at):
        return Noise.POLICY
    if found.generated:
        return Noise.GENERATED
    return Noise.LEARNT if learner.is_noise(route, found) else Noise.NONE
