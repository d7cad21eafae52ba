"""What documents look like, learned one after the other, keeping no value.

Kept: kinds, lengths, numeric ranges, property names, how often each was seen and in how many documents, and a sketch
of how many different strings there were. A name that looks like data (digits, an address, an identifier), or an object
whose names keep growing, makes the object a map: its names are forgotten and all members share one shape. Elements of
an array share one shape. References: Baazizi et al., "Parametric schema inference for massive JSON datasets" (VLDB
Journal 2019), kind equivalence; Good, "The population frequencies of species" (1953) for `singletons`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.schemalock.sketch import DistinctCounter
from clyra_proxy.schemalock.vocabulary import Schema

MAX_NAMES = 256  # more names than this in one object is a map
MAP_FROM = 48  # from this many names on, mostly unique ones mean a map
MAX_DEPTH = 64

_DATA_NAME = re.compile(
    r"\d{3,}|[0-9a-f]{8}-[0-9a-f]{4}-|.*@.*|[0-9a-fA-F]{12,}$|.{65,}|(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{20,}$"
)
_KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_ORDER = ("null", "boolean", "integer", "number", "string", "array", "object")


def kind_of(value: Any) -> str:
    """The JSON Schema type of a parsed value; 1.0 is an integer, as the specification says."""
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return _KINDS[type(value)]


def is_data_name(name: str) -> bool:
    """True when a property name is more likely a value (an address, a number, an identifier) than a name."""
    return _DATA_NAME.match(name) is not None


@dataclass(slots=True)
class Seen:
    """How often one feature was met: occurrences, and documents that have it."""

    times: int = 0
    documents: int = 0
    last: int = -1

    def mark(self, document: int) -> None:
        self.times += 1
        if document != self.last:
            self.last = document
            self.documents += 1

    def merge(self, other: Seen) -> None:
        self.times += other.times
        self.documents += other.documents
        self.last = -1


@dataclass(slots=True)
class Extent:
    """Smallest and largest of something."""

    low: float | None = None
    high: float | None = None

    def widen(self, value: float) -> None:
        self.low = value if self.low is None or value < self.low else self.low
        self.high = value if self.high is None or value > self.high else self.high

    def merge(self, other: Extent) -> None:
        if other.low is not None and other.high is not None:
            self.widen(other.low)
            self.widen(other.high)


@dataclass(slots=True)
class Shape:
    """Everything learned about the values at one place."""

    kinds: dict[str, Seen] = field(default_factory=dict)
    numbers: Extent = field(default_factory=Extent)
    lengths: Extent = field(default_factory=Extent)  # of strings, in characters
    sizes: Extent = field(default_factory=Extent)  # of arrays
    distinct: DistinctCounter | None = None
    members: dict[str, Shape] = field(default_factory=dict)
    present: dict[str, Seen] = field(default_factory=dict)
    absent: dict[str, Seen] = field(default_factory=dict)
    elements: Shape | None = None
    values: Shape | None = None  # of a map: all members together
    is_map: bool = False
    opaque: bool = False  # too deep to look into: only the kinds are known

    def observe(self, value: Any, document: int, depth: int = 0) -> None:
        """Learn from one value. document: number of the document it belongs to, rising."""
        kind = kind_of(value)
        self.kinds.setdefault(kind, Seen()).mark(document)
        if kind in ("integer", "number"):
            self.numbers.widen(value)
        elif kind == "string":
            self.lengths.widen(len(value))
            if self.distinct is None:
                self.distinct = DistinctCounter()
            self.distinct.add(value)
        elif kind in ("array", "object") and depth >= MAX_DEPTH:
            self.opaque = True
        elif kind == "array":
            self.sizes.widen(len(value))
            if value and self.elements is None:
                self.elements = Shape()
            for element in value:
                self.elements.observe(element, document, depth + 1)  # type: ignore[union-attr]
        elif kind == "object":
            self._observe_members(value, document, depth)

    def _observe_members(self, value: dict[str, Any], document: int, depth: int) -> None:
        if not self.is_map and any(map(is_data_name, value.keys() - self.members.keys())):
            self.become_map()
        if self.is_map:
            self._observe_map(value, document, depth)
            return
        objects = self.kinds["object"]
        for name in self.members.keys() - value.keys():
            self.absent.setdefault(name, Seen()).mark(document)
        for name, member in value.items():
            shape = self.members.get(name)
            if shape is None:
                shape = self.members[name] = Shape()
                if objects.times > 1:  # it was absent from every object before this one
                    self.absent[name] = Seen(objects.times - 1, max(objects.documents - 1, 1), -1)
            self.present.setdefault(name, Seen()).mark(document)
            shape.observe(member, document, depth + 1)
        if self._grows():
            self.become_map()

    def _observe_map(self, value: dict[str, Any], document: int, depth: int) -> None:
        if value and self.values is None:
            self.values = Shape()
        for member in value.values():
            self.values.observe(member, document, depth + 1)  # type: ignore[union-attr]

    def _grows(self) -> bool:
        names = len(self.members)
        if names > MAX_NAMES:
            return True
        if names < MAP_FROM or self.kinds["object"].times < 4:
            return False
        return sum(1 for seen in self.present.values() if seen.times == 1) > names / 2

    def become_map(self) -> None:
        """Forget the names; what was learned under them is merged."""
        self.is_map = True
        for member in self.members.values():
            if self.values is None:
                self.values = Shape()
            self.values.merge(member)
        self.members, self.present, self.absent = {}, {}, {}

    def merge(self, other: Shape) -> None:
        """Add what another learner saw in other documents."""
        objects, other_objects = self._objects(), other._objects()
        self.opaque |= other.opaque
        if self.is_map != other.is_map:
            (other if self.is_map else self).become_map()
        for kind, seen in other.kinds.items():
            self.kinds.setdefault(kind, Seen()).merge(seen)
        for mine, theirs in ((self.numbers, other.numbers), (self.lengths, other.lengths), (self.sizes, other.sizes)):
            mine.merge(theirs)
        if other.distinct is not None:
            self.distinct = self.distinct or DistinctCounter()
            self.distinct.merge(other.distinct)
        for name in self.members.keys() - other.members.keys() if other_objects.times else ():
            self.absent.setdefault(name, Seen()).merge(other_objects)
        for name, shape in other.members.items():
            if name not in self.members and objects.times:
                self.absent.setdefault(name, Seen()).merge(objects)
            if name in other.absent:
                self.absent.setdefault(name, Seen()).merge(other.absent[name])
            self.members.setdefault(name, Shape()).merge(shape)
            self.present.setdefault(name, Seen()).merge(other.present[name])
        for part in ("elements", "values"):
            if (theirs_below := getattr(other, part)) is not None:
                below = getattr(self, part) or Shape()
                below.merge(theirs_below)
                setattr(self, part, below)

    def _objects(self) -> Seen:
        seen = self.kinds.get("object", Seen())
        return Seen(seen.times, seen.documents)

    def features(self) -> Iterator[Seen]:
        """Everything that could have been different: kinds here and below, presence and absence of members."""
        yield from self.kinds.values()
        yield from self.present.values()
        yield from self.absent.values()
        for below in self._below():
            yield from below.features()

    def _below(self) -> Iterator[Shape]:
        yield from (below for below in (*self.members.values(), self.elements, self.values) if below is not None)

    def count(self) -> int:
        """How many places are known, this one included."""
        return 1 + sum(below.count() for below in self._below())

    def schema(self, *, closed: bool = True) -> Schema:
        """As JSON Schema 2020-12: kinds, members, required members. Never a limit that was only observed."""
        kinds = [kind for kind in _ORDER if kind in self.kinds]
        if "number" in kinds and "integer" in kinds:
            kinds.remove("integer")
        made: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
        if self.opaque:
            return made
        if "array" in kinds:
            made["items"] = self.elements.schema(closed=closed) if self.elements else False
        if "object" in kinds:
            if self.is_map:
                made["additionalProperties"] = self.values.schema(closed=closed) if self.values else False
            else:
                made["properties"] = {n: shape.schema(closed=closed) for n, shape in sorted(self.members.items())}
                made["required"] = sorted(self.members.keys() - self.absent.keys())
                if closed:
                    made["additionalProperties"] = False
        return made
