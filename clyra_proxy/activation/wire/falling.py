"""Rows that go down with refused ones, where a destination lets rows of a request refer to each other.

Rule: a row that needs what a refused one would have made is refused with it, and says so; every other row goes on.
Which rows these are is for the profile to say (`falling(rejected)`: index -> index of the refused row it needs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from clyra_proxy.activation.model import Rejection
from clyra_proxy.activation.profile import Endpoint

NEEDED = "Not done, because it refers to another part of the request that was refused. Rule {rule}."


@runtime_checkable
class Referring(Protocol):
    """An endpoint whose rows may refer to each other."""

    def falling(self, rejected: frozenset[int]) -> Mapping[int, int]: ...


def with_fallen(endpoint: Endpoint, rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    """The rejections with those that follow from them, in order of rows."""
    if not rejections or not isinstance(endpoint, Referring):
        return rejections
    by_index = {one.index: one for one in rejections}
    for index, root in endpoint.falling(frozenset(by_index)).items():
        message = NEEDED.format(rule=by_index[root].rule)
        by_index.setdefault(index, replace(by_index[root], index=index, message=message))
    return tuple(by_index[index] for index in sorted(by_index))
