"""Which rules match a view, and where: RE2 sets first, spans only for what matched.

Guarantee: time linear in the text whatever it says. One pass of each set (an automaton, no backtracking) tells which
patterns occur; only those are run again for their places. Work is done on UTF-8 bytes, encoded once, because RE2
works on bytes. Automata are shared by all detectors of a process, and small, because their states multiply. A set
that cannot run (automaton memory) would say "no match"; `RuleSet` proves at load that each of its sets can, by
matching a text made for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
    """One pattern of a rule. text: the pattern; it is compiled when it first matches in a set."""

    rule: Rule
    text: str
    all: tuple[Any, ...]
    unless: tuple[Any, ...]

    def hits(self, content: bytes) -> Iterator[Hit]:
        near = self.rule.near
        found = 0
        for match in _regexp(self.text).finditer(content):
            start, end = match.span()
            around = content[max(0, start - near) : end + near] if self.all or self.unless else b""
            if all(part.search(around) for part in self.all) and not any(part.search(around) for part in self.unless):
                yield Hit(self.rule, start, end)
                found += 1
                if found >= _PLACES:
                    return


class RuleSet:
    """The rules of one view, compiled. despaced: for text without blanks and punctuation."""

    def __init__(self, rules: Sequence[Rule], *, despaced: bool = False) -> None:
        """Raises PolicyError for a pattern that RE2 does not accept or that matches nothing at all."""
        self._patterns = [compiled for rule in rules for compiled in _compile(rule, despaced)]
        self._sets = [
            (start, _prepare(self._patterns[start : start + _PER_SET]))
            for start in range(0, len(self._patterns), _PER_SET)
        ]

    def hits(self, content: bytes) -> list[Hit]:
        """All places where rules match, at most a few dozen a pattern; order of patterns, not of places."""
        return [
            hit
            for start, patterns in self._sets
            for index in patterns.Match(content) or ()
            if index
            for hit in self._patterns[start + index - 1].hits(content)
        ]


def _compile(rule: Rule, despaced: bool) -> Iterator[_Compiled]:
    def written(patterns: Sequence[str]) -> list[str]:
        return [_despaced(pattern) if despaced else pattern for pattern in patterns]

    try:
        further, unless = (tuple(map(_regexp, written(patterns))) for patterns in (rule.all, rule.unless))
    except re2.error as error:
        raise PolicyError(f"Rule `{rule.id}`: RE2 does not accept a pattern: {error}") from error
    for pattern in written(rule.any):
        yield _Compiled(rule, pattern, further, unless)


def _despaced(pattern: str) -> str:
    return pattern.replace(BETWEEN, "(?:)").replace(r"\b", "")


@lru_cache(maxsize=8192)
def _regexp(pattern: str) -> Any:
    return re2._Regexp(pattern, _options(_PATTERN_MEMORY))  # past the module's own cache of 128


def _prepare(patterns: Sequence[_Compiled]) -> Any:
    try:
        made = _compile_set(tuple(compiled.text for compiled in patterns))
    except re2.error:
        for compiled in patterns:
            try:
                _regexp(compiled.text)
            except re2.error as error:
                raise PolicyError(f"Rule `{compiled.rule.id}`: RE2 does not accept a pattern: {error}") from error
        raise
    if 0 not in (made.Match(_PROOF) or ()):
        raise PolicyError(f"The rules from `{patterns[0].rule.id}` on are too large for one automaton.")
    for index in made.Match(b"") or ():
        raise PolicyError(f"Rule `{patterns[index - 1].rule.id}`: a pattern matches the empty text.")
    return made


@lru_cache(maxsize=1024)
def _compile_set(patterns: tuple[str, ...]) -> Any:
    """One automaton for the proof (index 0) and the patterns."""
    made = re2.Set.SearchSet(_options(_SET_MEMORY))
    for pattern in (_PROOF, *patterns):
        made.Add(pattern)
    made.Compile()
    return made
