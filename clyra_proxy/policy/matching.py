"""Which destination, and which of its rules: built once, then dictionary look-ups and one regular expression.

Guarantees: the answer is the one a walk through the policy in the order of its text would give (a property test
compares the two): the most specific host pattern that accepts the port, then the first rule whose method, path and
content type all match. Where none does, a rule still holds for a path that other servers may take for its own, if
all that read it otherwise take it for that rule's: a rule cannot be walked round by spelling a path otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache

from clyra_proxy.policy.destinations import DestinationSettings, MatchRule
from clyra_proxy.policy.paths import normalise_path, pattern_source
from clyra_proxy.policy.readings import paths_of

NO_RULE = -1


class HostTable[Value]:
    """Host pattern and port -> value."""

    def __init__(self) -> None:
        self._exact: dict[str, list[tuple[frozenset[int] | None, Value]]] = {}
        self._below: dict[str, list[tuple[frozenset[int] | None, Value]]] = {}

    def add(self, pattern: str, ports: frozenset[int] | None, value: Value) -> Value | None:
        """Enter a normalised pattern (ports None: any). Returns the value that already claims one of the ports."""
        table, key = (self._below, pattern[1:].removeprefix(".")) if pattern[0] == "*" else (self._exact, pattern)
        entries = table.setdefault(key, [])
        for taken, other in entries:
            if taken is None or ports is None or taken & ports:
                return other
        entries.append((ports, value))
        return None

    def find(self, host: str, port: int) -> Value | None:
        """The value of the most specific pattern that covers a normalised host and accepts the port."""
        entries = self._exact.get(host)
        if entries is not None:
            for ports, value in entries:
                if ports is None or port in ports:
                    return value
        below, suffix = self._below, host
        while below and suffix:
            suffix = "" if ":" in suffix else suffix.partition(".")[2]
            entries = below.get(suffix)
            if entries is not None:
                for ports, value in entries:
                    if ports is None or port in ports:
                        return value
        return None


class RuleTable:
    """Method, path and content type -> position of the first rule that matches."""

    def __init__(self, rules: Sequence[MatchRule]) -> None:
        self._rules = tuple(rules)
        self._select = lru_cache(maxsize=256)(self._selection)

    def find(self, method: str, path: str, media: str) -> int:
        """Position of the rule, or NO_RULE. path: normalised. method: upper case. media: lower case, bare."""
        if not self._rules:
            return NO_RULE
        exact, patterns, positions, anywhere = self._select(method, media)
        best = exact.get(path, anywhere)
        if patterns is not None and (found := patterns.fullmatch(path)) is not None:
            position = positions[(found.lastindex or 1) - 1]
            return position if best == NO_RULE else min(best, position)
        return best

    def find_otherwise(self, method: str, path: str, media: str) -> int:
        """For a path, as sent, that no rule matches: position of the rule that other servers may take it for.

        Such a server ignores case or a last slash, or reads escaped delimiters, `\\` or segment parameters otherwise.
        NO_RULE where these readings would not fall under one rule alone.
        """
        if not self._rules:
            return NO_RULE
        plain, *others = paths_of(path.lower())
        if (found := self._find_folded(method, plain, media)) != NO_RULE:
            return found
        positions = {self._find_folded(method, other, media) for other in others}
        return positions.pop() if len(positions) == 1 else NO_RULE

    def _find_folded(self, method: str, path: str, media: str) -> int:
        found = self._folded.find(method, path, media)
        return found if found != NO_RULE else self._folded.find(method, _turn_last_slash(path), media)

    @cached_property
    def _folded(self) -> RuleTable:
        """The same rules with their paths in small letters."""
        return RuleTable(
            [rule.model_copy(update={"paths": [path.lower() for path in rule.paths]}) for rule in self._rules]
        )

    def _selection(self, method: str, media: str) -> tuple[dict[str, int], re.Pattern[str] | None, list[int], int]:
        """For one method and content type: exact paths, one alternation of patterns, the first pathless rule."""
        exact: dict[str, int] = {}
        sources: list[str] = []
        positions: list[int] = []
        anywhere = NO_RULE
        for position, rule in enumerate(self._rules):
            if not (accepts_method(rule, method) and accepts_media(rule, media)):
                continue
            if not rule.paths:
                anywhere = position
                break
            for path in rule.paths:
                if "*" in path:
                    sources.append(f"({pattern_source(path)})")
                    positions.append(position)
                else:
                    exact.setdefault(normalise_path(path), position)
        patterns = re.compile("|".join(sources), re.DOTALL) if sources else None
        return exact, patterns, positions, anywhere


def _turn_last_slash(path: str) -> str:
    """The path with the slash at its end that it does not have, or without the one it has."""
    return path[:-1] if path.endswith("/") and path != "/" else path + "/"


def accepts_method(rule: MatchRule, method: str) -> bool:
    """Whether a rule is about a method, upper case."""
    return not rule.methods or method in rule.methods


def accepts_media(rule: MatchRule, media: str) -> bool:
    """Whether a rule is about a media type, bare: by its name or by all of its kind (`text/*`)."""
    return not rule.content_types or media in rule.content_types or f"{media.partition('/')[0]}/*" in rule.content_types


def bare_media_type(content_type: str) -> str:
    """`Application/JSON; charset=utf-8` -> `application/json`."""
    return content_type.partition(";")[0].strip().lower()


def ports_of(destination: DestinationSettings) -> frozenset[int] | None:
    """The ports of a destination; None for any."""
    return None if destination.ports == "any" else frozenset(destination.ports)


def covers_route(pattern: str, route: str) -> bool:
    """Whether a pattern of route ids (`*` stands for anything) covers one. Both come from the policy."""
    return re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), route) is not None
