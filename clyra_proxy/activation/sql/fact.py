"""One fact about a statement, before policy has its say."""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.activation.sql.constants import Strength
from clyra_proxy.activation.sql.names import TableName


@dataclass(frozen=True, slots=True)
class Fact:
    """rule: id in the rule catalogue. kind: a word. objects: what is changed.

    For `sql.mass_write`: strength of the predicate; most: rows of a LIMIT (-1: none); columns: those `=` or IN limit.
    A strong predicate makes the fact harmless, unless sizes or keys that policy gives say otherwise.
    """

    rule: str
    kind: str
    objects: tuple[TableName, ...] = ()
    strength: Strength = Strength.ALWAYS
    most: int = -1
    columns: frozenset[str] = frozenset()
