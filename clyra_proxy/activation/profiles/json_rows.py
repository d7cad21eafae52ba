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
from clyra_proxy.activation.profiles.row_fields import RowFields


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
        "_fields",
        "_known",
        "_lists",
        "_members",
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
        self._fields = RowFields(tuple(tokens_of(pointer) for pointer in shape.values), frozenset(shape.envelope))
        self._members = shape.members
        self._lists = shape.list_operations
        self._operation = shape.row_operation
        self._plain = not (shape.members or shape.row_operation)
        nested = tokens_of(shape.values[0]) if len(shape.values) == 1 else ()
        self._only = nested[0] if len(nested) == 1 else None
        self._known = frozenset(shape.envelope) | {self._only}

    def rows(
        self, document: Any, elements: list[Element], operation: Operation, captures: Mapping[str, str]
    ) -> tuple[Row, ...]:
        """The elements as rows. Raises UnreadableError."""
        columns = self._columns(document)
        keys = self._keys(document, captures)
        if self._plain:
            return tuple(self._plain_rows(elements, operation, columns, keys))
        return tuple(self._row(index, element, operation, columns, keys) for index, element in enumerate(elements))

    def _plain_rows(
        self, elements: list[Element], operation: Operation, columns: list[str], keys: tuple[Tokens | str, ...]
    ) -> list[Row]:
        """What `_row` makes, where nothing in a row says what is done to it: most batches, so it is quick."""
        only, known, lists, fields = self._only, self._known, self._lists, self._fields
        name = keys[0][0] if keys and not isinstance(keys[0], str) and len(keys[0]) == 1 else ""
        rows: list[Row] = []
        make = tuple.__new__  # half the time of the constructor
        for index, element in enumerate(elements):
            container, _, value, member, _, pointer = element
            if type(value) is not dict:
                rows.append(self._row(index, element, operation, columns, keys))
                continue
            inner = None if only is None else value.get(only)
            values = inner if type(inner) is dict and value.keys() <= known else fields.of(value)
            key = member or value.get(name)
            if type(key) is not str or not key:
                key = _key(value, values, keys)
            done = lists.get(container[-1], operation) if lists and container else operation
            rows.append(make(Row, (index, values, done, key, pointer)))
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
        values = self._values_of(value, columns)
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

    def _values_of(self, value: Any, columns: list[str]) -> Mapping[str, object]:
        if isinstance(value, dict):
            return self._fields.of(value)
        if isinstance(value, list) and columns:
            if len(value) != len(columns):
                raise unreadable(Unreadable.RAGGED)
            return dict(zip(columns, value, strict=True))
        if isinstance(value, (str, int, float)) and (name := self._shape.scalar or "".join(columns[:1])):
            return {name: value}
        raise unreadable(Unreadable.WRONG_TYPE)


def _key(value: Any, values: Mapping[str, object], keys: tuple[Tokens | str, ...]) -> str:
    for place in keys:
        if isinstance(place, str):
            return place
        if len(place) == 1 and place[0] not in values and (type(value) is not dict or place[0] not in value):
            continue
        found = text_of(look(value, place)) or (text_of(values.get(place[0])) if len(place) == 1 else "")
        if found:
            return found
    return text_of(value)


def word_of(value: Any, match: Match, unsaid: Operation | None = None) -> Operation:
    """What a place means; `unsaid` (else `otherwise`) when nothing is there, `otherwise` for other words."""
    found = text_of(look(value, tokens_of(match.at)))
    if not found and unsaid is not None:
        return unsaid
    folded = found.casefold()
    return next((meaning for word, meaning in match.words.items() if word.casefold() == folded), match.otherwise)
