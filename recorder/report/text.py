"""The page as plain text for a terminal, and as Markdown. Text from the network cannot steer either."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recorder.report.page import Page, Table

_MARKS = {"bad": "!!", "warn": " !"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")
WIDEST = 60


def plain(text: str) -> str:
    """Without control characters, so that it cannot move a cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def terminal(page: Page) -> str:
    """Aligned columns, no colour."""
    return "\n".join(_terminal(page)) + "\n"


def _terminal(page: Page) -> Iterator[str]:
    yield page.title
    yield plain(page.subtitle)
    yield ""
    yield "   ".join(f"{figure.value} {figure.label}" for figure in page.figures)
    yield ""
    yield "To look at"
    for item in page.items:
        places = f"  (records {item.records})" if item.records else ""
        yield f"  {_MARKS[item.tone]} {plain(item.text)}{places}"
    if not page.items:
        yield "  nothing"
    for table in page.tables:
        yield ""
        yield from _columns(table)
    yield ""
    yield page.footer


def _columns(table: Table) -> Iterator[str]:
    yield table.title
    if not table.rows:
        yield f"  {table.empty}"
        return
    rows = [table.columns, *([_cut(plain(cell)) for cell in row] for row in table.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.columns))]
    for row in rows:
        cells = [
            cell.rjust(width) if at in table.numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"  {'  '.join(cells)}".rstrip()
    if table.note:
        yield f"  {plain(table.note)}"


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def markdown(page: Page) -> str:
    """CommonMark with tables; every cell is escaped."""
    return "\n".join(_markdown(page)) + "\n"


def _markdown(page: Page) -> Iterator[str]:
    yield f"# {_escaped(page.title)}"
    yield ""
    yield _escaped(page.subtitle)
    yield ""
    yield f"| {' | '.join(figure.label for figure in page.figures)} |"
    yield f"|{'---:|' * len(page.figures)}"
    yield f"| {' | '.join(figure.value for figure in page.figures)} |"
    yield ""
    yield "## To look at"
    yield ""
    for item in page.items:
        word = "**" if item.tone == "bad" else ""
        places = f" (records {item.records})" if item.records else ""
        yield f"- {word}{_escaped(item.text)}{word}{places}"
    if not page.items:
        yield "Nothing."
    for table in page.tables:
        yield ""
        yield f"## {_escaped(table.title)}"
        yield ""
        yield from _markdown_table(table)
    yield ""
    yield f"{_escaped(page.footer)}"


def _markdown_table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield table.empty
        return
    yield f"| {' | '.join(table.columns)} |"
    yield "|" + "".join("---:|" if at in table.numbers else "---|" for at in range(len(table.columns)))
    for row in table.rows:
        yield f"| {' | '.join(_escaped(cell) for cell in row)} |"
    if table.note:
        yield ""
        yield _escaped(table.note)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", plain(text))
