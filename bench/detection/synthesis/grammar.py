"""Templates with named slots, filled at random from a seed.

Rule: `{name}` stands for one entry of the list `name`, which may hold slots itself; `{Name}` is the same entry with a
capital letter. A brace that is not a known slot (JSON, CSS, code) is left as it is. The depth is bounded, so that a
grammar that names itself ends.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_SLOT = re.compile(r"\{([A-Za-z_]+)\}")
_MAX_DEPTH = 8
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Grammar:
    """Lists by name. fixed: values of one filling (the payload of a carrier), which win over the lists."""

    slots: Mapping[str, Sequence[str]]
    fixed: Mapping[str, str] = field(default_factory=dict)

    def fill(self, template: str, rng: random.Random, depth: int = 0) -> str:
        if depth > _MAX_DEPTH:
            return template
        return _SLOT.sub(lambda match: self._entry(match.group(1), match.group(0), rng, depth), template)

    def _entry(self, name: str, written: str, rng: random.Random, depth: int) -> str:
        if name in self.fixed:
            return self.fixed[name]
        key = name if name in self.slots else name.lower()
        if key not in self.slots:
            return written
        text = self.fill(rng.choice(self.slots[key]), rng, depth + 1)
        return text if key == name else text[:1].upper() + text[1:]

    def holding(self, **fixed: str) -> Grammar:
        return Grammar(self.slots, {**self.fixed, **fixed})


@cache
def read(name: str) -> dict[str, Any]:
    """The YAML file `name` of this package."""
    loaded: dict[str, Any] = yaml.safe_load((_HERE / name).read_text(encoding="utf-8"))
    return loaded


@cache
def english() -> Grammar:
    """All English lists as one grammar."""
    slots: dict[str, list[str]] = {}
    for name in ("common", "attack", "chat", "carriers", "benign"):
        content = read(f"english/{name}.yaml")
        slots |= content.get("slots", {}) | content.get("extra", {})
    return Grammar(slots)


@cache
def languages() -> dict[str, dict[str, Any]]:
    """Language code -> slots, attacks, benign."""
    return {path.stem: read(f"languages/{path.name}") for path in sorted((_HERE / "languages").glob("*.yaml"))}
