"""The elements of a JSON document as rows: their fields, keys and operations.

Guarantees: linear in the document; rows that are alike are read by columns and give what reading each alone gives; no
member of a row is lost on the way to its fields (what is no field is named in
`envelope`), so that nothing can be written past a check; a row that is not what the API takes is refused
(`wrong_type`) and not skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.joined import Joined
from clyra_proxy.activation.model import Columns, Operation, Row
from clyra_proxy.activation.profiles.declaration import EndpointShape, Match
from clyra_proxy.activation.profiles.elements import ArrayElements, Element
from clyra_proxy.activation.profiles.json_body import Tokens, look, text_of, tokens_of
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.activation.profiles.row_fields import RowFields

_OBJECTS = {dict}
_TEXTS = {str}
_NOTHING = {type(None)}


class RowReading:
    """How an endpoint's rows are read; made once from its declaration."""

    __slots__ = (
        "_fields",
        "_lists",
        "_members",
        "_operation",
        "_plain",
        "_shape",
        "containers",
        "each",
        "single",
        "target",
    )

    def __init__(self, shape: EndpointShape) -> None:
        self._shape = shape
        self.containers = tuple(tokens_of(pointer) for pointer in shape.rows)
        self.single = None if shape.single is None else tokens_of(shape.single)
        self.target = None if shape.row_target is None else tokens_of(shape.row_target)
        self.each = tuple(tokens_of(pointer) for pointer in shape.each)
        self._fields = RowFields(tuple(tokens_of(pointer) for pointer in shape.values), frozenset(shape.envelope))
        self._members = shape.members
        self._lists = shape.list_operations
        self._operation = shape.row_operation
        self._plain = not (shape.members or shape.row_operation)

    def rows(
        self, document: Any, elements: Sequence[Element], operation: Operation, captures: Mapping[str, str]
    ) -> Sequence[Row]:
        """The elements as rows. Raises UnreadableError."""
        columns = self._columns(document)
        keys = self._keys(document, captures)
        if self._plain and (alike := self._alike(elements, operation, keys)) is not None:
            return alike
        return tuple(self._row(index, element, operation, columns, keys) for index, element in enumerate(elements))

    def _alike(
        self, elements: Sequence[Element], operation: Operation, keys: tuple[Tokens | str, ...]
    ) -> Sequence[Row] | None:
        """What `_row` makes, by columns: most batches, so it is quick. None where some are no objects of an array."""
        parts = elements.parts if type(elements) is Joined else (elements,)
        made: list[Columns] = []
        start = 0
        for part in parts:
            if type(part) is not ArrayElements or not part.values or set(map(type, part.values)) != _OBJECTS:
                return None
            made.append(self._columns_of(part, operation, keys, start))
            start += len(part.values)
        return made[0] if len(made) == 1 else Joined(made)

    def _columns_of(
        self, array: ArrayElements, operation: Operation, keys: tuple[Tokens | str, ...], start: int
    ) -> Columns:
        names = frozenset().union(*array.values)
        fields = self._fields.of_all(array.values, names)
        found = _keys_of_all(array.values, fields, names, keys)
        if self._lists and array.container:
            operation = self._lists.get(array.container[-1], operation)
        return Columns(fields, operation, found, array.pointers, start)

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
        names = self._named(value)
        if not names and isinstance(value, dict) and len(value) == 1:  # the kind of record first: {"campaignOperation":
            (value,) = value.values()
            names = self._named(value)
        if len(names) != 1:
            raise unreadable(Unreadable.OPERATION)
        return value[names[0]], self._members[names[0]]

    def _named(self, value: Any) -> list[str]:
        return [name for name in value if name in self._members] if isinstance(value, dict) else []

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


def _keys_of_all(
    values: list[dict[str, Any]],
    fields: Sequence[Mapping[str, object]],
    names: frozenset[str],
    keys: tuple[Tokens | str, ...],
) -> Sequence[str]:
    """`_key` of every row. names: all members of all rows."""
    for place in keys:
        if isinstance(place, str):
            return [place] * len(values)
        first, there = place[0], place[0] in names
        if not there and (len(place) > 1 or fields is values):
            continue
        if len(place) > 1:
            break
        found = _texts_of([each.get(first) for each in (values if there else fields)])
        if all(found):
            return found
        if there or any(found):
            break
    else:
        return [""] * len(values)
    return [_key(value, each, keys) for value, each in zip(values, fields, strict=True)]


def _texts_of(values: list[Any]) -> list[str]:
    kinds = set(map(type, values))
    if kinds == _TEXTS:
        return values
    return [""] * len(values) if kinds == _NOTHING else list(map(text_of, values))


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


def texts_at(values: Sequence[Any], outer: str, inner: str) -> Sequence[str]:
    """The text that stands at `outer/inner` of each value, "" where none does."""
    try:
        found = [value[outer][inner] for value in values]
    except (KeyError, TypeError, IndexError):
        found = [look(value, (outer, inner)) for value in values]
    return _texts_of(found)
