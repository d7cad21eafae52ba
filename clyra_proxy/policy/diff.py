"""What changes between two policies: effective value against effective value, not text against text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.policy.fingerprint import effective_values, file_digests
from clyra_proxy.policy.models import PolicyDocument

type Flat = dict[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs. path: dotted. kind: `added`, `removed` or `changed`. before, after: JSON values."""

    path: str
    kind: str
    before: object = None
    after: object = None

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {_shown(self.after)}"
        if self.kind == "removed":
            return f"- {self.path}: {_shown(self.before)}"
        return f"~ {self.path}: {_shown(self.before)} -> {_shown(self.after)}"

    def to_json(self) -> dict[str, object]:
        """Without `before` for what was added and without `after` for what was removed."""
        members: dict[str, object] = {"path": self.path, "kind": self.kind}
        if self.kind != "added":
            members["before"] = self.before
        if self.kind != "removed":
            members["after"] = self.after
        return members


def diff_policies(before: PolicyDocument, before_dir: Path, after: PolicyDocument, after_dir: Path) -> list[Change]:
    """Every difference, sorted by path; files the policies name count by their content. Raises PolicyError."""
    old = _flat(effective_values(before) | {"files": file_digests(before, before_dir)})
    new = _flat(effective_values(after) | {"files": file_digests(after, after_dir)})
    changes: list[Change] = []
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            changes.append(Change(path, "removed", before=old[path]))
        elif path not in old:
            changes.append(Change(path, "added", after=new[path]))
        elif old[path] != new[path]:
            changes.append(Change(path, "changed", old[path], new[path]))
    return changes


def _flat(value: Mapping[str, object]) -> Flat:
    return dict(_leaves("", value))


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Mappings and lists of named mappings (rules) are walked; an empty mapping is nothing; other lists are values."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        yield f"{path}.order", [item["name"] for item in value]
        for item in value:
            yield from _leaves(f"{path}[{item['name']}]", {key: inner for key, inner in item.items() if key != "name"})
    else:
        yield path, value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return str(value)
