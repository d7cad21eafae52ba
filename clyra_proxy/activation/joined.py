"""Sequences whose items are made, or found, when they are asked for: by position, or several sequences as one.

Rule: nothing is copied, so that what is kept by columns stays so; positions count through all parts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload


class OnDemand[T](Sequence[T]):
    """A slice is a tuple of what its positions hold."""

    __slots__ = ()

    @abstractmethod
    def at(self, position: int) -> T:
        """The item at a position from 0 on, which there is."""

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            return tuple(self)[at]
        return self.at(range(len(self))[at])


class Joined[T](OnDemand[T]):
    """Several sequences one after the other. parts: in order."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self.parts)

    def at(self, position: int) -> T:
        for part in self.parts:
            if position < len(part):
                return part[position]
            position -= len(part)
        raise IndexError(position)
