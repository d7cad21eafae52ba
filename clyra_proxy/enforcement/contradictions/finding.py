"""One contradiction: what kind, where in the policy, what it means, and a request that shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The closed list of contradictions."""

    UNREACHABLE = "unreachable"  # a rule before it takes every request it describes
    OVERLAP = "overlap"  # two rules match one request and want opposite things; the first wins
    NEVER_BINDS = "never_binds"  # another limit is always reached first
    NOBODY_QUALIFIES = "nobody_qualifies"  # an approval is needed that nobody can give
    UNDERMINED = "undermined"  # an enforced rule relies on one that only watches
    SHAPES_DISAGREE = "shapes_disagree"  # schema and destination profile want different bodies
    ALLOW_AND_DENY = "allow_and_deny"  # one list allows what the other denies


class Weight(StrEnum):
    """error: a rule does nothing, or what it protects is open. warning: it works, perhaps not as meant."""

    ERROR = "error"
    WARNING = "warning"


def example_host(pattern: str) -> str:
    """A host that a pattern of a destination is about."""
    return pattern.replace("*.", "any.", 1).replace("*", "any.example")


@dataclass(frozen=True, slots=True)
class Witness:
    """A request that shows it; parts that do not matter are empty. who: agent, target, field or tool, as `name`."""

    method: str = ""
    host: str = ""
    path: str = ""
    content_type: str = ""
    name: str = ""

    def __str__(self) -> str:
        line = " ".join(part for part in (self.method, f"{self.host}{self.path}") if part)
        extra = [f"content-type {self.content_type}"] if self.content_type else []
        return ", ".join([part for part in (line, self.name) if part] + extra)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """places: dotted paths in the policy, the one that loses first. what: one sentence. todo: what helps."""

    kind: Kind
    weight: Weight
    places: tuple[str, ...]
    what: str
    witness: Witness
    todo: str

    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON values."""
        told: dict[str, Any] = {**asdict(self), "kind": self.kind.value, "weight": self.weight.value}
        told["places"] = list(self.places)
        told["witness"] = {name: value for name, value in asdict(self.witness).items() if value}
        return told

    def __str__(self) -> str:
        shown = f" For instance: {self.witness}." if str(self.witness) else ""
        return f"{self.weight}: {self.places[0]}: {self.what}{shown} {self.todo}"
