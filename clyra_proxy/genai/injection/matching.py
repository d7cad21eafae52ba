"""Which rules match a view, and where: RE2 sets first, spans only for what matched.

Guarantee: time linear in the text whatever it says. One pass of each set (an automaton, no backtracking) tells which
patterns occur; only those are run again for their places. Work is done on UTF-8 bytes, encoded once, because RE2
works on bytes. A set that cannot run (automaton memory) would say "no match"; `RuleSet` proves at load that each of
its sets can, by matching a text made for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.injection.packs import BETWEEN, Rule

_PER_SET = 24
_SET_MEMORY = 24 << 20
_PATTERN_MEMORY = 8 << 20
_PLACES = 24
_PROOF = "\x00clyra-set-works\x00"


def _options(memory: int) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.max_mem = memory
    options.log_errors = False
    options.never_capture = True
    return options


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule matched. start, end: bytes of the view."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    pattern: Any
    all: tuple[Any, ...]
    unless: tuple[Any, ...]

    def hits(self, text: bytes) -> Iterator[Hit]:
        near = self.rule.near
        found = 0
        for match in self.pattern.finditer(text):
            start, end = match.span()
            around = text[max(0, start - near) : end + near] if self.all or self.unless else b""
            if all(part.search(around) for part in self.all) and not any(part.search(around) for part in self.unless):
                yield Hit(self.rule, start, end)
                found += 1
                if found >= _PLACES:
                    return


class RuleSet:
    """The rules of one view, compiled. despaced: for text without blanks and punctuation."""

    def __init__(self, rules: Sequence[Rule], *, despaced: bool = False) -> None:
        self._patterns = [compiled for rule in rules for compiled in _compile(rule, despaced)]
        self._sets = [
            (start, _compile_set(self._patterns[start : start + _PER_SET]))
            for start in range(0, len(self._patterns), _PER_SET)
        ]

    def hits(self, text: bytes) -> list[Hit]:
        """All places where rules match, at most a few dozen a pattern; order of patterns, not of places."""
        return [
            hit
            for start, patterns in self._sets
            for index in patterns.Match(text) or ()
            if index
            for hit in self._patterns[start + index - 1].hits(text)
        ]


def _compile(rule: Rule, despaced: bool) -> Iterator[_Compiled]:
    further = tuple(_compiled(pattern, rule, despaced) for pattern in rule.all)
    unless = tuple(_compiled(pattern, rule, despaced) for pattern in rule.unless)
    for pattern in rule.any:
        yield _Compiled(rule, _compiled(pattern, rule, despaced), further, unless)


def _compiled(pattern: str, rule: Rule, despaced: bool) -> Any:
    if despaced:
        pattern = pattern.replace(BETWEEN, "(?:)").replace(r"\b", "")
    try:
        compiled = re2._Regexp(pattern, _options(_PATTERN_MEMORY))  # past the module's cache of 128
    except re2.error as error:
        raise PolicyError(f"Rule `{rule.id}`: RE2 does not accept a pattern: {error}") from error
    if compiled.search(b"") is not None:
        raise PolicyError(f"Rule `{rule.id}`: a pattern matches the empty text.")
    return compiled


def _compile_set(patterns: Sequence[_Compiled]) -> Any:
    made = re2.Set.SearchSet(_options(_SET_MEMORY))
    made.Add(_PROOF)
    for compiled in patterns:
        made.Add(compiled.pattern.pattern)
    made.Compile()
    if 0 not in (made.Match(_PROOF) or ()):
        raise PolicyError(f"The rules from `{patterns[0].rule.id}` on are too large for one automaton.")
    return made
