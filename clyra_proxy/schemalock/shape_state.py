"""A learned shape as JSON and back, so that learning can stop, move and merge.

Rule: what is written is what `Shape` keeps, counts and names, no value. Reading trusts nothing: a state that is not of
this form is refused, never half read.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.errors import SchemaError
from clyra_proxy.schemalock.shape import MAX_DEPTH, Extent, Seen, Shape
from clyra_proxy.schemalock.sketch import DistinctCounter

_EXTENTS = ("numbers", "lengths", "sizes")
_TALLIES = ("kinds", "present", "absent")


def to_state(shape: Shape) -> dict[str, Any]:
    """Plain JSON values; empty parts are left out."""
    state: dict[str, Any] = {}
    for name in _TALLIES:
        if tally := getattr(shape, name):
            state[name] = {key: [seen.times, seen.documents] for key, seen in tally.items()}
    for name in _EXTENTS:
        extent: Extent = getattr(shape, name)
        if extent.low is not None:
            state[name] = [extent.low, extent.high]
    if shape.distinct is not None:
        state["distinct"] = shape.distinct.registers.hex()
    if shape.members:
        state["members"] = {name: to_state(member) for name, member in shape.members.items()}
    for name in ("elements", "values"):
        if (below := getattr(shape, name)) is not None:
            state[name] = to_state(below)
    if shape.is_map:
        state["map"] = True
    if shape.opaque:
        state["opaque"] = True
    return state


def from_state(state: Any, depth: int = 0) -> Shape:
    """Raises SchemaError when the state is not one that `to_state` wrote."""
    try:
        return _read(state, depth)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError):
        raise SchemaError(
            "the learning state cannot be read", "It is damaged or of another version.", "Learn again from samples."
        ) from None


def _read(state: Any, depth: int) -> Shape:
    if depth > MAX_DEPTH + 1:
        raise ValueError("too deep")
    shape = Shape(is_map=state.get("map") is True, opaque=state.get("opaque") is True)
    for name in _TALLIES:
        tally = {str(key): Seen(int(times), int(documents)) for key, (times, documents) in state.get(name, {}).items()}
        setattr(shape, name, tally)
    for name in _EXTENTS:
        if name in state:
            low, high = state[name]
            setattr(shape, name, Extent(low + 0, high + 0))
    if "distinct" in state:
        registers = bytes.fromhex(state["distinct"])
        if len(registers) != 64:
            raise ValueError("registers")
        shape.distinct = DistinctCounter(registers)
    shape.members = {str(name): _read(member, depth + 1) for name, member in state.get("members", {}).items()}
    for name in ("elements", "values"):
        if name in state:
            setattr(shape, name, _read(state[name], depth + 1))
    if shape.members.keys() != shape.present.keys():
        raise ValueError("members")
    return shape
