"""The passages of a long text that deserve a judgement of their own.

Rule: an order of a line or two weighs as much in a long document as alone, so the places where patterns lie thickest
are judged as if they stood alone, with the classifier's word on that very passage. Only a few places of a text are, the
heaviest, so that a long document does not add up to an attack and the cost stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clyra_proxy.genai.injection.assessment import Found

MOST = 2
"""Passages of a text that are judged."""
_NEAR = 250
"""Bytes from the first match of a place to its last."""
_AROUND = 200
"""Bytes before and after that belong to the passage, if no line or element ends before."""
_LEAST = 3.0
"""Points that the patterns of a place must have together."""
_BEFORE = (b"\n", b">", b'"', b"<!--")
_AFTER = (b"\n", b"<", b'"', b"-->")


def passages(plain: bytes, found: Sequence[Found]) -> Iterator[tuple[int, int]]:
    """First byte and end of each passage, the heaviest place first. found: all matches, of any level."""
    places = sorted(_places(found), key=lambda place: -place[0])
    for _, first, last in places[:MOST]:
        yield _start(plain, first), _end(plain, last)


def _places(found: Sequence[Found]) -> Iterator[tuple[float, int, int]]:
    """(points, first match, last match) of runs of matches that lie close together."""
    run: list[Found] = []
    for item in [*sorted((item for item in found if item.worth > 0), key=lambda item: item.start), None]:
        if run and (item is None or item.start - run[0].start > _NEAR):
            points = sum({one.rule.id: one.worth for one in run}.values())
            if points >= _LEAST:
                yield points, run[0].start, run[-1].start
            run = []
        if item is not None:
            run.append(item)


def _start(plain: bytes, first: int) -> int:
    low = max(0, first - _AROUND)
    return max([low, *(place + len(mark) for mark in _BEFORE if (place := plain.rfind(mark, low, first)) >= 0)])


def _end(plain: bytes, last: int) -> int:
    high = min(len(plain), last + _AROUND)
    return min([high, *(place for mark in _AFTER if (place := plain.find(mark, last, high)) > last)])
