"""The members of one bundle under verification: what is there, what may stand where, and each read error named once.

Rule: nothing of a member that cannot be read whole is judged. What an inflater hands out before it fails differs
between implementations; the code of the container is the whole answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from recorder.container_form import Container, ContainerError, read_member
from recorder.statement import STATEMENT, TREE_CONSISTENCY, TREE_END, TREE_LEAVES, TREE_START
from recorder.verify.report import Place, Report

MAX_SMALL: Final = 1 << 20
_DECIMAL: Final = "(0|[1-9][0-9]{0,15})"
_ANCHOR = re.compile(rf"anchors/{_DECIMAL}\.(cosig|tsr|wh\.json)")
_DISCLOSURE = re.compile(rf"disclosures/{_DECIMAL}\.jsonl")
_ATTESTATION = re.compile(r"attestations/[a-z0-9._-]+\.dsse\.json")
_BESIDE = frozenset((STATEMENT, TREE_START, TREE_END, TREE_CONSISTENCY, TREE_LEAVES))
"""Members that need not be subjects: the statement, checkpoints, whose roots are in the predicate, and proofs."""


@dataclass(frozen=True, slots=True)
class AnchorMember:
    """A member `anchors/<size>.<kind>`."""

    size: int
    kind: str
    name: str


@dataclass(slots=True)
class Members:
    """Reads members for one verification and reports what cannot be read."""

    report: Report
    container: Container
    names: frozenset[str] = frozenset()
    unreadable: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names = frozenset(self.container.names)
        for damage in self.container.damage:
            self.note(damage)

    def note(self, error: ContainerError) -> None:
        """Report a container error, once for each member and code."""
        if (error.code, error.member) not in self.unreadable or not error.member:
            self.unreadable.add((error.code, error.member))
            self.report.add(error.code, place_of(error))

    def small(self, name: str, limit: int = MAX_SMALL) -> bytes | None:
        """A member that is there, whole; None when it cannot be read (reported)."""
        try:
            return read_member(self.container, name, limit)
        except ContainerError as error:
            self.note(error)
            return None

    def required(self, name: str, limit: int = MAX_SMALL) -> bytes | None:
        """A member, or None after reporting that it is missing or cannot be read."""
        if name not in self.names:
            self.report.fail("E_MEMBER_MISSING", name)
            return None
        return self.small(name, limit)

    def digest(self, name: str) -> str | None:
        """Hex SHA-256 of a member; None when it cannot be read (reported)."""
        digest = sha256()
        try:
            for chunk in self.container.stream(name):
                digest.update(chunk)
        except ContainerError as error:
            self.note(error)
            return None
        return digest.hexdigest()

    def unlisted(self, subjects: frozenset[str]) -> Iterator[str]:
        """Members that nothing covers and that have no place beside the statement."""
        for name in sorted(self.names - subjects - _BESIDE):
            if not (_number(_ANCHOR, name) or _number(_DISCLOSURE, name) or _ATTESTATION.fullmatch(name)):
                yield name

    def anchors(self) -> list[AnchorMember]:
        """By size, then name."""
        found = []
        for name in self.names:
            match = _number(_ANCHOR, name)
            if match:
                found.append(AnchorMember(int(match.group(1)), match.group(2), name))
        return sorted(found, key=lambda member: (member.size, member.name))

    def disclosures(self) -> list[tuple[int, str]]:
        """(place of the record, member), ascending."""
        matches = [_number(_DISCLOSURE, name) for name in self.names]
        return sorted((int(match.group(1)), match.group(0)) for match in matches if match)

    def attestations(self) -> list[str]:
        return sorted(name for name in self.names if _ATTESTATION.fullmatch(name))

    def approvals(self) -> list[str]:
        return sorted(name for name in self.names if name.startswith("approvals/") and name.endswith(".dsse.json"))


def place_of(error: ContainerError) -> Place:
    """Where a container is not strict."""
    return Place(error.member, detail=error.detail, at=error.at)


def _number(pattern: re.Pattern[str], name: str) -> re.Match[str] | None:
    match = pattern.fullmatch(name)
    return match if match and int(match.group(1)) < 2**53 else None
