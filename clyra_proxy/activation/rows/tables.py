"""How large tables are, as policy says: the measure of shares and of what a statement may touch.

Rule: names are compared without regard to case and quotes; the longest pattern that matches decides; a name that policy
gives with fewer parts (`contacts`) also means the table of that name in any schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clyra_proxy.errors import PolicyError, SchemaError
from clyra_proxy.genai.selecting import Names
from clyra_proxy.schemalock.document import load_document


class TableSizes:
    """Rows of tables, by name."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._exact = {_plain(name): rows for name, rows in sizes.items() if not {"*", "?"} & set(name)}
        wild = sorted((name for name in sizes if {"*", "?"} & set(name)), key=len, reverse=True)
        self._wild = tuple((Names([_plain(name)]), sizes[name]) for name in wild)

    @classmethod
    def read(cls, sizes: dict[str, int], file: str | None, base_dir: Path) -> TableSizes:
        """As a policy gives them; those that stand in the policy itself go first. Raises PolicyError."""
        return cls(dict(sizes) if file is None else {**_read(base_dir / file, file), **sizes})

    def rows(self, name: str) -> int | None:
        """Rows of a table; None when policy does not say."""
        steps = _plain(name).split(".")
        for start in range(len(steps)):
            if (found := self._exact.get(".".join(steps[start:]))) is not None:
                return found
        plain = ".".join(steps)
        return next((rows for names, rows in self._wild if names.match(plain)), None)


def _plain(name: str) -> str:
    return name.replace('"', "").replace("`", "").replace("[", "").replace("]", "").casefold()


def _read(path: Path, name: str) -> dict[str, int]:
    try:
        value: Any = load_document(path, name=name).value
    except SchemaError as error:
        raise PolicyError(
            f"The table sizes in {name} cannot be read.", f"{error}", "Write a mapping: table name -> rows."
        ) from error
    if not isinstance(value, dict) or not all(type(rows) is int and rows >= 0 for rows in value.values()):
        raise PolicyError(
            f"{name} holds no table sizes.", "It must be one mapping.", "Write a mapping: table name -> rows."
        )
    return value
