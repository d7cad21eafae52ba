"""`clyra check FILE`: what the proxy would say about a body or a text, without a proxy.

Rule: the body goes through the gate and the check that judge live traffic, in pieces, so a file larger than memory is
no problem; with `--text` the file is a prompt, a page, a mail (`text_check`). Exit 0 passes, 1 refused (or would be),
2 nothing looked at it, 64 usage.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import CannotTellError, UsageError

if TYPE_CHECKING:
    from clyra_proxy.verdict.model import Finding

app = typer.Typer(add_completion=False)

_PIECE = 256 * 1024
_WORTH_A_BAR = 16 * 1024 * 1024
_TYPES = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".form": "application/x-www-form-urlencoded",
}
_CODINGS = {".gz": "gzip", ".br": "br", ".zst": "zstd"}
_EPILOG = (
    "Examples:  clyra check batch.json --schema batch.schema.json   |   "
    "clyra check batch.json --route https://api.example.com/v2/contacts/batch   |   "
    "zcat dump.gz | clyra check - --json   |   clyra check --text page.html --provenance tool_result"
)


@app.command(epilog=_EPILOG)
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Body to check; - reads standard input.")],
    schema: Annotated[
        Path | None, typer.Option("--schema", "-s", help="JSON Schema of the body (of each row, for NDJSON and CSV).")
    ] = None,
    route: Annotated[str | None, typer.Option("--route", help="URL; policy says which checks apply there.")] = None,
    method: Annotated[
        str | None, typer.Option("--method", "-X", help="With --route: method.", show_default="POST")
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="FILE is a text: look for prompt injection, secrets, personal data, fraud.")
    ] = False,
    provenance: Annotated[
        str | None,
        typer.Option(
            "--provenance",
            help="With --text: user, tool_result, document, tool_description ...",
            show_default="unknown",
        ),
    ] = None,
    level: Annotated[
        int | None,
        typer.Option("--level", min=1, max=4, help="With --text: paranoia level.", show_default="the policy's, else 1"),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", help="With --route or --text: policy file.", show_default="with --route: of the data folder"
        ),
    ] = None,
    response: Annotated[bool, typer.Option("--response", help="The body is a response (status 200).")] = False,
    content_type: Annotated[
        str | None, typer.Option("--content-type", help="Media type.", show_default="by file name, else JSON")
    ] = None,
    content_encoding: Annotated[
        str | None, typer.Option("--content-encoding", help="gzip, br, zstd ...", show_default="by file name")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a body file against a schema or a route, offline. Without either only the JSON itself is judged.

    With --text the file is judged as what an agent reads or says, by the detectors of the GenAI checks.
    """
    if text:
        from clyra_proxy.cli.text_check import check_text

        if schema is not None or route is not None:
            raise UsageError("--text judges a text, --schema and --route a body.", "", "Give one of them.")
        _refuse_idle("--route", method=method)
        raise typer.Exit(check_text(file, provenance or "unknown", level, policy, as_json=as_json))
    from clyra_proxy.cli.offline import described_exchange, schema_exchange

    if schema is not None and route is not None:
        raise UsageError("--schema and --route are two ways to say what applies.", "", "Give one of them.")
    _refuse_idle("--text", provenance=provenance, level=level)
    media, coding = guessed(file, content_type, content_encoding)
    if route is not None:
        exchange = described_exchange(route, method or "POST", policy, home, media, coding, response)
    else:
        _refuse_idle("--route", method=method, policy=policy)
        exchange = schema_exchange(schema, media, coding, response)
    outcome = judge(exchange, file, response, quiet=as_json)
    if as_json:
        print_json(outcome.facts())
    else:
        outcome.print()
    raise typer.Exit(outcome.exit_code)


def _refuse_idle(partner: str, **options: object) -> None:
    """Raise UsageError for an option that was given and would say nothing without `partner`."""
    for name, value in options.items():
        if value is not None:
            raise UsageError(
                f"--{name} says nothing without {partner}.", "It would not be looked at.", f"Add {partner}, or drop it."
            )


