"""Fields that may not be written.

Rules: what is denied is denied at any depth and however its name is spelled (case, compatibility forms); what is
allowed is allowed as it is spelled, with all inside of it. Names are judged once and remembered, for at most
`REMEMBERED` of them; a row costs one look-up unless it nests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import indices
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.row_primitives import FieldLists

REMEMBERED = 4096
TOO_DEEP = "(too deep)"
_DEEPEST = 64
_TOLD = 128  # characters of a field's name in a finding


class FieldLaw:
    """The field lists of one rule."""

    def __init__(self, settings: FieldLists, rule: str) -> None:
        self._rule = rule
        self._deny = Names(settings.deny, fold=True, empty=False)
        self._allow = Names(settings.allow)
        self._listed = bool(settings.allow)
        self._holders = frozenset(_holders(settings.allow))
        self._denied = lru_cache(maxsize=REMEMBERED)(self._is_denied)
        self._of_shape = lru_cache(maxsize=REMEMBERED)(self._first_denied)

    def judge(self, group: Group) -> Iterator[RowSignal]:
        bad: dict[str, set[int]] = {}
        for shape in group.shapes:
            if denied := self._of_shape(shape.fields):
                bad.setdefault(denied, set()).update(indices(shape.rows))
            for name, column in shape.nested:
                for row, value in zip(shape.rows, column, strict=True):
                    if type(value) in (dict, list) and (path := self._search(value, name)):
                        bad.setdefault(path, set()).add(row.index)
        for field, rows in bad.items():
            yield RowSignal("rows.field", tuple(sorted(rows)), detail={"field": field[:_TOLD], "by": self._rule})

    def _first_denied(self, names: tuple[str, ...]) -> str:
        return next((name for name in names if self._denied(name)), "")

    def _is_denied(self, path: str) -> bool:
        """A field is denied by its whole path or any end of it; allowed by its path or any beginning of it."""
        steps = path.split(".")
        if any(self._deny.match(".".join(steps[start:])) for start in range(len(steps))):
            return True
        if not self._listed or path in self._holders:
            return False
        return not any(self._allow.match(".".join(steps[:end])) for end in range(len(steps), 0, -1))

    def _search(self, value: Any, path: str) -> str:
        """The first denied path below a value; what lies too deep to be looked at is denied."""
        return next((inner for inner in paths_inside(value, path) if inner == TOO_DEEP or self._denied(inner)), "")


def _holders(allowed: Iterable[str]) -> Iterator[str]:
    """Fields that hold an allowed one; what else is inside of them is judged by itself."""
    for pattern in allowed:
        steps = pattern.split(".")
        yield from (".".join(steps[:end]) for end in range(1, len(steps)))


def paths_inside(value: Any, path: str) -> Iterator[str]:
    """The dotted path of every member below a value; lists add nothing to a path. `TOO_DEEP` where it ends."""
    stack = [(value, path, 0)]
    while stack:
        node, prefix, depth = stack.pop()
        if depth > _DEEPEST:
            yield TOO_DEEP
            continue
        if isinstance(node, Mapping):
            for name, inner in node.items():
                yield f"{prefix}.{name}"
                stack.append((inner, f"{prefix}.{name}", depth + 1))
        elif isinstance(node, list | tuple):
            stack.extend((inner, prefix, depth + 1) for inner in node)


def at_path(values: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path: the field of that very name first, else step by step; MISSING when there is none."""
    if path in values:
        return values[path]
    node: Any = values
    for step in path.split("."):
        if not isinstance(node, Mapping) or step not in node:
            return MISSING
        node = node[step]
    return node


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
