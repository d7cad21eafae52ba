"""`clyra threats`: what the evidence says about attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.evidence_source import ForceOption, TrustOption, opened
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.home import Home
from clyra_proxy.telemetry.redaction import printable
from recorder.layout import Layout

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def threats() -> None:
    """What the evidence says about attacks."""


@app.command()
def analyze(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(help="evidence.zip files or folders, in order.", show_default="this machine's own log"),
    ] = None,
    agent: Annotated[str | None, typer.Option(help="This agent alone.")] = None,
    home: HomeOption = None,
    trust: TrustOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show threats over time, by agent, by technique, and which may have led to which.

    A bundle is verified before it is read. Without BUNDLES the log of the data folder is read, sealed or not.
    """
    from clyra_proxy.genai.threats.analysis import Analysis
    from clyra_proxy.genai.threats.report import as_document, as_lines
    from recorder.export.entry import entries

    layout = Layout(Home.locate(home).root)
    sources: list[Path | None] = [*bundles] if bundles else [None]
    analysis, sources_read = Analysis(), []
    for bundle in sources:
        with opened(bundle, layout, trust, force=force) as (evidence, progress):
            sources_read.append(evidence.provenance.document())
            for entry in entries(evidence.items(progress)):
                if agent is None or str(entry.part("agent").get("uid", "")) == agent:
                    analysis.add(entry)
    if as_json:
        print_json({"sources": sources_read, **as_document(analysis)})
        return
    for line in as_lines(analysis):
        typer.echo(printable(line))
