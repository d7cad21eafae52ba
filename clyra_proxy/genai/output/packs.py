"""Rule packs of active content: what must not stand where it would be executed, as data with its own proof.

Rule: a pack is a YAML file under `policies/rules/output/`, named after its context; every rule brings texts that it
must match and look-alikes that it must not, and the test-suite runs all of them. Patterns are RE2, matched without
regard to case in the view that the rule names (`views`). `unless` voids a match in which, or right after which, it
matches. A pack that is wrong does not load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import re2  # type: ignore[import-untyped]
from pydantic import Field, StringConstraints

from clyra_proxy.genai.output.views import VIEWS
from clyra_proxy.policy.genai.output import Context
from clyra_proxy.policy.genai.selecting import Expression
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

_AFTER = 160
_MEMORY = 32 << 20
_MOST_MATCHES = 32


class OutputRule(Section):
    """One row of a pack."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")]
    about: str
    view: Literal["plain", "unescaped", "uncommented", "bare_sql"] = "plain"
    any: Annotated[list[Expression], Field(min_length=1)]
    unless: list[Expression] = Field(default_factory=list)
    positive: Annotated[list[str], Field(min_length=2)]
    benign: Annotated[list[str], Field(min_length=2)]


class _Pack(Section):
    pack: Context
    about: str
    rules: Annotated[list[OutputRule], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled rule."""

    id: str
    view: str
    any: Any
    unless: Any

    def occurs_in(self, text: str) -> bool:
        """Whether the rule matches a view of a text."""
        data = text.encode("utf-8", "replace")
        if self.unless is None:
            return self.any.search(data) is not None
        for count, match in enumerate(self.any.finditer(data)):
            if self.unless.search(data[match.start() : match.end() + _AFTER]) is None or count >= _MOST_MATCHES:
                return True
        return False


def matching(text: str, patterns: tuple[Pattern, ...]) -> Iterator[str]:
    """Ids of the rules that match a text."""
    seen: dict[str, list[str]] = {}
    for pattern in patterns:
        if pattern.view not in seen:
            seen[pattern.view] = VIEWS[pattern.view](text)
        if any(map(pattern.occurs_in, seen[pattern.view])):
            yield pattern.id


@cache
def patterns_of(context: Context) -> tuple[Pattern, ...]:
    """The compiled rules of a context. Raises PolicyError."""
    return tuple(
        Pattern(rule.id, rule.view, _compiled(rule.any), _compiled(rule.unless) if rule.unless else None)
        for rule in rules_of(context)
    )


def rules_of(context: Context) -> list[OutputRule]:
    """The rules of a context as written. Raises PolicyError."""
    path = policies_folder() / "rules" / "output" / f"{context.value}.yaml"
    return read_data(_Pack, path).rules


def _compiled(alternatives: list[str]) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile("|".join(f"(?:{one})" for one in alternatives), options)
