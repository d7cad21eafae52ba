"""Which rules match a view, and where: words first, then patterns where their words are.

Guarantee: time linear in the text whatever it says. `sieve` tells which patterns have all their words in one place, and
only those are run, only there; RE2 does not backtrack. Patterns that need no words in particular are looked for by RE2
sets over the whole text, as are those of text without blanks. Work is done on UTF-8 bytes, encoded once, because RE2
works on bytes. Automata are shared by all detectors of a process, and small, because their states multiply. A set
that cannot run (automaton memory) would say "no match"; `RuleSet` proves at load that each of its sets can, by
matching a text made for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.injection.needs import Need, every
from clyra_proxy.genai.injection.packs import BETWEEN, Rule
from clyra_proxy.genai.injection.sieve import Lexicon, Places, Scan, Sieve
from clyra_proxy.genai.injection.syntax import need_of

_PER_SET = 24
_SET_MEMORY = 24 << 20
_PATTERN_MEMORY = 8 << 20
_PLACES = 24
_FURTHER = 4096
"""Bytes added to a place when a match ends with it."""
_PROOF = "\x00clyra-set-works\x00"
_UNANCHORED = re2._Anchor.UNANCHORED


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
    """One pattern of a rule. text: the pattern. match: looks for it, as RE2 itself does it; so do those in `all`, which
    must be near, and in `unless`, which must not."""

    rule: Rule
    text: str
    match: Any
    all: tuple[Any, ...]
    unless: tuple[Any, ...]

    def hits(self, content: bytes, places: Places) -> list[Hit]:
        """Matches in these places, in order and apart."""
        found: list[Hit] = []
        size, match, end = len(content), self.match, 0
        for start, stop in places:
            end = max(start, end)
            while end < stop:
                ((start, last),) = match(_UNANCHORED, content, end, stop)
                while last == stop < size:  # it may go on
                    stop = min(size, stop + _FURTHER)
                    ((start, last),) = match(_UNANCHORED, content, end, stop)
                if start < 0:
                    break
                end = max(last, start + 1)
                if self._stands(content, start, last):
                    found.append(Hit(self.rule, start, last))
                    if len(found) >= _PLACES:
                        return found
        return found

    def _stands(self, content: bytes, start: int, end: int) -> bool:
        """Whether what the rule wants beside a match is there, and what it does not want is not."""
        if not self.all and not self.unless:
            return True
        around = content[max(0, start - self.rule.near) : end + self.rule.near]
        return all(_occurs(part, around) for part in self.all) and not any(
            _occurs(part, around) for part in self.unless
        )


def _occurs(match: Any, content: bytes) -> bool:
    ((start, _),) = match(_UNANCHORED, content, 0, len(content))
    return bool(start >= 0)


class RuleSet:
    """The rules of one view, compiled. despaced: for text without blanks and punctuation."""

    def __init__(self, rules: Sequence[Rule], *, despaced: bool = False, lexicon: Lexicon | None = None) -> None:
        """lexicon: one that knows the words of these rules, when texts are scanned for several sets at once.

        Raises PolicyError for a pattern that RE2 does not accept or that matches nothing at all.
        """
        self._patterns = [compiled for rule in rules for compiled in _compile(rule, despaced)]
        needs = {} if despaced else dict(_needs(self._patterns))
        self._lexicon = lexicon or Lexicon(need for need, _ in needs.values())
        self._sieve, self._sifted = Sieve(self._lexicon, needs), bool(needs)
        free = [compiled for number, compiled in enumerate(self._patterns) if number not in needs]
        self._sets = [
            (free[start : start + _PER_SET], _prepare(free[start : start + _PER_SET]))
            for start in range(0, len(free), _PER_SET)
        ]

    def hits(self, content: bytes, scan: Scan | None = None) -> list[Hit]:
        """All places where rules match, at most a few dozen a pattern; order of patterns, not of places.

        scan: the text, read with the lexicon; it is read here otherwise.
        """
        found: list[Hit] = []
        if self._sifted:
            scan = scan or self._lexicon.scan(content)
            for number, places in self._sieve.places(scan):
                found += self._patterns[number].hits(content, places)
        for free, patterns in self._sets:
            for index in patterns.Match(content) or ():
                if index:
                    found += free[index - 1].hits(content, [(0, len(content))])
        return found


def lexicon_of(rules: Iterable[Rule]) -> Lexicon:
    """The words that the rules need, in texts with blanks."""
    compiled = [one for rule in rules for one in _compile(rule, despaced=False)]
    return Lexicon(need for _, (need, _) in _needs(compiled))


def _needs(patterns: Iterable[_Compiled]) -> Iterator[tuple[int, tuple[Need, int]]]:
    """What each pattern and the conditions of its rule need, of those that need anything."""
    for number, compiled in enumerate(patterns):
        need, reach = need_of(compiled.text)
        if need is None:
            continue
        conditions = [need_of(condition) for condition in compiled.rule.all]
        apart = reach + compiled.rule.near + max((longest for _, longest in conditions), default=0)
        whole = every([need, *(further for further, _ in conditions)], apart, in_order=False)
        if whole is not None:
            yield number, (whole, reach)


def _compile(rule: Rule, despaced: bool) -> Iterator[_Compiled]:
    def written(patterns: Sequence[str]) -> list[str]:
        return [_despaced(pattern) if despaced else pattern for pattern in patterns]

    further, unless = (
        tuple(_matching(rule, pattern) for pattern in written(patterns)) for patterns in (rule.all, rule.unless)
    )
    for pattern in written(rule.any):
        match = _matching(rule, pattern)
        if _occurs(match, b""):
            raise PolicyError(f"Rule `{rule.id}`: a pattern matches the empty text.")
        yield _Compiled(rule, pattern, match, further, unless)


def _matching(rule: Rule, pattern: str) -> Any:
    """The function that looks for a pattern, past the wrapper that makes an object of each match."""
    try:
        return _regexp(pattern)._regexp.Match
    except re2.error as error:
        raise PolicyError(f"Rule `{rule.id}`: RE2 does not accept a pattern: {error}") from error


def _despaced(pattern: str) -> str:
    return pattern.replace(BETWEEN, "(?:)").replace(r"\b", "")


@lru_cache(maxsize=8192)
def _regexp(pattern: str) -> Any:
    return re2._Regexp(pattern, _options(_PATTERN_MEMORY))  # past the module's own cache of 128


def _prepare(patterns: Sequence[_Compiled]) -> Any:
    made = _compile_set(tuple(compiled.text for compiled in patterns))
    if 0 not in (made.Match(_PROOF) or ()):
        raise PolicyError(f"The rules from `{patterns[0].rule.id}` on are too large for one automaton.")
    return made


@lru_cache(maxsize=1024)
def _compile_set(patterns: tuple[str, ...]) -> Any:
    """One automaton for the proof (index 0) and the patterns."""
    made = re2.Set.SearchSet(_options(_SET_MEMORY))
    for pattern in (_PROOF, *patterns):
        made.Add(pattern)
    made.Compile()
    return made
