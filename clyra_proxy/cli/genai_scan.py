"""`clyra genai scan`: one verdict a line for many texts.

Rule: the detectors are loaded once; answers come in the order of the lines, each as soon as it is known, so that the
command works in a pipe; a line that cannot be read is answered with its number and what is wrong with it, and the rest
goes on. Exit 0 all clean, 1 some flagged, 64 some lines could not be read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from clyra_proxy.cli.output import print_error
from clyra_proxy.cli.text_check import open_judge, provenance_of
from clyra_proxy.errors import CannotTellError, UsageError
from clyra_proxy.genai.model import Provenance

EPILOG = (
    'Lines: {"text": "...", "id": "7", "provenance": "tool_result"} or a bare JSON string.   '
    "Examples:  clyra genai scan --jsonl texts.jsonl   |   zcat texts.gz | clyra genai scan --jsonl - --level 2"
)
_BAD_LINES = 64
_PROGRESS_EVERY = 200
_SHOWN_BAD = 20


class BadLineError(Exception):
    """A line that cannot be judged."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the input. id: as given, told with the answer. provenance: where the text comes from."""

    text: str
    id: str | int | float | None
    provenance: Provenance


def genai_scan(
    jsonl: Annotated[str, typer.Option("--jsonl", metavar="FILE", help="JSON Lines; - reads standard input.")],
    provenance: Annotated[
        str, typer.Option("--provenance", help="Where texts come from that do not say so themselves.")
    ] = Provenance.UNKNOWN.value,
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=4, help="Paranoia level.", show_default="the policy's, else 1")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Take the settings of this policy file.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json/--text", help="JSON Lines, or a table for people.")] = True,
) -> None:
    """Judge one text a line for prompt injection, secrets, personal data and fraud; print one verdict a line."""
    place = provenance_of(provenance)
    judge = open_judge(policy, level)
    flagged, bad = False, 0
    for number, line in enumerate(_lines(jsonl), 1):
        if not line.strip():
            continue
        try:
            question = read_line(line, place)
        except BadLineError as error:
            bad += 1
            _show_bad(number, str(error), bad, as_json)
            continue
        verdict = judge.judge(question.text, question.provenance)
        flagged |= verdict.flagged
        _write({"id": question.id, "line": number, **verdict.facts()}, as_json)
        _show_progress(number)
    if bad:
        print_error(f"{bad} lines could not be read.", "", 'Each line is a JSON string or {"text": "..."}.')
        raise typer.Exit(_BAD_LINES)
    raise typer.Exit(1 if flagged else 0)


def read_line(line: bytes, place: Provenance) -> Question:
    """One line of input. Raises BadLineError."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLineError(f"not JSON: {error.msg}") from error
    if isinstance(value, str):
        return Question(value, None, place)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise BadLineError("neither a string nor an object with a string `text`")
    identifier = value.get("id")
    if identifier is not None and not isinstance(identifier, str | int | float):
        raise BadLineError("`id` is neither a string nor a number")
    try:
        named = provenance_of(str(value["provenance"])) if value.get("provenance") is not None else place
    except UsageError as error:
        raise BadLineError(error.what) from error
    return Question(value["text"], identifier, named)


def _lines(name: str) -> Iterator[bytes]:
    try:
        if name == "-":
            yield from sys.stdin.buffer
            return
        with Path(name).open("rb") as stream:
            yield from stream
    except OSError as error:
        raise CannotTellError(
            f"Cannot read {name}.",
            f"The system says: {error.strerror}.",
            "Name a readable file, or - for standard input.",
        ) from error


def _write(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE).decode())
    else:
        name = facts["line"] if facts["id"] is None else facts["id"]
        sys.stdout.write(f"{facts['decision']:7} {facts['score']:6g}  {name}  {','.join(facts['rules'])}\n")
    sys.stdout.flush()


def _show_bad(number: int, why: str, count: int, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps({"line": number, "error": why}, option=orjson.OPT_APPEND_NEWLINE).decode())
        sys.stdout.flush()
    if count <= _SHOWN_BAD:
        print(f"line {number}: {why}", file=sys.stderr)


def _show_progress(number: int) -> None:
    if number % _PROGRESS_EVERY == 0 and sys.stderr.isatty() and not sys.stdout.isatty():
        print(f"\r{number:,} lines", end="", file=sys.stderr, flush=True)
