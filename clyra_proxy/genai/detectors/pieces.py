"""Cutting texts for detectors that take little at a time: windows that overlap, so that nothing falls between two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clyra_proxy.genai.detectors.question import Item
from clyra_proxy.services.failure import Cause, ServiceFailure

OVERLAP = 512
"""Characters two neighbouring windows share."""

MOST_CALLS = 64


def windows(text: str, size: int) -> Iterator[tuple[int, str]]:
    """(offset, piece) of `text` in pieces of at most `size` characters, each sharing OVERLAP with the one before."""
    start = 0
    while True:
        yield start, text[start : start + size]
        if start + size >= len(text):
            return
        start += size - OVERLAP


def packed(items: Sequence[Item], size: int, most: int) -> list[list[tuple[Item, int, str]]]:
    """Windows of all items in groups of at most `most` windows and `size` characters. Raises ServiceFailure."""
    groups: list[list[tuple[Item, int, str]]] = []
    room = 0
    for item in items:
        for offset, piece in windows(item.text, size):
            if not groups or len(piece) > room or len(groups[-1]) >= most:
                groups.append([])
                room = size
            groups[-1].append((item, offset, piece))
            room -= len(piece)
            if len(groups) > MOST_CALLS:
                raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    return groups
