"""`clyra report`: the daily review, from this machine's log or from bundles, for a terminal, a page or paper."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.evidence_source import ForceOption, TrustOption, opened
from clyra_proxy.cli.options import HomeOption
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder.export.entry import entries
from recorder.layout import Layout
from recorder.report import html, pdf, text
from recorder.report.gathering import gather
from recorder.report.layout import make_page
from recorder.report.page import Page
from recorder.report.review import Review

app = typer.Typer(no_args_is_help=True, add_completion=False)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Format(StrEnum):
    """How the review is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"


@app.command()
def report(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(help="evidence.zip files or folders, in order.", show_default="this machine's own log"),
    ] = None,
    daily_review: Annotated[bool, typer.Option("--daily-review", help="The daily review.")] = False,
    date: Annotated[
        str | None, typer.Option(help="Day (UTC, YYYY-MM-DD), or `all`.", show_default="the last day there is")
    ] = None,
    include_genai: Annotated[bool, typer.Option("--include-genai", help="Also calls of models and tools.")] = False,
    include_data_changes: Annotated[
        bool, typer.Option("--include-data-changes", help="Also rows and statements that changed data.")
    ] = False,
    output_format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TERMINAL,
    home: HomeOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
    trust: TrustOption = None,
    force: ForceOption = False,
) -> None:
    """Report what happened: denials, gaps, approvals, halts, changes of policy, and what is open.

    Without BUNDLES the log of the data folder is read, sealed or not.
    """
    if not daily_review:
        raise UsageError("Which report?", "There is one so far.", "Add --daily-review.")
    if output_format is Format.PDF and output is None:
        raise UsageError("A PDF is no text for a terminal.", "", "Give a file with --output.")
    if date is not None and date != "all" and _DAY.fullmatch(date) is None:
        raise UsageError(f"`{date}` is not a day.", "", "Example: --date 2026-11-22, or --date all.")
    layout = Layout(Home.locate(home).root)
    sources: list[Path | None] = [*bundles] if bundles else [None]
    review = Review(_day(date, sources[-1], layout, trust, force))
    for bundle in sources:
        with opened(bundle, layout, trust, force=force) as (evidence, progress):
            gather(review, entries(evidence.items(progress)), evidence.provenance)
    made_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = make_page(review, made_at, genai=include_genai, data_changes=include_data_changes)
    _write(_rendered(page, output_format, made_at), output)


def _day(date: str | None, newest: Path | None, layout: Layout, trust: Path | None, force: bool) -> str:
    """The day to review; without one, the day of the last record."""
    if date is not None:
        return "" if date == "all" else date
    with opened(newest, layout, trust, force=force) as (evidence, progress):
        last = ""
        for item in evidence.items(progress):
            last = item.record["ts"]
    return last[:10]


def _rendered(page: Page, output_format: Format, made_at: str) -> bytes:
    if output_format is Format.PDF:
        return pdf.render(page, made_at)
    made = {Format.TERMINAL: text.terminal, Format.MARKDOWN: text.markdown, Format.HTML: html.render}
    return made[output_format](page).encode()


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        typer.echo(content.decode(), nl=False)
    else:
        write_atomically(output, content)
