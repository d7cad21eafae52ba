"""What a call does, as labels: by policy, by the words of the tool's name, by what its arguments name.

Rule: shipped labels are data (`policies/rules/tools/labels.yaml`); a policy adds its own. Labels are guesses from
names, so what they lead to is a matter of chain rules, never of one call alone. Long texts in arguments are content and
not the name of anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import re2  # type: ignore[import-untyped]
from pydantic import Field

from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.protocols.json_text import leaves
from clyra_proxy.genai.selecting import Names
from clyra_proxy.genai.tools.conditions import Condition, all_apply
from clyra_proxy.policy.genai.selecting import Expression
from clyra_proxy.policy.genai.tools import Label, LabelRule
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

_LONGEST_NAME = 256
_LONGEST_ARGUMENT, _LONGEST_ARGUMENTS = 512, 16_384
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[a-z0-9]+")


class ShippedLabel(Section):
    """One row of the data file."""

    label: Label
    any_of: list[str] = Field(default_factory=list)
    with_: list[str] = Field(default_factory=list, alias="with")
    without: list[str] = Field(default_factory=list)
    arguments: bool = False
    matches: Expression | None = None


class _File(Section):
    labels: Annotated[list[ShippedLabel], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class _Shipped:
    label: str
    any_of: frozenset[str]
    with_: frozenset[str]
    without: frozenset[str]
    pattern: Any

    def fits(self, words: frozenset[str], arguments: str) -> bool:
        if words & self.without:
            return False
        if self.pattern is not None:
            return bool(arguments) and self.pattern.search(arguments.encode("utf-8", "replace")) is not None
        return bool(words & self.any_of) and (not self.with_ or bool(words & self.with_))


@dataclass(frozen=True, slots=True)
class _Own:
    names: Names
    when: tuple[Condition, ...]
    labels: tuple[str, ...]


class Labels:
    """Labels of calls. Raises PolicyError when the shipped ones cannot be read."""

    def __init__(self, own: Iterable[LabelRule]) -> None:
        self._shipped = _shipped()
        self._own = tuple(
            _Own(
                Names(rule.tools, fold=True),
                tuple(Condition(each, selects=True) for each in rule.when),
                tuple(rule.labels),
            )
            for rule in own
        )

    def of(self, call: ToolCall) -> frozenset[str]:
        """Every label of a call."""
        words, arguments = words_of(call.name), _text_of(call.arguments)
        shipped = (row.label for row in self._shipped if row.fits(words, arguments))
        return frozenset((*shipped, *self._own_labels(call)))

    def _own_labels(self, call: ToolCall) -> Iterator[str]:
        for rule in self._own:
            if rule.names.match(call.name) and all_apply(rule.when, call.arguments):
                yield from rule.labels


@lru_cache(maxsize=4096)
def words_of(name: str) -> frozenset[str]:
    """The words of a name: `mcp__mail__sendMessage` -> mcp, mail, send, message."""
    return frozenset(_WORDS.findall(_CAMEL.sub(" ", name[:_LONGEST_NAME]).lower()))


def _text_of(arguments: Any) -> str:
    """The texts in some arguments, one a line, as many as are looked at."""
    parts: list[str] = []
    left = _LONGEST_ARGUMENTS
    for _, text in leaves(arguments, "/"):
        if len(text) > _LONGEST_ARGUMENT:
            continue
        parts.append(text[:left])
        left -= len(parts[-1]) + 1
        if left <= 0:
            break
    return "\n".join(parts)


@lru_cache(maxsize=1)
def _shipped() -> tuple[_Shipped, ...]:
    file = read_data(_File, policies_folder() / "rules" / "tools" / "labels.yaml")
    return tuple(
        _Shipped(
            row.label,
            frozenset(row.any_of),
            frozenset(row.with_),
            frozenset(row.without),
            re2.compile(row.matches) if row.matches is not None else None,
        )
        for row in file.labels
    )
