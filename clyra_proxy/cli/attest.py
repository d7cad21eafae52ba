"""`clyra attest`: test the controls of a framework against a bundle, and sign what was found.

The words of the result are chosen with care: a control operated, failed, or is not evidenced. No output says that
anybody satisfies a law.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.evidence_source import AnchorOption, CheckpointOption, Outside, TrustOption, opened
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from recorder.attest import controls, oscal, result
from recorder.attest.append import append as append_members
from recorder.attest.evaluate import Assessment, ControlResult, assess
from recorder.attest.outcome import FAIL, NOT_EVIDENCED, PASS
from recorder.keys import SigningKey
from recorder.keys.providers import open_file
from recorder.layout import Layout
from recorder.reading import BundleEvidence

app = typer.Typer(no_args_is_help=True, add_completion=False)

_COLOURS = {PASS: "green", FAIL: "red", NOT_EVIDENCED: "yellow"}
_CANNOT_TELL = 2


@app.command()
def attest(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    framework: Annotated[
        str | None, typer.Option(help="Shipped mapping: sox, pci, hipaa, eu-ai-act, nist-rmf or tcpa.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A control mapping of your own instead.", dir_okay=False)] = None,
    home: HomeOption = None,
    trust: TrustOption = None,
    checkpoint: CheckpointOption = None,
    anchor: AnchorOption = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Private key of an auditor.", show_default="the seal key of the data folder", dir_okay=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the signed statements.", file_okay=False)
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Put the signed statements into the bundle.")] = False,
    oscal_file: Annotated[
        Path | None, typer.Option("--oscal", help="Also write OSCAL assessment results (JSON).", dir_okay=False)
    ] = None,
    json: JsonOption = False,
) -> int:
    """Test the controls of a framework against a bundle's records; sign the result with --output or --append.

    Exit codes: 0 every control is evidenced, 1 one failed, 2 none failed and one is not evidenced.
    """
    chosen = _mapping(framework, mapping)
    layout = Layout(Home.locate(home).root)
    outside = Outside(checkpoint or (), anchor or ())
    with opened(bundle, layout, trust, outside=outside) as (evidence, progress):
        if not isinstance(evidence, BundleEvidence):
            raise UsageError("Only a bundle can be attested.", "", "Seal one with `clyra seal`.")
        assessment = assess(chosen, evidence, progress)
    written = _write(assessment, bundle, layout, key, output, append=append) if output or append else []
    if oscal_file is not None:
        document = oscal.assessment_results(assessment)
        write_atomically(oscal_file, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        written.append(str(oscal_file))
    if json:
        print_json(assessment.document())
    else:
        _print(assessment, written)
    if assessment.count(FAIL):
        return 1
    return _CANNOT_TELL if assessment.count(NOT_EVIDENCED) else 0


def _mapping(framework: str | None, mapping: Path | None) -> controls.Mapping:
    if (framework is None) == (mapping is None):
        raise UsageError("Name one framework.", "", "Give --framework NAME, or --mapping FILE with your own.")
    return controls.load(framework) if framework is not None else controls.load_file(mapping or Path())


def _write(
    assessment: Assessment, bundle: Path, layout: Layout, key: Path | None, output: Path | None, *, append: bool
) -> list[str]:
    """Sign, and put the statements where they belong; return the places."""
    signer: SigningKey = open_file(key) if key is not None else layout.keys.signing_key("seal")
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    members = result.members(assessment, signer, at)
    written = []
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for name, content in members.items():
            target = output / name.rpartition("/")[2]
            write_atomically(target, content, 0o644)
            written.append(str(target))
    if append:
        append_members(bundle, members)
        written += [f"{bundle}: {name}" for name in members]
    return written


def _print(assessment: Assessment, written: list[str]) -> None:
    framework, colour = assessment.mapping.framework, wants_colour()
    provenance = assessment.provenance
    typer.echo(f"{framework.title}")
    typer.echo(f"  records [{provenance.start}, {provenance.end}) of {provenance.origin}, verdict {provenance.verdict}")
    typer.echo(f"  mapping version {framework.version}, sha256 {assessment.mapping.sha256[:16]}...\n")
    for control in assessment.controls:
        _print_control(control, colour)
    counts = ", ".join(f"{assessment.count(name)} {name}" for name in (PASS, FAIL, NOT_EVIDENCED))
    typer.echo(f"\n{counts}. Not covered: {framework.not_covered}")
    for place in written:
        typer.echo(f"  wrote {place}")
    if not written:
        typer.echo("Nothing was signed: give --output FOLDER or --append.")


def _print_control(control: ControlResult, colour: bool) -> None:
    word = painted(f"{control.result:<13}", _COLOURS[control.result], colour)
    typer.echo(f"{word} {control.control.id:<22} {control.control.title}")
    for use, outcome in control.tests:
        if outcome.result == PASS:
            continue
        counts = ", ".join(f"{name} {count}" for name, count in sorted(outcome.counts.items()))
        places = f"; records {', '.join(map(str, outcome.failures))}" if outcome.failures else ""
        note = f"; {outcome.note}" if outcome.note else ""
        typer.echo(f"{'':<13}   {use.test}: {outcome.result} ({counts}{places}{note})")
