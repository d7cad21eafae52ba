"""Rows in a JSON document: where a declaration says they are, their fields, keys and operations.

Guarantees: linear in the document; no member of a row is lost on the way to its fields (what is no field is named in
`envelope`), so that nothing can be written past a check; a row that is not what the API takes is refused
(`wrong_type`) and not skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clyra_proxy.activation.model import Operation, Row
from clyra_proxy.activation.profiles.declaration import EndpointShape, Match
from clyra_proxy.activation.profiles.json_body import MISSING, Tokens, look, look_all, pointer_of, text_of, tokens_of
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable


class Element(NamedTuple):
    """A row as it stands in the document. container: the way to what holds it; name: its member name, "" in arrays.

    position: its place in the container. pointer: the way to the row itself, "" where the body is no JSON document.
    whole: the container itself is the row.
    """

    container: Tokens
    position: int
    value: Any
    name: str = ""
    whole: bool = False
    pointer: str = ""


def find_elements(document: Any, containers: tuple[Tokens, ...], single: Tokens | None) -> list[Element]:
    """The rows of a document. Raises UnreadableError (`no_rows`, `wrong_type`)."""
    found: list[Element] = []
    places = 0
    for tokens in containers:
        for way, value in look_all(document, tokens):
            if value is None:
                continue
            places += 1
            found += _elements(way, value)
    if places:
        return found
    if single is None or (value := look(document, single)) is MISSING:
        raise unreadable(Unreadable.NO_ROWS)
    if isinstance(value, list):  # several records where one is usual
        return _elements(single, value)
    return [Element(single, 0, value, whole=True, pointer=pointer_of(single))]


def _elements(way: Tokens, value: Any) -> list[Element]:
    above = pointer_of(way)
    if isinstance(value, list):
        make = tuple.__new__  # half the time of the constructor
        return [make(Element, (way, at, each, "", False, f"{above}/{at}")) for at, each in enumerate(value)]
    if isinstance(value, dict):
        return [
            Element(way, at, each, name, False, above + pointer_of((name,)))
            for at, (name, each) in enumerate(value.items())
        ]
    raise unreadable(Unreadable.WRONG_TYPE)


class RowReading:
    """How an endpoint's rows are read; made once from its declaration."""

    __slots__ = (
        "_above",
        "_envelope",
        "_envelope_and_only",
        "_lists",
        "_members",
        "_nested",
        "_only",
        "_operation",
        "_plain",
        "_shape",
        "containers",
        "single",
    )

    def __init__(self, shape: EndpointShape) -> None:
        self._shape = shape
        self.containers = tuple(tokens_of(pointer) for pointer in shape.rows)
        self.single = None if shape.single is None else tokens_of(shape.single)
        self._nested = frozenset(tokens_of(pointer) for pointer in shape.values)
        self._above = frozenset(way[:size] for way in self._nested for size in range(1, len(way) + 1))
        self._envelope = frozenset(shape.envelope)
        self._members = shape.members
        self._lists = shape.list_operations
        self._operation = shape.row_operation
        nested = next(iter(self._nested)) if len(self._nested) == 1 else ()
        self._only = nested[0] if len(nested) == 1 else None
        self._envelope_and_only = self._envelope | {self._only}
        special = shape.members or shape.list_operations or shape.row_operation or shape.columns or shape.scalar
        self._plain = not special

    def rows(
        self, document: Any, elements: list[Element], operation: Operation, captures: Mapping[str, str]
    ) -> tuple[Row, ...]:
        """The elements as rows. Raises UnreadableError."""
        columns = self._columns(document)
        keys = self._keys(document, captures)
        if self._plain:
            return tuple(self._plain_rows(elements, operation, keys))
        return tuple(self._row(index, element, operation, columns, keys) for index, element in enumerate(elements))

    def _plain_rows(self, elements: list[Element], operation: Operation, keys: tuple[Tokens | str, ...]) -> list[Row]:
        """What `_row` makes, for rows that all are objects with fields in one place: most batches, so it is quick."""
        only, known = self._only, self._envelope_and_only
        name = keys[0][0] if keys and not isinstance(keys[0], str) and len(keys[0]) == 1 else ""
        rows: list[Row] = []
        for index, (_, _, value, member, _, pointer) in enumerate(elements):
            if type(value) is not dict:
                raise unreadable(Unreadable.WRONG_TYPE)
            inner = None if only is None else value.get(only)
            values = inner if type(inner) is dict and value.keys() <= known else self._flattened(value)
            key = member or value.get(name)
            if type(key) is not str or not key:
                key = _key(value, values, keys)
            rows.append(Row(index, values, operation, key, pointer))
        return rows

    def _row(
        self, index: int, element: Element, operation: Operation, columns: list[str], keys: tuple[Tokens | str, ...]
    ) -> Row:
        value = element.value
        if self._lists and element.container:
            operation = self._lists.get(element.container[-1], operation)
        if self._operation is not None:
            operation = word_of(value, self._operation, operation)
        if self._members:
            value, operation = self._member(value)
        values = self._fields(value, columns)
        key = element.name or _key(value, values, keys)
        return Row(index, values, operation, key, element.pointer)

    def _columns(self, document: Any) -> list[str]:
        if self._shape.columns is None:
            return []
        found = look(document, tokens_of(self._shape.columns))
        names = found if isinstance(found, list) else [found]
        if not all(isinstance(name, str) for name in names):
            raise unreadable(Unreadable.WRONG_TYPE)
        return names

    def _keys(self, document: Any, captures: Mapping[str, str]) -> tuple[Tokens | str, ...]:
        """Pointers into the row, and texts that are the key itself."""
        found: list[Tokens | str] = []
        if self._shape.key_name is not None and (named := text_of(look(document, tokens_of(self._shape.key_name)))):
            found.append((named,))
        for place in self._shape.key:
            if place.startswith("/"):
                found.append(tokens_of(place))
            elif place.startswith("@"):
                found.append((place[1:].format_map(captures),))
            elif text := place.format_map(captures):
                found.append(text)
        return tuple(found)

    def _member(self, value: Any) -> tuple[Any, Operation]:
        names = [name for name in value if name in self._members] if isinstance(value, dict) else []
        if len(names) != 1:
            raise unreadable(Unreadable.OPERATION)
        return value[names[0]], self._members[names[0]]

    def _fields(self, value: Any, columns: list[str]) -> Mapping[str, object]:
        if isinstance(value, dict):
            return self._flattened(value) if self._nested or self._envelope else value
        if isinstance(value, list) and columns:
            if len(value) != len(columns):
                raise unreadable(Unreadable.RAGGED)
            return dict(zip(columns, value, strict=True))
        if isinstance(value, (str, int, float)) and (name := self._shape.scalar or "".join(columns[:1])):
            return {name: value}
        raise unreadable(Unreadable.WRONG_TYPE)

    def _flattened(self, value: dict[str, Any]) -> Mapping[str, object]:
        if not self._nested:
            if self._envelope.isdisjoint(value):
                return value
            return {name: each for name, each in value.items() if name not in self._envelope}
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
        for name in value.keys() - rest.keys():
            self._collect(inner or fields, (*way, name), value[name])
        if rest:
            fields.put(way, rest)


class _Fields:
    """Fields by name. Where two of a row have one name, the deeper keeps it and the other becomes `/name`."""

    __slots__ = ("_depths", "values")

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._depths: dict[str, int] = {}

    def put(self, way: Tokens, value: object) -> None:
        name, depth = way[-1], len(way)
        if name in self.values and self.values[name] != value:
            if depth < self._depths[name]:
                self.values["/" + name] = value
                return
            self.values["/" + name] = self.values[name]
        self.values[name] = value
        self._depths[name] = depth


def _key(value: Any, values: Mapping[str, object], keys: tuple[Tokens | str, ...]) -> str:
    for place in keys:
        if isinstance(place, str):
            return place
        found = text_of(look(value, place)) or (text_of(values.get(place[0])) if len(place) == 1 else "")
        if found:
            return found
    return text_of(value)


def word_of(value: Any, match: Match, unsaid: Operation | None = None) -> Operation:
    """What a place means: its word; `unsaid` (else `otherwise`) when nothing is there, `otherwise` for other words."""
    found = text_of(look(value, tokens_of(match.at)))
    if not found and unsaid is not None:
        return unsaid
    folded = found.casefold()
    return next((meaning for word, meaning in match.words.items() if word.casefold() == folded), match.otherwise)
