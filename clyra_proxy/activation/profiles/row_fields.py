"""The fields of a row whose API nests them: `properties.email` of HubSpot is `email`.

Guarantees: no member is lost on the way, but those that are no fields (`envelope`). Where several of a row have one
name and different values, the deepest keeps it and the others become `/name`, `//name`, ...: all of them are written.
Linear in the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.profiles.json_body import Tokens

_OBJECTS = {dict}


class RowFields:
    """nested: objects in a row whose members are fields. envelope: members of a row that are none."""

    __slots__ = ("_above", "_envelope", "_nested", "_none", "_only", "_roots", "_shallow")

    def __init__(self, nested: tuple[Tokens, ...], envelope: frozenset[str]) -> None:
        self._nested = frozenset(nested)
        self._above = frozenset(way[:size] for way in nested for size in range(1, len(way) + 1))
        self._roots = frozenset(way[0] for way in nested)
        self._envelope = envelope
        self._none = envelope | self._roots
        self._only = nested[0][0] if len(nested) == 1 and len(nested[0]) == 1 else None
        self._shallow = all(len(way) == 1 for way in nested)

    def of(self, value: dict[str, Any]) -> Mapping[str, object]:
        """The fields of a row; the row itself where it is nothing else."""
        if self._none.isdisjoint(value):
            return value
        if self._shallow:
            fields: dict[str, object] = value.copy()
            for name in self._none:
                fields.pop(name, None)
            for root in self._roots:
                inner = value.get(root, fields)
                if type(inner) is not dict or (inner is not fields and not fields.keys().isdisjoint(inner)):
                    return self._collected(value)
                fields.update(inner)
            return fields
        return self._collected(value)

    def of_all(self, values: list[dict[str, Any]], names: frozenset[str]) -> Sequence[Mapping[str, object]]:
        """The fields of many rows. names: all their members."""
        if self._none.isdisjoint(names):
            return values
        if self._only is not None and names <= self._none:
            inner = [value.get(self._only) for value in values]
            if set(map(type, inner)) == _OBJECTS:
                return inner  # type: ignore[return-value]  # as their types were looked at
        if self._roots.isdisjoint(names):
            return _without(values, self._envelope & names)
        return [self.of(value) for value in values]

    def _collected(self, value: dict[str, Any]) -> Mapping[str, object]:
        fields = _Fields()
        for name, each in value.items():
            if name not in self._envelope:
                self._collect(fields, (name,), each)
            elif (name,) in self._above:
                self._collect(_Fields(), (name,), each, inner=fields)
        return fields.values

    def _collect(self, fields: _Fields, way: Tokens, value: Any, inner: _Fields | None = None) -> None:
        """A member and what is nested in it. inner: takes the nested fields alone, where the member is no field."""
        if not isinstance(value, dict) or way not in self._above:
            fields.put(way, value)
            return
        if way in self._nested:
            for name, each in value.items():
                self._collect(inner or fields, (*way, name), each)
            return
        rest = {name: each for name, each in value.items() if (*way, name) not in self._above}
        for name, each in value.items():
            if name not in rest:
                self._collect(inner or fields, (*way, name), each)
        if rest:
            fields.put(way, rest)


def _without(values: list[dict[str, Any]], names: frozenset[str]) -> list[dict[str, object]]:
    """Copies of rows without some members."""
    copies = list(map(dict.copy, values))
    for name in names:
        for one in copies:
            one.pop(name, None)
    return copies


class _Fields:
    """Fields by name, with the depth each came from."""

    __slots__ = ("_depths", "values")

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._depths: dict[str, int] = {}

    def put(self, way: Tokens, value: object) -> None:
        name, depth = way[-1], len(way)
        if name in self.values and self.values[name] != value:
            if depth < self._depths[name]:
                self.values[self._beside(name)] = value
                return
            self.values[self._beside(name)] = self.values[name]
        self.values[name] = value
        self._depths[name] = depth

    def _beside(self, name: str) -> str:
        """A name for another value of that name."""
        while (name := "/" + name) in self.values:
            pass
        return name
