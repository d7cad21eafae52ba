"""The page as PDF, A4, with fpdf2 (extra `reports`), whose built-in fonts need no font file on the machine.

Those fonts know Latin-1; every other character is shown as its code point (`U+4E2D`), which is honest and cannot be
mistaken. The page is dated by its own data, so that the same review gives the same file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from recorder.errors import RecorderError
from recorder.report.page import Item, Page, Table
from recorder.report.text import plain

_INK, _DIM, _LINE = (27, 31, 39), (91, 100, 114), (217, 222, 230)
_TONES = {"plain": _INK, "good": (26, 127, 75), "warn": (138, 90, 0), "bad": (179, 38, 30)}
_BACK = {"warn": (255, 246, 224), "bad": (253, 236, 234)}
_PER_ROW = 4


def render(page: Page, made_at: str) -> bytes:
    """The PDF file. made_at: RFC 3339. Raises RecorderError when fpdf2 is not installed."""
    try:
        from fpdf import FPDF
    except ImportError:
        raise RecorderError(
            "PDF needs the package fpdf2.", "It is an extra.", "Install it with: pip install 'clyra[reports]'."
        ) from None
    document = _new(FPDF, page, datetime.fromisoformat(made_at))
    _Writer(document).write(page)
    return bytes(document.output())


def _new(kind: Any, page: Page, moment: datetime) -> Any:
    footer = _text(page.title)

    class Numbered(kind):  # type: ignore[misc]
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("helvetica", size=8)
            self.set_text_color(*_DIM)
            self.cell(0, 5, f"{footer} - page {self.page_no()} of {{nb}}", align="R")

    document = Numbered(format="A4")
    document.set_creation_date(moment)
    document.set_title(footer)
    document.set_producer("Clyra")
    document.set_lang("en")
    document.set_auto_page_break(True, margin=16)
    document.set_margins(15, 14, 15)
    document.add_page()
    return document


class _Writer:
    def __init__(self, document: Any) -> None:
        self._pdf = document

    def write(self, page: Page) -> None:
        pdf = self._pdf
        self._font(18, "B")
        pdf.cell(0, 9, _text(page.title), new_x="LMARGIN", new_y="NEXT")
        self._font(9, colour=_DIM)
        pdf.multi_cell(0, 5, _text(page.subtitle), new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2)
        self._figures(page)
        self._heading("To look at")
        for item in page.items:
            self._item(item)
        if not page.items:
            self._line("Nothing.")
        for table in page.tables:
            self._table(table)
        pdf.ln(5)
        self._font(8, colour=_DIM)
        pdf.multi_cell(0, 4, _text(page.footer), align="L", new_x="LMARGIN", new_y="NEXT")

    def _font(self, size: float, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
        self._pdf.set_font("helvetica", style, size)
        self._pdf.set_text_color(*colour)

    def _figures(self, page: Page) -> None:
        pdf = self._pdf
        width = pdf.epw / _PER_ROW
        top = pdf.get_y()
        for at, figure in enumerate(page.figures):
            x, y = pdf.l_margin + width * (at % _PER_ROW), top + 17 * (at // _PER_ROW)
            pdf.set_draw_color(*_LINE)
            pdf.set_fill_color(245, 247, 250)
            pdf.rect(x, y, width - 2, 15, style="DF")
            pdf.set_xy(x + 2, y + 1.5)
            self._font(8, colour=_DIM)
            pdf.cell(width - 6, 4, _text(figure.label))
            pdf.set_xy(x + 2, y + 6)
            self._font(14, "B", _TONES[figure.tone])
            pdf.cell(width - 6, 7, _text(figure.value))
        rows = (len(page.figures) + _PER_ROW - 1) // _PER_ROW
        pdf.set_xy(pdf.l_margin, top + 17 * rows)

    def _heading(self, text: str) -> None:
        if self._pdf.will_page_break(24):
            self._pdf.add_page()
        self._pdf.ln(4)
        self._font(11, "B")
        self._pdf.cell(0, 7, _text(text), new_x="LMARGIN", new_y="NEXT")

    def _line(self, text: str) -> None:
        self._font(9, colour=_DIM)
        self._pdf.multi_cell(0, 5, _text(text), new_x="LMARGIN", new_y="NEXT")

    def _item(self, item: Item) -> None:
        word = "Serious: " if item.tone == "bad" else "Check: "
        places = f"  (records {item.records})" if item.records else ""
        self._font(9, colour=_TONES[item.tone])
        self._pdf.set_fill_color(*_BACK[item.tone])
        text = _text(f"{word}{item.text}{places}")
        self._pdf.multi_cell(0, 5.4, text, fill=True, padding=(0.6, 2), new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(0.8)

    def _table(self, table: Table) -> None:
        from fpdf.fonts import FontFace

        self._heading(table.title)
        if not table.rows:
            self._line(table.empty)
            return
        self._font(8.5)
        self._pdf.set_draw_color(*_LINE)
        self._pdf.set_fill_color(255, 255, 255)
        aligned = tuple("RIGHT" if at in table.numbers else "LEFT" for at in range(len(table.columns)))
        with self._pdf.table(
            borders_layout="HORIZONTAL_LINES",
            text_align=aligned,
            col_widths=_widths(table),
            headings_style=FontFace(emphasis="BOLD", color=_DIM),
            line_height=5,
            padding=(0.4, 1),
        ) as drawn:
            for cells in (table.columns, *table.rows):
                row = drawn.row()
                for cell in cells:
                    row.cell(_text(cell))
        if table.note:
            self._line(table.note)


def _widths(table: Table) -> tuple[int, ...]:
    """Relative widths by the longest cell, within bounds, so that a long path does not squeeze numbers away."""
    longest = [max(len(row[at]) for row in (table.columns, *table.rows)) for at in range(len(table.columns))]
    return tuple(min(max(length, 8), 42) for length in longest)


def _text(text: str) -> str:
    shown = plain(text)
    return "".join(c if ord(c) < 256 else f"U+{ord(c):04X}" for c in shown)
