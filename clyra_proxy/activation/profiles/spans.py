"""Taking elements out of a JSON container, every other byte as it was.

Guarantees: linear in the text; an element goes with exactly one comma; what stays keeps its order and its own white
space; with nothing to take out the text is the same object. The text was parsed strictly before, so the scanner need
only be right about valid JSON; where it is at a loss nothing is cut (`None`). A text that is written as orjson writes
its value, as many programs do, is not scanned but written anew, which gives the same a twentieth as long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import orjson

from clyra_proxy.activation.profiles.json_body import Tokens
from clyra_proxy.schemalock.scanner import ItemScanner
from clyra_proxy.stream.document import ReadText

_SPACE = re.compile(rb"[ \t\r\n]*+")
_KEY = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

type Span = tuple[int, int]


class _LostError(Exception):
    """The text is not what was parsed."""


def without_elements(text: bytes, cuts: Iterable[tuple[Tokens, Collection[int]]]) -> bytes | None:
    """`text` without elements of the containers named (or members, in an object), counted from 0; None when lost."""
    ranges: list[Span] = []
    try:
        for container, positions in cuts:
            ranges += _cuts(_elements(text, container), positions)
    except _LostError:
        return None
    return _spliced(text, sorted(ranges))


def written_without(text: bytes, document: Any, cuts: Collection[tuple[Tokens, Collection[int]]]) -> ReadText | None:
    """What `without_elements` gives, with its value; None where `text` is not what is written of `document`."""
    try:
        if orjson.dumps(document) != text:
            return None
        for container, positions in sorted(cuts, key=_depth, reverse=True):
            document = _left(document, container, positions)
    except (orjson.JSONEncodeError, LookupError, ValueError):
        return None
    made = ReadText(orjson.dumps(document))
    made.value = document
    return made


def _depth(cut: tuple[Tokens, Collection[int]]) -> int:
    return len(cut[0])


def _left(value: Any, container: Tokens, positions: Collection[int]) -> Any:
    """A value without elements of a container; only what holds them is copied. Raises LookupError, ValueError."""
    if container:
        copy = value.copy() if type(value) in (dict, list) else {}
        place: Any = container[0] if type(value) is dict else int(container[0])
        copy[place] = _left(copy[place], container[1:], positions)
        return copy
    if type(value) not in (dict, list) or (positions and max(positions) >= len(value)):
        raise LookupError
    if type(value) is dict:
        return {name: each for at, (name, each) in enumerate(value.items()) if at not in positions}
    return [each for at, each in enumerate(value) if at not in positions]


def _elements(text: bytes, container: Tokens) -> list[Span]:
    at = _skip(text, 0)
    for token in container:
        at = _child(text, at, token)
    return [(start, end) for _, start, _, end in _items(text, at)]


def _child(text: bytes, at: int, token: str) -> int:
    """Where the value of a member or element begins."""
    for number, (key, _, value, _) in enumerate(_items(text, at, until=token)):
        if token == (str(number) if key is None else key):
            return value
    raise _LostError


def _items(text: bytes, at: int, until: str | None = None) -> Iterator[tuple[str | None, int, int, int]]:
    """(key, start of the item, start of its value, end) of each item of the container that opens at `at`.

    until: a key whose value need not be walked; its item is the last one, with end -1.
    """
    opening, scanner = text[at : at + 1], ItemScanner()
    if opening not in (b"{", b"["):
        raise _LostError
    at = _skip(text, at + 1)
    while text[at : at + 1] not in (b"}", b"]"):
        key, value = _key(text, at) if opening == b"{" else (None, at)
        if key is not None and key == until:
            yield key, at, value, -1
            return
        scanner.restart(value)
        end = scanner.find_end(text)
        if end < 0 or end == value:
            raise _LostError
        yield key, at, value, _rstrip(text, end)
        at = _skip(text, end + 1) if text[end : end + 1] == b"," else end


def _key(text: bytes, at: int) -> tuple[str, int]:
    found = _KEY.match(text, at)
    if found is None:
        raise _LostError
    colon = _skip(text, found.end())
    if text[colon : colon + 1] != b":":
        raise _LostError
    return json.loads(found[0]), _skip(text, colon + 1)


def _cuts(elements: Sequence[Span], positions: Collection[int]) -> list[Span]:
    """The ranges to cut. An element goes with what stands before the next; those at the end with the comma before."""
    chosen = set(positions)
    if chosen and max(chosen) >= len(elements):
        raise _LostError
    last = len(elements) - 1
    while last >= 0 and last in chosen:
        last -= 1
    ranges = [(elements[at][0], elements[at + 1][0]) for at in sorted(chosen) if at < last]
    if last < len(elements) - 1:
        ranges.append((elements[last][1] if last >= 0 else elements[0][0], elements[-1][1]))
    return ranges


def _spliced(text: bytes, ranges: Sequence[Span]) -> bytes:
    if not ranges:
        return text
    parts: list[bytes] = []
    at = 0
    for start, end in ranges:
        parts.append(text[at:start])
        at = max(at, end)
    parts.append(text[at:])
    return b"".join(parts)


def _skip(text: bytes, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _rstrip(text: bytes, end: int) -> int:
    while text[end - 1] in b" \t\r\n":
        end -= 1
    return end
