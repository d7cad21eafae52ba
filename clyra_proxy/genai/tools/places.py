"""The values at a place in a call's arguments.

Rule: a place is a JSON pointer (RFC 6901) in which `*` is every member or element and `**` every scalar below. Walks
are iterative and bounded; past `MOST` values TooManyError is raised, and who asked refuses the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST = 20_000
ANY, DEEP = "*", "**"


class TooManyError(Exception):
    """More values than are looked at."""


def values_at(value: Any, steps: tuple[str, ...]) -> list[Any]:
    """Every value at a place, in document order. Raises TooManyError."""
    found = [value]
    for step in steps:
        if step == DEEP:
            return list(_counted(scalar for item in found for scalar in _scalars(item)))
        found = list(_counted(inner for item in found for inner in _inside(item, step)))
    return found


def _counted(values: Iterator[Any]) -> Iterator[Any]:
    for count, value in enumerate(values):
        if count >= MOST:
            raise TooManyError
        yield value


def _inside(item: Any, step: str) -> Iterator[Any]:
    if isinstance(item, dict):
        if step == ANY:
            yield from item.values()
        elif step in item:
            yield item[step]
    elif isinstance(item, list):
        if step == ANY:
            yield from item
        elif step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(item):
            yield item[int(step)]


def _scalars(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(reversed(item.values()))
        elif isinstance(item, list):
            pending.extend(reversed(item))
        else:
            yield item