def guessed(file: str, content_type: str | None, coding: str | None) -> tuple[str, str]:
    """(media type, content coding) from the options, else from the file name."""
    name = Path(file)
    if coding is None:
        coding = _CODINGS.get(name.suffix.lower(), "")
    if coding and name.suffix.lower() in _CODINGS:
        name = name.with_suffix("")
    return content_type or _TYPES.get(name.suffix.lower(), "application/json"), coding


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. coverage: as in a verdict. refused: the gate stopped the body."""

    file: str
    findings: tuple[Finding, ...]
    coverage: str
    size: int
    seconds: float

    @property
    def word(self) -> str:
        from clyra_proxy.verdict.model import Action

        if any(finding.action >= Action.REDACT for finding in self.findings):
            return "fail"
        return "cannot_tell" if self.coverage.startswith(("skipped", "headers_only", "none")) else "pass"

    @property
    def exit_code(self) -> int:
        return {"pass": 0, "fail": 1, "cannot_tell": 2}[self.word]

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "file": self.file,
            "result": self.word,
            "coverage": self.coverage,
            "bytes": self.size,
            "seconds": round(self.seconds, 3),
            "findings": [
                {
                    "code": finding.reason.value,
                    "rule": finding.rule,
                    "action": finding.action.word,
                    "mode": finding.mode.value,
                    "pointer": finding.path,
                    **{str(name): value for name, value in finding.detail.items()},
                }
                for finding in self.findings
            ],
        }

    def print(self) -> None:
        colour = wants_colour()
        tint = {"pass": "green", "fail": "red", "cannot_tell": "yellow"}[self.word]
        word = painted(self.word.replace("_", " "), tint, colour)
        typer.echo(f"{word}  {self.file}  {self.size:,} bytes in {self.seconds:.2f} s, coverage {self.coverage}")
        for finding in self.findings:
            detail = "  ".join(f"{name}={value}" for name, value in finding.detail.items())
            typer.echo(f"  {finding.reason.value}  at {finding.path or '(whole body)'}  rule {finding.rule}  {detail}")


def judge(exchange: Any, file: str, response: bool, *, quiet: bool) -> Outcome:
    """Send the file through the gate of the exchange. Raises CannotTellError when it cannot be read."""
    from clyra_proxy.schemalock.check import SchemaCheck
    from clyra_proxy.stream.gate import BodyRefused
    from clyra_proxy.stream.opening import open_gate
    from clyra_proxy.verdict.model import Phase

    gate = open_gate(exchange, Phase.RESPONSE_BODY if response else Phase.REQUEST_BODY, [SchemaCheck()])
    begun, size = time.perf_counter(), 0
    try:
        with _opened(file) as stream:
            for piece in _pieces(stream, file, quiet):
                size += len(piece)
                gate.feed(piece)
            gate.finish()
    except BodyRefused:
        gate.abort()  # the finding is in the exchange
    except OSError as error:
        gate.abort()
        raise CannotTellError(
            f"Cannot read {file}.",
            f"The system says: {error.strerror}.",
            "Name a readable file, or - for standard input.",
        ) from error
    own = exchange.response_coverage if response else exchange.request_coverage
    coverage = gate.coverage if str(gate.coverage) != "none" else own
    return Outcome(file, tuple(exchange.findings), str(coverage), size, time.perf_counter() - begun)


def _opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else Path(file).open("rb")


def _pieces(stream: BinaryIO, file: str, quiet: bool) -> Iterator[bytes]:
    total = 0 if file == "-" else Path(file).stat().st_size
    if quiet or total < _WORTH_A_BAR or not sys.stderr.isatty():
        while piece := stream.read(_PIECE):
            yield piece
        return
    from rich.console import Console
    from rich.progress import wrap_file

    with wrap_file(stream, total, description=Path(file).name, console=Console(stderr=True), transient=True) as shown:
        while piece := shown.read(_PIECE):
            yield piece
