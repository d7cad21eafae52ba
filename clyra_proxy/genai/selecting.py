"""Names and callers as policy selects them, compiled: one set look-up and one RE2 automaton a list of patterns.

Rule: `*` stands for any run of characters, `?` for one; nothing else is special. An empty list selects everything.
Matching takes time linear in the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.normal_forms import normal_form
from clyra_proxy.policy.genai.selecting import Selection


class Names:
    """A list of name patterns. fold: compare without regard to case and compatibility forms (NFKC)."""

    __slots__ = ("_every", "_exact", "_fold", "_pattern")

    def __init__(self, patterns: Iterable[str], *, fold: bool = False, empty: bool = True) -> None:
        """empty: what an empty list selects, everything or nothing."""
        listed = [_folded(pattern) if fold else pattern for pattern in patterns]
        self._fold = fold
        self._every = "*" in listed or (empty and not listed)
        self._exact = frozenset(pattern for pattern in listed if not {"*", "?"} & set(pattern))
        wild = [_expression(pattern) for pattern in listed if pattern not in self._exact]
        self._pattern: Any = re2.compile(f"(?s)(?:{'|'.join(wild)})") if wild else None

    def match(self, name: str) -> bool:
        if self._every:
            return True
        if self._fold:
            name = _folded(name)
        if name in self._exact:
            return True
        return self._pattern is not None and bool(self._pattern.fullmatch(name.encode("utf-8", "replace")))


class Selector:
    """Compiled `Selection`: whether something is for the caller and destination of an inspection."""

    __slots__ = ("_agents", "_destinations", "_tenants", "_unconditional")

    def __init__(self, selection: Selection) -> None:
        self._unconditional = not (selection.agents or selection.tenants or selection.destinations)
        self._agents = Names(selection.agents)
        self._tenants = Names(selection.tenants)
        self._destinations = Names(selection.destinations)

    def covers(self, inspection: Inspection) -> bool:
        if self._unconditional:
            return True
        return (
            self._agents.match(inspection.caller.agent)
            and self._tenants.match(inspection.caller.tenant)
            and any(self._destinations.match(name) for name in _places(inspection))
        )


def _places(inspection: Inspection) -> tuple[str, ...]:
    host, _, _ = inspection.destination.rpartition(":")
    name, _, _ = inspection.route.partition("/")
    return (inspection.destination, host or inspection.destination, inspection.route, name)


def _expression(pattern: str) -> str:
    return "".join(".*" if char == "*" else "." if char == "?" else re2.escape(char) for char in pattern)


def _folded(text: str) -> str:
    return normal_form("NFKC", text).casefold()
