"""One strict reading of JSON, and walks over what it gave.

Guarantees: a key that stands twice in one object is refused, because two parsers would see two texts; so are byte order
marks, other encodings than UTF-8, NaN, and anything nested deeper than `DEEPEST`. A lone surrogate (half an emoji, as
JavaScript cuts them) becomes U+FFFD, one character for one, so offsets hold. Walks are iterative and in document order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.json_pointer import escape

DEEPEST = 200
"""Levels of nesting; no provider's format comes near, and serialisers give up not far above."""
EMBEDDED = "#"
"""Token of a pointer after a string: the JSON text in it. A token can follow a string in no other sense."""
LONGEST_POINTER = 1024
"""Characters; what lies deeper has no path. Bounds the cost of long keys above many strings."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(body: bytes) -> Any:
    """The JSON value of `body`. Raises UnreadableError (`not_json`, `duplicate_key`, `too_deep`)."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("not_json") from None
    return parse_text(text)


def parse_text(text: str) -> Any:
    """The same for text that is decoded already."""
    if text.startswith("\ufeff"):
        raise UnreadableError("not_json")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except ValueError:
        raise UnreadableError("not_json") from None
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise UnreadableError("too_deep")
    if "\\ud" in text or "\\uD" in text:
        value = _without_surrogates(value)
    return value


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of `body`. Raises UnreadableError, `unknown_shape` when it is another value."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise UnreadableError("unknown_shape")
    return value


def parse_embedded(text: str) -> Any:
    """The value of JSON inside a JSON string (a call's arguments); None when it is none."""
    try:
        return parse_text(text)
    except UnreadableError:
        return None


def pointer(path: str, token: str | int) -> str:
    """`path` one level deeper (RFC 6901); "" when `path` leads nowhere or the way gets too long."""
    if not path and path is not ROOT:
        return ""
    text = str(token) if isinstance(token, int) else escape(token)
    return "" if len(path) + len(text) >= LONGEST_POINTER else f"{path}/{text}"


class _Root(str):
    __slots__ = ()


ROOT = _Root("")
"""Where a walk begins: the whole document, whose pointer is the empty text, as "leads nowhere" is otherwise."""


def leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(pointer, text) of every string in `value`, in document order; keys are not included."""
    pending: list[tuple[str, Any]] = [(path, value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, str):
            yield place, item
        elif isinstance(item, dict):
            pending.extend((pointer(place, key), inner) for key, inner in reversed(item.items()))
        elif isinstance(item, list):
            pending.extend((pointer(place, at), item[at]) for at in range(len(item) - 1, -1, -1))


def keys(value: Any) -> Iterator[str]:
    """Every key of every object in `value`, in document order."""
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from item
            pending.extend(reversed(item.values()))
        elif isinstance(item, list):
            pending.extend(reversed(item))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise UnreadableError("duplicate_key")
    return made


def _constant(_: str) -> NoReturn:
    raise UnreadableError("not_json")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _depth(value: Any) -> int:
    deepest = 0
    pending: list[tuple[int, Any]] = [(1, value)]
    while pending:
        level, item = pending.pop()
        if isinstance(item, (dict, list)):
            deepest = max(deepest, level)
            inner = item.values() if isinstance(item, dict) else item
            pending.extend((level + 1, each) for each in inner if isinstance(each, (dict, list)))
    return deepest


def _without_surrogates(value: Any) -> Any:
    """The same value, its lone surrogates replaced. Containers are changed in place: nobody else has them yet."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            for key in [key for key in item if _SURROGATE.search(key)]:
                item[_SURROGATE.sub("\ufffd", key)] = item.pop(key)
        places = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for place, inner in list(places):
            if isinstance(inner, str):
                item[place] = _SURROGATE.sub("\ufffd", inner)
            else:
                pending.append(inner)
    return value


def dump(value: Any) -> str:
    """`value` as compact JSON text, its own characters kept."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
