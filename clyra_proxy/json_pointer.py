"""JSON pointers (RFC 6901): taken apart, put together, and followed.

Following one into a document never raises: what is not there is MISSING, as `null` is a value. Pointers may come with
the traffic, so nothing is kept of them, and an index has few digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

type Tokens = tuple[str, ...]
"""The names and indices on the way, unescaped."""

_MOST_DIGITS = 9
"""Of an index: more elements than that has no array in memory."""


class _Missing:
    __slots__ = ()

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""What is not there. Counts as false."""


def escape(token: str) -> str:
    """One reference token as it stands in a pointer (section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """The name that a reference token stands for (section 4)."""
    return token.replace("~1", "/").replace("~0", "~")


def tokens_of(pointer: str) -> Tokens:
    """The reference tokens of a pointer; what stands before its first slash is nothing."""
    return tuple(map(unescape, pointer.split("/")[1:]))


def pointer_of(tokens: Iterable[str | int]) -> str:
    """The pointer of names and indices."""
    return "".join([f"/{escape(str(token))}" for token in tokens])


def look(value: Any, tokens: Iterable[str]) -> Any:
    """What stands at a place, MISSING when nothing does."""
    for token in tokens:
        if isinstance(value, dict):
            value = value.get(token, MISSING)
        elif isinstance(value, list) and _is_index(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return MISSING
    return value


def look_up(document: Any, pointer: str) -> Any:
    """The value at a pointer, MISSING when there is none."""
    return look(document, tokens_of(pointer))


def _is_index(token: str) -> bool:
    return token.isascii() and token.isdigit() and len(token) <= _MOST_DIGITS
