"""`clyra export`: evidence in other people's formats.

Evidence is verified before a line is written, and every format carries what verifying found. A rejected bundle is
refused unless --force is given. A file appears whole or not at all.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.atomic_file import write_chunks
from clyra_proxy.cli.evidence_source import BundleArgument, ForceOption, TrustOption, opened
from clyra_proxy.cli.options import HomeOption
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder.export import agent_action, ecs, ocsf, otel, receipt, table
from recorder.export.entry import Entry, entries
from recorder.layout import Layout
from recorder.reading import Evidence

app = typer.Typer(no_args_is_help=True, add_completion=False)


class Format(StrEnum):
    """ocsf, ecs: NDJSON events. csv: a table. otel: OTLP JSON. ai-agent-action: in-toto. scitt: COSE receipts."""

    OCSF = "ocsf"
    ECS = "ecs"
    CSV = "csv"
    OTEL = "otel"
    AI_AGENT_ACTION = "ai-agent-action"
    SCITT = "scitt"


_EVENTS = {Format.OCSF: ocsf.write, Format.ECS: ecs.write, Format.CSV: table.write, Format.OTEL: otel.write}


@app.command()
def export(
    bundle: BundleArgument = None,
    output_format: Annotated[Format, typer.Option("--format", help="What to write.", show_default=False)] = ...,  # type: ignore[assignment]
    home: HomeOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (default: stdout).")] = None,
    trust: TrustOption = None,
    start: Annotated[int | None, typer.Option(min=0, help="First record (of the log).")] = None,
    end: Annotated[int | None, typer.Option(min=1, help="One past the last record (of the log).")] = None,
    seq: Annotated[int | None, typer.Option(min=0, help="Only this record; for scitt the bare CBOR receipt.")] = None,
    sign: Annotated[bool, typer.Option("--sign", help="ai-agent-action: sign each statement (DSSE).")] = False,
    force: ForceOption = False,
) -> None:
    """Write the records of a bundle, or of this machine's log, as OCSF, ECS, CSV, OTLP, in-toto or COSE.

    Without BUNDLE the log of the data folder is read, sealed or not.
    """
    if sign and output_format is not Format.AI_AGENT_ACTION:
        raise UsageError("--sign belongs to --format ai-agent-action.", "The other formats have no signature of ours.")
    if output is None and output_format is Format.SCITT and seq is not None and sys.stdout.isatty():
        raise UsageError("A receipt is binary.", "", "Give a file with --output.")
    layout = Layout(Home.locate(home).root)
    left_out: Counter[str] = Counter()
    with opened(bundle, layout, trust, start=start, end=end, force=force) as (evidence, progress):
        chunks = _chunks(evidence, _watched(evidence, seq, progress), output_format, layout, seq, sign, left_out)
        if output is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        else:
            write_chunks(output, chunks)
    for what, count in left_out.items():
        typer.echo(f"left out: {count} {what}", err=True)


def _watched(evidence: Evidence, seq: int | None, progress: object) -> Iterator[Entry]:
    found: Iterable[Entry] = entries(evidence.items(progress))  # type: ignore[arg-type]
    for entry in found:
        if seq is None or entry.item.seq == seq:
            yield entry


def _chunks(
    evidence: Evidence,
    found: Iterator[Entry],
    output_format: Format,
    layout: Layout,
    seq: int | None,
    sign: bool,
    left_out: Counter[str],
) -> Iterator[bytes]:
    if output_format is Format.SCITT:
        return receipt.write(evidence, layout.keys.signing_key("log"), seq)
    if output_format is Format.AI_AGENT_ACTION:
        key = layout.keys.signing_key("seal") if sign else None
        return agent_action.write(found, evidence.provenance, key, lambda why: left_out.update([why]))
    return _EVENTS[output_format](found, evidence.provenance)
