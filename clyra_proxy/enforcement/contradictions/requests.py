"""Sets of requests as rules of destinations describe them: method, path, content type.

Methods and content types are few, so a rule is a set of (method, content type) cells, each with its path patterns; what
a rule leaves open is stood for by every named value and by one that no rule names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from clyra_proxy.enforcement.contradictions.languages import Language, common, outside, path_language
from clyra_proxy.policy.destinations import MatchRule
from clyra_proxy.policy.matching import accepts_media, accepts_method

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_MEDIA = ("", "application/json", "application/x-other")
_ANYWHERE = ("/**",)

_language = lru_cache(maxsize=4096)(path_language)


@dataclass(frozen=True, slots=True)
class Cells:
    """Every method and content type that any of some rules could tell apart."""

    methods: tuple[str, ...]
    media: tuple[str, ...]

    @classmethod
    def of(cls, rules: Sequence[MatchRule]) -> Cells:
        methods = dict.fromkeys((*(name for rule in rules for name in rule.methods), *_METHODS))
        named = (name.replace("/*", "/x-any") for rule in rules for name in rule.content_types)
        return cls(tuple(methods), tuple(dict.fromkeys((*named, *_MEDIA))))

    def of_rule(self, rule: MatchRule) -> Iterator[tuple[str, str]]:
        """The cells a rule accepts; the plainest first, so that witnesses are plain."""
        for media in self.media:
            for method in self.methods:
                if accepts_method(rule, method) and accepts_media(rule, media):
                    yield method, media


@dataclass(frozen=True, slots=True)
class Example:
    """A plain request. media: of its body, "" for any."""

    method: str
    path: str
    media: str


def paths_of(rule: MatchRule) -> tuple[Language, ...]:
    """The languages of the paths that a rule is about; any path where it names none."""
    return tuple(_language(path) for path in rule.paths or _ANYWHERE)


def free_of(rule: MatchRule, before: Sequence[MatchRule], cells: Cells) -> Example | None:
    """A request that reaches `rule` past all rules before it; None when there is none."""
    asked: set[tuple[int, ...]] = set()
    for method, media in cells.of_rule(rule):
        takers = [
            position
            for position, other in enumerate(before)
            if accepts_method(other, method) and accepts_media(other, media)
        ]
        if tuple(takers) in asked:
            continue
        asked.add(tuple(takers))
        taken = [language for position in takers for language in paths_of(before[position])]
        path = outside(paths_of(rule), taken)
        if path is not None:
            return Example(method, path, media)
    return None


def shared(one: MatchRule, other: MatchRule, cells: Cells) -> Example | None:
    """A request that both rules describe; None when there is none."""
    accepted = set(cells.of_rule(other))
    for method, media in cells.of_rule(one):
        if (method, media) in accepted:
            path = common(paths_of(one), paths_of(other))
            return None if path is None else Example(method, path, media)
    return None
