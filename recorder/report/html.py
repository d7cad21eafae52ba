"""The page as one HTML file: no script, no network, every text escaped, readable on paper and by a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources

from recorder.report.page import Item, Page, Table
from recorder.report.text import plain

_WORDS = {"bad": "Serious:", "warn": "Check:"}


@cache
def _style() -> str:
    return (resources.files("recorder") / "report" / "daily_review.css").read_text("utf-8")


def render(page: Page) -> str:
    """The whole document."""
    return "".join(_document(page))


def _document(page: Page) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    yield f"<title>{_text(page.title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n<main>\n"
    yield f'<h1>{_text(page.title)}</h1>\n<p class="sub">{_text(page.subtitle)}</p>\n<dl class="figures">\n'
    for figure in page.figures:
        yield f'<div class="figure {figure.tone}"><dt>{_text(figure.label)}</dt><dd>{_text(figure.value)}</dd></div>\n'
    yield "</dl>\n<h2>To look at</h2>\n"
    if page.items:
        yield '<ul class="items">\n'
        yield from map(_item, page.items)
        yield "</ul>\n"
    else:
        yield "<p>Nothing.</p>\n"
    for table in page.tables:
        yield from _table(table)
    yield f"</main>\n<footer>{_text(page.footer)}</footer>\n</body>\n</html>\n"


def _item(item: Item) -> str:
    places = f" <small>records {_text(item.records)}</small>" if item.records else ""
    return f'<li class="item {item.tone}"><b>{_WORDS[item.tone]}</b>{_text(item.text)}{places}</li>\n'


def _table(table: Table) -> Iterator[str]:
    yield f"<section>\n<h2>{_text(table.title)}</h2>\n"
    if not table.rows:
        yield f"<p>{_text(table.empty)}</p>\n</section>\n"
        return
    yield f'<div class="scroll"><table aria-label="{_text(table.title)}">\n<thead><tr>'
    for at, name in enumerate(table.columns):
        yield f'<th scope="col"{_align(table, at)}>{_text(name)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for row in table.rows:
        cells = "".join(f"<td{_align(table, at)}>{_text(cell)}</td>" for at, cell in enumerate(row))
        yield f"<tr>{cells}</tr>\n"
    yield "</tbody></table></div>\n"
    if table.note:
        yield f'<p class="note">{_text(table.note)}</p>\n'
    yield "</section>\n"


def _align(table: Table, at: int) -> str:
    return ' class="n"' if at in table.numbers else ""


def _text(text: str) -> str:
    return escape(plain(text), quote=True)
