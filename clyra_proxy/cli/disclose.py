"""`clyra disclose`: show one body or field of one record to somebody, with proof that it is what was recorded.

The value comes from whoever has it (the recorder keeps no bodies), the salt from the subject key on this machine. The
result is a copy of the bundle with the disclosure beside the evidence, checked before it is said to be good.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import print_json
from clyra_proxy.errors import EvidenceError, UsageError
from clyra_proxy.evidence.commitment import SubjectKey
from clyra_proxy.evidence.subjects import KeyFolder
from clyra_proxy.home import Home
from recorder.disclosing import Subject, add_disclosures, find_subject
from recorder.disclosure import DisclosureError, body_line, field_disclosure, field_line
from recorder.layout import Layout
from recorder.verify.bundle import verify_bundle

app = typer.Typer(no_args_is_help=True, add_completion=False)


class Field(StrEnum):
    """Bodies a record commits to."""

    REQUEST = "req"
    RESPONSE = "res"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to disclose. body: exact bytes for `field`, None when there is none. fields: name -> value."""

    field: Field
    body: bytes | None
    fields: dict[str, str]

    def lines(self, subject: Subject, key: SubjectKey) -> list[bytes]:
        """Raises DisclosureError where the record committed to something else."""

        def salt_of(name: str) -> bytes:
            return key.salt(subject.exchange, name)

        found = []
        if self.body is not None:
            found.append(body_line(subject.record, self.field, self.body, salt_of(self.field)))
        for name, value in self.fields.items():
            found.append(field_line(subject.record, field_disclosure(name, value, salt_of), name))
        return found


@app.command()
def disclose(
    bundle: Annotated[Path, typer.Argument(help="evidence.zip, or a folder with its members.")],
    seq: Annotated[int, typer.Option(min=0, help="Number of the record.")],
    field: Annotated[Field, typer.Option(help="Which body --body is.")] = Field.REQUEST,
    body: Annotated[Path | None, typer.Option(help="File with the exact bytes of that body.", dir_okay=False)] = None,
    sd: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A field the record committed to. Repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the new bundle goes.", show_default="beside the old one")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Disclose one body or field of one record: a new bundle, with what a reader needs to check it."""
    wanted = Wanted(field, _read(body) if body else None, dict(_pair(text) for text in sd or ()))
    if wanted.body is None and not wanted.fields:
        raise UsageError("There is nothing to disclose.", "", "Give --body FILE or --sd NAME=VALUE.")
    place = Home.locate(home)
    target = out or bundle.with_name(f"{bundle.stem}-disclosed-{seq}{bundle.suffix}")
    try:
        subject = find_subject(bundle, seq)
        lines = _lines(wanted, subject, KeyFolder(place.root / "subjects"))
        add_disclosures(bundle, target, seq, lines)
        disclosed = _check(target, Layout(place.root))
    except OSError as error:
        raise EvidenceError(f"Cannot use {error.filename}.", f"The system says: {error.strerror}.") from None
    if json:
        print_json({"path": str(target), "seq": seq, "lines": len(lines), "disclosed": disclosed})
        return
    typer.echo(f"Disclosed {len(lines)} of record {seq}. Everything else in the bundle is as it was.")
    typer.echo(f"  bundle  {target}")
    typer.echo("Give it only to whom the disclosed content is meant for.")


def _lines(wanted: Wanted, subject: Subject, keys: KeyFolder) -> list[bytes]:
    """The lines, by the key the record names, or, where it names none, by the one key that fits."""
    if subject.key_id:
        kept = keys.find(subject.key_id)
        if kept is None:
            raise _no_key(keys, subject)
        return wanted.lines(subject, kept.key)
    refusal: DisclosureError | None = None
    for kept in keys.every():
        try:
            return wanted.lines(subject, kept.key)
        except DisclosureError as error:
            refusal = error
    raise refusal or EvidenceError("There is no subject key on this machine.", f"None is in {keys.folder}.")


def _no_key(keys: KeyFolder, subject: Subject) -> EvidenceError:
    what = f"Record {subject.record['seq']} can no longer be disclosed."
    if keys.is_erased(subject.key_id):
        return EvidenceError(what, f"Its subject key {subject.key_id} was erased; nobody can make its salts again.")
    return EvidenceError(
        f"Record {subject.record['seq']} cannot be disclosed here.",
        f"Its subject key {subject.key_id} is not in {keys.folder}.",
        "Run this where the proxy keeps its subject keys, or check --home.",
    )


def _check(bundle: Path, layout: Layout) -> int:
    """How many disclosures hold in the new bundle. Raises DisclosureError when one does not."""
    report = verify_bundle(bundle, layout.trust.read_bytes() if layout.trust.is_file() else None)
    found: int = report.document()["disclosed"]
    if report.has("E_COMMITMENT", "E_DISCLOSURE_DIGEST") or not found:
        raise DisclosureError("The new bundle's disclosures do not hold.", "", "Check the old one with `clyra verify`.")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"Cannot read {path}.", f"The system says: {error.strerror}.") from None


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise UsageError(f"'{text}' is not NAME=VALUE.")
    return name, value
