"""`clyra check --text`: what the proxy would say about a prompt, a tool result, a page or a mail.

Rule: the detectors of live traffic (`clyra_proxy.genai.bare_text`); what is printed holds ids and numbers, never the
text. Exit 0 clean, 1 flagged (it would be redacted or blocked), 2 it cannot be read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.errors import CannotTellError, UsageError
from clyra_proxy.genai.model import Provenance

if TYPE_CHECKING:
    from clyra_proxy.genai.bare_text import TextJudge, TextVerdict

_TINTS = {"allow": "green", "mark": "yellow", "redact": "red", "block": "red"}


def check_text(file: str, provenance: str, level: int | None, policy: Path | None, *, as_json: bool) -> int:
    """Judge the text in `file` (`-`: standard input) and print it; the exit code."""
    place = provenance_of(provenance)
    verdict = open_judge(policy, level).judge(read_text(file), place)
    if as_json:
        print_json({"file": file, "provenance": place.value, **verdict.facts(), "findings": findings(verdict)})
    else:
        _print(file, verdict)
    return 1 if verdict.flagged else 0


def open_judge(policy: Path | None, level: int | None) -> TextJudge:
    """The detectors with the settings of a policy file, else the defaults. Raises PolicyError."""
    from clyra_proxy.genai.bare_text import TextJudge
    from clyra_proxy.policy.genai.section import GenAiSecurity
    from clyra_proxy.policy.load import load_with_source

    settings, base_dir = GenAiSecurity(), Path()
    if policy is not None:
        loaded = load_with_source(policy)
        settings, base_dir = loaded.document.genai_security, loaded.base_dir
    if level is not None:
        injection = settings.injection.model_copy(update={"level": level})
        settings = settings.model_copy(update={"injection": injection})
    return TextJudge(settings, base_dir)


def provenance_of(word: str) -> Provenance:
    """The provenance that a word names. Raises UsageError."""
    try:
        return Provenance(word)
    except ValueError:
        known = ", ".join(Provenance)
        raise UsageError(f"There is no provenance '{word}'.", "", f"Choose one of: {known}.") from None


def read_text(file: str) -> str:
    """The text of a file; bytes that are not UTF-8 are replaced. Raises CannotTellError."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CannotTellError(
            f"Cannot read {file}.",
            f"The system says: {error.strerror}.",
            "Name a readable file, or - for standard input.",
        ) from error
    return data.decode("utf-8", "replace")


def findings(verdict: TextVerdict) -> list[dict[str, Any]]:
    """The signals, JSON-ready."""
    from clyra_proxy.verdict.rules import RULES

    return [
        {
            "rule": signal.rule,
            "code": RULES[signal.rule].reason.value,
            "action": (signal.action or RULES[signal.rule].action).word,
            **{str(name): value for name, value in signal.detail.items()},
        }
        for signal in verdict.signals
    ]


def _print(file: str, verdict: TextVerdict) -> None:
    word = verdict.action.word
    shown = painted(word, _TINTS.get(word, "red"), wants_colour())
    typer.echo(f"{shown}  {file}  score {verdict.score:g}, level {verdict.assessment.level}, {verdict.ms:.1f} ms")
    for finding in findings(verdict):
        detail = "  ".join(f"{name}={value}" for name, value in finding.items() if name not in ("rule", "code"))
        typer.echo(f"  {finding['code']}  rule {finding['rule']}  {detail}")
