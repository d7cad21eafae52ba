"""Rule packs: what injection looks like, as data with its own proof.

Rule: a pack is a YAML file under `policies/rules/injection/`; every rule in it brings texts that it must match and
look-alikes that it must not, and the test suite runs all of them. Patterns are RE2
(https://github.com/google/re2/wiki/Syntax), so none can backtrack; they are matched without regard to case on
normalised text. `words*.yaml` hold the word lists that patterns name as `${list}`; a list may name other lists. A
blank in a pattern stands for any run of blanks, quotes and emphasis marks between two words. The model of levels and
scores is that of the OWASP Core Rule Set (https://coreruleset.org/docs/2-how-crs-works/2-1-anomaly_scoring/). A pack
that is wrong does not load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.model import Provenance
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.shipped import read_data

_NAME = re.compile(r"\$\{([a-z0-9_]+)\}")
_DEPTH = 8
BETWEEN = r"""(?:[\s"'*_`~,]+)"""
"""What a blank in a pattern matches."""


class View(StrEnum):
    """A way to look at a text. See `views`."""

    PLAIN = "plain"
    DECODED = "decoded"
    DESPACED = "despaced"
    FOLDED = "folded"
    LATIN = "latin"
    HIDDEN = "hidden"


class Category(StrEnum):
    DIRECT = "direct"
    INDIRECT = "indirect"
    JAILBREAK = "jailbreak"
    EXTRACTION = "extraction"
    OBFUSCATED = "obfuscated"
    EXFILTRATION = "exfiltration"
    TOOL_POISONING = "tool_poisoning"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class Rule(_Strict):
    """One rule. score: what it adds in its window; provenance: what is added to that for a text from there.

    any: one of them must match. all: each must match within `near` characters of that. unless: none may.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$", max_length=80)]
    category: Category
    level: Annotated[int, Field(ge=1, le=4)] = 1
    score: Annotated[int, Field(ge=0, le=10)] = 5
    views: tuple[View, ...] = (View.PLAIN,)
    provenance: Mapping[Provenance, int] = Field(default_factory=dict)
    any: Annotated[tuple[str, ...], Field(min_length=1)]
    all: tuple[str, ...] = ()
    near: Annotated[int, Field(ge=1, le=2000)] = 200
    unless: tuple[str, ...] = ()
    positive: Annotated[tuple[str, ...], Field(min_length=2)]
    benign: Annotated[tuple[str, ...], Field(min_length=2)]

    def worth(self, provenance: Provenance) -> int:
        """Points of a match in a text of this provenance, never negative."""
        return max(0, self.score + self.provenance.get(provenance, 0))


class _Pack(_Strict):
    pack: str
    about: str
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


class _Words(RootModel[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]]):
    """Word lists by name."""


@dataclass(frozen=True, slots=True)
class Packs:
    """All rules, their patterns written out. Ids are unique."""

    rules: tuple[Rule, ...]


def rules_folder() -> Path:
    """The folder of the shipped packs."""
    return policies_folder() / "rules" / "injection"


@lru_cache(maxsize=4)
def load_packs(folder: Path, beside: Path | None = None) -> Packs:
    """Every pack of a folder. beside: a folder whose word lists they may use, and whose ids they may not.

    Raises PolicyError naming file and rule for anything that is not right.
    """
    paths = sorted(folder.glob("words*.yaml"))
    words = _load_words([*sorted(beside.glob("words*.yaml")), *paths] if beside else paths)
    taken = {rule.id for rule in load_packs(beside).rules} if beside else set()
    rules: dict[str, Rule] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name.startswith("words"):
            continue
        for rule in _load_pack(path).rules:
            if rule.id in rules or rule.id in taken:
                raise PolicyError(f"{path.name}: rule `{rule.id}` exists twice.")
            rules[rule.id] = _written_out(rule, words, path.name)
    return Packs(tuple(rules.values()))


def _load_pack(path: Path) -> _Pack:
    pack = read_data(_Pack, path)
    if pack.pack != path.stem:
        raise PolicyError(f"{path.name}: `pack` is {pack.pack}, not the name of the file.")
    return pack


def _load_words(paths: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for name, alternatives in read_data(_Words, path).root.items():
            if name in words:
                raise PolicyError(f"{path.name}: word list `{name}` exists twice.")
            words[name] = alternatives
    return words


def _written_out(rule: Rule, words: Mapping[str, tuple[str, ...]], file: str) -> Rule:
    def expand(patterns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_spaced(_expanded(pattern, words, f"{file}: {rule.id}", 0)) for pattern in patterns)

    return rule.model_copy(update={"any": expand(rule.any), "all": expand(rule.all), "unless": expand(rule.unless)})


def _expanded(pattern: str, words: Mapping[str, tuple[str, ...]], where: str, depth: int) -> str:
    if depth > _DEPTH:
        raise PolicyError(f"{where}: word lists name one another in a circle.")

    def listed(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise PolicyError(f"{where}: there is no word list `{match[1]}`.")
        return "(?:" + "|".join(_expanded(word, words, where, depth + 1) for word in words[match[1]]) + ")"

    return _NAME.sub(listed, pattern)


def _spaced(pattern: str) -> str:
    """Write out the blanks, but not those of a character class or after a backslash."""
    written: list[str] = []
    inside = escaped = False
    for character in pattern:
        if character == " " and not inside and not escaped:
            if not written or written[-1] != BETWEEN:
                written.append(BETWEEN)
            continue
        written.append(character)
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "[" and not inside:
            inside = True
        elif character == "]" and inside:
            inside = False
    return "".join(written)
