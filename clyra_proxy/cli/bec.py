"""`clyra bec validate`: whether approval certificates are of BEC grade, offline, by files and trust file alone."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import time
from pathlib import Path
from typing import Annotated

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import CannotTellError, UsageError
from clyra_proxy.home import Home
from recorder.approval import MAX_BYTES, SUFFIX
from recorder.approval_payload import digest_payload
from recorder.approvals.enrolled import enrolled_entries
from recorder.approvals.validate import Expectations, Finding, Validator
from recorder.layout import Layout
from recorder.record import micros_of
from recorder.trust import TrustError

app = typer.Typer(
    name="bec",
    no_args_is_help=True,
    add_completion=False,
    help="Approvals against business e-mail compromise: bound to a payload, signed by a person.",
    epilog="See docs/approvals-howto.md.",
)
_SECONDS = re.compile(r"[0-9]{1,12}")


@app.callback()
def _group() -> None:
    """Approvals against business e-mail compromise."""


@app.command()
def validate(
    certificate_path: Annotated[
        Path,
        typer.Option("--certificate-path", metavar="DIR", help="Folder of certificates, or one file."),
    ],
    trust: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Trust file.", show_default="that of the data folder"),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Also trust these approver keys (`clyra approvals keys --out DIR`)."),
    ] = None,
    payload: Annotated[Path | None, typer.Option(dir_okay=False, help="The payload they must be about.")] = None,
    at: Annotated[str, typer.Option(help="Moment at which they must hold: `now`, seconds, or as in records.")] = "",
    policy: Annotated[str, typer.Option(help="SHA-256 of the policy they must be given under.")] = "",
    tenant: Annotated[str | None, typer.Option(help="Tenant they must be for.")] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Also take what rests on the operator's word alone.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Exit 0 when every certificate is valid and of BEC grade (refusals count), 1 when not, 2 when nobody can tell."""
    files = _files(certificate_path)
    digest = digest_payload(_read(payload)).sha256 if payload else ""
    expected = Expectations(digest, policy, tenant, _moment(at))
    read = [_certificate(file) for file in files]
    if not certificate_path.is_dir() and isinstance(read[0], str):
        raise CannotTellError(f"{certificate_path} cannot be read.", read[0], "Check the path.")
    raw = [one for one in read if isinstance(one, bytes)]
    validator = _validator(trust or _own_trust(home), keys, expected)
    if trust is None:
        _lend(validator, Layout(Home.locate(home).root))
    validator.announce(raw)
    found = [(file, _judged(validator, file, one)) for file, one in zip(files, read, strict=True)]
    good = all(_holds(finding, operator) for _, finding in found)
    if as_json:
        certificates = [{"file": file.name, **finding.document()} for file, finding in found]
        print_json({"valid": good, "certificates": certificates})
    else:
        _tell(found, operator=operator)
    raise typer.Exit(0 if good else 1)


def _holds(finding: Finding, operator: bool) -> bool:
    if not finding.valid:
        return False
    return finding.bec or finding.decision == "deny" or operator


def _certificate(file: Path) -> bytes | str:
    """At most a byte more than a certificate may have; or why there is nothing to read. Never waits for a pipe."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "It is no regular file."
            return stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        return "It is no regular file."
    except OSError as error:
        return f"The system says: {error.strerror}."


def _judged(validator: Validator, file: Path, read: bytes | str) -> Finding:
    """What is to be said of one file of a folder; one that cannot be read is no certificate that holds."""
    if isinstance(read, str):
        return Finding("", code="E_APPROVAL_SIG", detail=f"it cannot be read: {read}")
    return _named(file, validator.validate(read))


def _named(file: Path, finding: Finding) -> Finding:
    """A file of a bundle or a store is named after its certificate; one that is not is not the one it says."""
    name = file.name.removesuffix(SUFFIX)
    if re.fullmatch(r"[0-9a-f]{64}", name) and finding.valid and name != finding.digest:
        return Finding(finding.digest, finding.id, code="E_APPROVAL_SIG", detail="it is not what it is named after")
    return finding


def _tell(found: list[tuple[Path, Finding]], *, operator: bool) -> None:
    colour = wants_colour()
    for file, finding in found:
        good = _holds(finding, operator)
        word = painted("valid" if good else "invalid", "green" if good else "red", colour)
        reason = finding.code or ("" if good else "W_APPROVAL_OPERATOR_ASSERTED")
        notes = " ".join(
            part
            for part in (finding.decision, "+".join(finding.bindings), reason, finding.detail, *finding.warnings)
            if part
        )
        typer.echo(f"{word}  {file.name}  {notes}")


def _files(path: Path) -> list[Path]:
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise CannotTellError(
            f"There is no certificate in {path}.", f"Their names end in {SUFFIX}.", "Check the folder."
        )
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotTellError(
            f"{path} cannot be read.", f"The system says: {error.strerror}.", "Check the path."
        ) from None


def _own_trust(home: Path | None) -> Path:
    """Never a file beside the certificates: whoever made those could have put it there."""
    own = Layout(Home.locate(home).root).trust
    if not own.exists():
        raise CannotTellError(
            "There is no trust file.", "Nobody's signature can be judged without one.", "Give --trust."
        )
    return own


def _validator(trust: Path, keys: Path | None, expected: Expectations) -> Validator:
    try:
        validator = Validator.of_trust(_read(trust), expected)
        for file in sorted(keys.glob("*.json")) if keys is not None else ():
            validator.trust_also(json.loads(_read(file)))
    except TrustError as error:
        raise CannotTellError(f"{trust} cannot be used.", f"{error.code}: {error.detail}.", "Get it anew.") from None
    except ValueError:
        raise CannotTellError(
            f"A key in {keys} cannot be used.", "", "Write them with `clyra approvals keys`."
        ) from None
    return validator


def _lend(validator: Validator, layout: Layout) -> None:
    """On the recorder's own machine its registry counts too; what needs it is marked. Raises CannotTellError."""
    try:
        for entry in enrolled_entries(layout):
            validator.trust_also(entry, lent=True)
    except (sqlite3.Error, ValueError) as error:
        raise CannotTellError("The keys of this recorder cannot be read.", f"{type(error).__name__}.") from None


def _moment(text: str) -> int | None:
    if not text:
        return None
    if text == "now":
        return int(time.time())
    if _SECONDS.fullmatch(text):
        return int(text)
    try:
        return micros_of(text if "." in text else f"{text.removesuffix('Z')}.000000Z") // 1_000_000
    except ValueError:
        raise UsageError(f"{text} is no moment.", "", "Use `now`, seconds, or 2026-11-22T18:00:00Z.") from None
