"""`clyra replay`: judge every recorded exchange again under a policy, and certify or check the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import addons
from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.evidence_source import TrustOption, opened
from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_error, print_json, wants_colour
from clyra_proxy.errors import UsageError
from clyra_proxy.home import Home
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.replay import certificate
from clyra_proxy.replay.judging import Replayer
from clyra_proxy.replay.policies import KnownPolicy
from clyra_proxy.replay.reasons import Code
from clyra_proxy.replay.running import Totals, replay
from recorder import trust as trust_files
from recorder.errors import RecorderError
from recorder.keys.providers import open_file
from recorder.layout import Layout
from recorder.reading import BundleEvidence, EvidenceRejectedError

app = typer.Typer(no_args_is_help=True, add_completion=False)
_CANNOT_TELL = 2


@app.command(name="replay")
def replay_command(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    policy: Annotated[Path, typer.Option("--policy", help="Policy file to judge under.", dir_okay=False)],
    recorded_policy: Annotated[
        list[Path] | None,
        typer.Option("--recorded-policy", help="A policy that was in force then. Repeatable.", dir_okay=False),
    ] = None,
    assume_findings: Annotated[
        bool,
        typer.Option("--assume-findings", help="Where a body is not disclosed, take what its checks found as given."),
    ] = False,
    certificate_file: Annotated[
        Path | None, typer.Option("--certificate", help="Write a signed certificate of the result.", dir_okay=False)
    ] = None,
    check: Annotated[
        Path | None, typer.Option("--check", help="Check a certificate by judging again.", dir_okay=False)
    ] = None,
    home: HomeOption = None,
    trust: TrustOption = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Private key for the certificate.", show_default="the seal key of the data folder"),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Judge every recorded exchange again under a policy and print the exact differences.

    What the records do not hold is counted as not replayable, with the reason, never as agreement. Exit codes: 0 every
    exchange is decided as it was, 1 one is not (or the certificate fails), 2 no difference, and some cannot be judged.
    """
    if check is not None and certificate_file is not None:
        raise UsageError("--check and --certificate do not go together.", "One reads a certificate, one writes it.")
    layout = Layout(Home.locate(home).root)
    replayer = _replayer(policy, recorded_policy or [], assume_findings)
    try:
        with opened(bundle, layout, trust) as (evidence, progress):
            if not isinstance(evidence, BundleEvidence):
                raise UsageError("Only a bundle can be replayed.")
            if check is not None:
                return _check(check, evidence, replayer, layout, trust)
            totals = Totals()
            for line in replay(evidence, replayer, totals, progress):
                _show(line, json)
            if certificate_file is not None:
                signer = open_file(key) if key is not None else layout.keys.signing_key("seal")
                document = certificate.make_statement(evidence, replayer, totals)
                write_atomically(certificate_file, certificate.sign(document, signer), 0o644)
    except EvidenceRejectedError as error:
        print_error(f"{Code.R_EVIDENCE}: {error.what}", error.why, error.todo)
        return 1
    return _finish(totals, json)


def _replayer(policy: Path, recorded: list[Path], assume: bool) -> Replayer:
    judging = _known(policy)
    then = [judging, *map(_known, recorded)]
    by_hash = {known.compiled.sha256: known for known in then}
    return Replayer(judging, addons.default_checks(), by_hash, assume)


def _known(file: Path) -> KnownPolicy:
    loaded = load_with_source(file)
    return KnownPolicy.of(compile_policy(loaded.document, loaded.base_dir), loaded.base_dir)


def _check(file: Path, evidence: BundleEvidence, replayer: Replayer, layout: Layout, trust: Path | None) -> int:
    try:
        raw, trusted = file.read_bytes(), (trust or layout.trust).read_bytes()
    except OSError as error:
        raise RecorderError(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.") from None
    try:
        refusal = certificate.check(raw, evidence, replayer, trust_files.load(trusted))
    except trust_files.TrustError as error:
        raise RecorderError("The trust file cannot be used.", str(error)) from None
    if refusal is None:
        typer.echo("The certificate holds: judging again gives the same result.")
        return 0
    print_error(f"{refusal.code}: the certificate does not hold.", f"{refusal.detail}.")
    return 1


def _show(line: dict[str, object], json: bool) -> None:
    """As JSON every exchange; for people the differences."""
    if json:
        print_json(line, indent=False)
    elif line["outcome"] == "different":
        found = line["differences"]
        assert isinstance(found, dict)  # noqa: S101 - made so by `replay`
        changes = ", ".join(f"{name} {before or '-'} -> {after or '-'}" for name, (before, after) in found.items())
        typer.echo(f"record {line['seq']}  {line['exchange']}  {changes}")


def _finish(totals: Totals, json: bool) -> int:
    document = totals.document()
    if json:
        print_json({"summary": document, "codes": totals.codes()}, indent=False)
    else:
        colour = "red" if totals.different else "yellow" if totals.not_replayable else "green"
        counts = f"{totals.same} same, {totals.different} different, {totals.not_replayable} not replayable"
        typer.echo(painted(f"{totals.exchanges} exchanges: {counts}", colour, wants_colour()))
        if totals.on_findings:
            typer.echo(f"  {totals.on_findings} rest on findings that were recorded, not on bodies")
        for why, count in sorted(totals.why.items()):
            typer.echo(f"  not replayable, {why}: {count}")
    if totals.different:
        return 1
    return _CANNOT_TELL if totals.not_replayable else 0
