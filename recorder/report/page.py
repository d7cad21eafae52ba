"""A report as plain data: figures, items and tables.

Each renderer (`text`, `html`, `pdf`) escapes for its own format and knows nothing of records.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number to see at a glance. tone: `plain`, `good`, `warn` or `bad`."""

    label: str
    value: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Table:
    """numbers: columns that are aligned right. note: stands below; `empty` stands instead when there are no rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    note: str = ""
    empty: str = "None."


@dataclass(frozen=True, slots=True)
class Item:
    """Something a person should look at. tone: `warn` or `bad`."""

    tone: str
    text: str
    records: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    figures: tuple[Figure, ...]
    items: tuple[Item, ...]
    tables: tuple[Table, ...]
    footer: str
