"""Where rows stand in a JSON document, and the way to each of them.

Guarantees: linear in the document; every element of a container is found, whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import lru_cache, partial
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from clyra_proxy.activation.joined import Joined, OnDemand
from clyra_proxy.activation.profiles.json_body import MISSING, Tokens, look, look_all, pointer_of, text_of
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


class ArrayElements(OnDemand[Element]):
    """All elements of one array. values: as they stand; an `Element` is made when it is asked for.

    pointers: at least one an element.
    """

    __slots__ = ("container", "pointers", "values")

    def __init__(self, container: Tokens, values: list[Any], pointers: Sequence[str]) -> None:
        self.container = container
        self.values = values
        self.pointers = pointers

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Element]:
        size = len(self.values)
        parts = zip(repeat(self.container), range(size), self.values, repeat(""), repeat(False), self.pointers)
        return map(_made, parts)

    def at(self, position: int) -> Element:
        return Element(self.container, position, self.values[position], pointer=self.pointers[position])


_value = itemgetter(Element._fields.index("value"))


def sent_values(elements: Sequence[Element]) -> list[Any]:
    """The values of elements, in order."""
    if type(elements) is ArrayElements:
        return elements.values
    if type(elements) is Joined:
        return [value for part in elements.parts for value in sent_values(part)]
    return list(map(_value, elements))


def cuts_of(elements: Sequence[Element], rejected: Set[int]) -> dict[Tokens, set[int]] | None:
    """Of each array the positions of elements at some indices; None where an element is a whole document, which
    cannot be taken out of anything. Raises IndexError."""
    if type(elements) is ArrayElements:
        if not rejected <= set(range(len(elements))):
            raise IndexError
        return {elements.container: set(rejected)}
    if any(one.whole for one in elements):
        return None
    cuts: dict[Tokens, set[int]] = {}
    for index in rejected:
        element = elements[index]
        cuts.setdefault(element.container, set()).add(element.position)
    return cuts


def find_elements(document: Any, containers: tuple[Tokens, ...], single: Tokens | None) -> Sequence[Element]:
    """The rows of a document. Raises UnreadableError (`no_rows`, `wrong_type`)."""
    found: list[Sequence[Element]] = []
    for tokens in containers:
        for way, value in look_all(document, tokens):
            if value is not None:
                found.append(_elements(way, value))
    if found:
        return found[0] if len(found) == 1 else Joined(found)
    if single is None or (value := look(document, single)) is MISSING:
        raise unreadable(Unreadable.NO_ROWS)
    if isinstance(value, list):  # several records where one is usual
        return _elements(single, value)
    return [Element(single, 0, value, whole=True, pointer=pointer_of(single))]


def repeated(elements: Sequence[Element], places: tuple[Tokens, ...]) -> tuple[Sequence[Element], list[str]]:
    """Each element as often as it lists records that the same is done to, with their keys; and "" for one that lists
    none, or has no id. places: lists of ids, or of objects, in an element."""
    every: list[Element] = []
    keys: list[str] = []
    for element in elements:
        listed = [
            text_of(one) for place in places for _, found in look_all(element.value, place) for one in _ids(found)
        ]
        every += [element] * (len(listed) or 1)
        keys += listed or [""]
    return every, keys


def _ids(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if text_of(value) else []


_made = partial(tuple.__new__, Element)  # what the constructor does, without a call in Python for each row
_SPELLED = 1024  # positions of one array whose pointers are kept


def _elements(way: Tokens, value: Any) -> Sequence[Element]:
    above = pointer_of(way)
    if isinstance(value, list):
        return ArrayElements(way, value, _pointers(above, len(value)))
    if isinstance(value, dict):
        return [
            Element(way, at, each, name, False, above + pointer_of((name,)))
            for at, (name, each) in enumerate(value.items())
        ]
    if isinstance(value, (str, int)) and not isinstance(value, bool):  # one id where a list of them is usual
        return [Element(way, 0, value, whole=True, pointer=above)]
    raise unreadable(Unreadable.WRONG_TYPE)


def _pointers(above: str, count: int) -> Sequence[str]:
    """JSON pointers to the first elements of an array, at least `count` of them."""
    if count > _SPELLED:
        return [f"{above}/{at}" for at in range(count)]
    return _spelled(above, 1 << (count - 1).bit_length() if count else 0)


@lru_cache(maxsize=64)
def _spelled(above: str, count: int) -> tuple[str, ...]:
    return tuple(f"{above}/{at}" for at in range(count))
