"""`verify` and `verify-record` as commands: the same words, outputs and exit codes as the other two verifiers.

Exit codes: 0 verified, 1 rejected, 2 files cannot be read or words are wrong, 3 prefix, 4 indeterminate; for several
bundles the worst: 2, then rejected, indeterminate, prefix, verified. Standard output carries reports alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from recorder import memory
from recorder.errors import RecorderError
from recorder.verify.bundle import verify
from recorder.verify.explain import explain, explain_record
from recorder.verify.options import LEVELS, PROFILES, Options
from recorder.verify.report import EXIT_CODES, EXIT_UNREADABLE, VERDICTS, Report
from recorder.verify.stdin_words import canon, crypto

type Shown = Callable[[Path, Report], None]
type Complaint = Callable[[str, str], None]
"""Called with what failed, and why."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of several verifications."""
    order = [EXIT_CODES[verdict] for verdict in VERDICTS] + [EXIT_UNREADABLE]
    return max(codes, key=order.index, default=0)


def verify_all(
    bundles: Sequence[Path], options: Options, memory_file: Path | None, shown: Shown, complain: Complaint
) -> int:
    """Verify bundles in turn, with one memory; the exit code. memory_file: read first, replaced last."""
    try:
        known = memory.read(memory_file) if memory_file is not None else memory.Memory()
    except RecorderError as error:
        complain(error.what, error.why)
        return EXIT_UNREADABLE
    except OSError as error:
        complain(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.")
        return EXIT_UNREADABLE
    codes = []
    for path in bundles:
        try:
            report = verify(path, replace(options, memory=known))
        except OSError as error:
            complain(f"Cannot read {error.filename or path}.", f"The system says: {error.strerror}.")
            codes.append(EXIT_UNREADABLE)
            continue
        shown(path, report)
        codes.append(report.exit_code)
    if memory_file is not None and known.changed:
        try:
            memory.write(memory_file, known)
        except OSError as error:
            complain(f"Cannot write {memory_file}.", f"The system says: {error.strerror}.")
            codes.append(EXIT_UNREADABLE)
    return worst(codes)


def read_all(paths: Sequence[Path] | None) -> tuple[bytes, ...]:
    """The bytes of files the caller named. Raises OSError."""
    return tuple(path.read_bytes() for path in paths or ())


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The words of `verify`."""
    parser.add_argument("bundle", type=Path, nargs="+", help="evidence.zip, or a folder with its members")
    parser.add_argument("--trust", type=Path, help="trust.json of the log")
    parser.add_argument("--trust-from", type=Path, help="the trust file you had before this one")
    for name, text in (
        ("checkpoint", "a checkpoint of the same log that came another way; repeatable"),
        ("anchor", "a root you fetched from where it is written down; repeatable"),
        ("attestation", "a signed statement about the bundle; repeatable"),
    ):
        parser.add_argument(f"--{name}", type=Path, action="append", help=text)
    parser.add_argument("--memory", type=Path, help="what this verifier saw before; written when a bundle is sound")
    parser.add_argument("--older", action="store_true", help="I know that this is an older bundle")
    parser.add_argument("--level", choices=LEVELS, default="L2", help="how much to check (default L2: everything)")
    parser.add_argument("--profile", choices=PROFILES, default="core", help="`time` also checks RFC 3161 time stamps")
    parser.add_argument("--json", action="store_true", help="print each report as one line of DEF-JSON")
    parser.set_defaults(run=run_verify)


def run_verify(arguments: argparse.Namespace) -> int:
    """`verify`. Prints; returns the exit code."""
    try:
        options = Options(
            trust=arguments.trust.read_bytes() if arguments.trust else None,
            trust_from=arguments.trust_from.read_bytes() if arguments.trust_from else None,
            checkpoints=read_all(arguments.checkpoint),
            anchors=read_all(arguments.anchor),
            attestations=read_all(arguments.attestation),
            older=arguments.older,
            level=arguments.level,
            profile=arguments.profile,
        )
    except OSError as error:
        _complain(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.")
        return EXIT_UNREADABLE
    several = len(arguments.bundle) > 1

    def shown(path: Path, report: Report) -> None:
        if arguments.json:
            _print(report.to_bytes() + b"\n")
        else:
            head = [f"{path}:"] if several else []
            _print("\n".join([*head, *explain(report), ""]).encode())

    return verify_all(arguments.bundle, options, arguments.memory, shown, _complain)


def add_verify_record(parser: argparse.ArgumentParser) -> None:
    """The words of `verify-record`."""
    parser.add_argument("proof", type=Path, help="a .tlog-proof file")
    parser.add_argument("--trust", type=Path, help="trust.json of the log")
    parser.add_argument("--json", action="store_true", help="print the report as one line of DEF-JSON")
    parser.set_defaults(run=run_verify_record)


def run_verify_record(arguments: argparse.Namespace) -> int:
    """`verify-record`. Prints; returns the exit code."""
    from recorder.verify.record_proof import verify_record  # reads the recorder's own store, too

    try:
        trusted = arguments.trust.read_bytes() if arguments.trust else None
        report = verify_record(arguments.proof.read_bytes(), trusted)
    except OSError as error:
        _complain(f"Cannot read {error.filename}.", f"The system says: {error.strerror}.")
        return EXIT_UNREADABLE
    _print(report.to_bytes() + b"\n" if arguments.json else "\n".join([*explain_record(report), ""]).encode())
    return report.exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m recorder.verify verify ... | verify-record ...`, and `canon` and `crypto` over standard input."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["canon"], ["crypto"]):
        return (canon if words == ["canon"] else crypto)(sys.stdin.buffer, sys.stdout.buffer)
    parser = argparse.ArgumentParser(prog="python -m recorder.verify", description="Verify evidence, offline.")
    commands = parser.add_subparsers(required=True)
    add_verify(commands.add_parser("verify", help="Verify bundles."))
    add_verify_record(commands.add_parser("verify-record", help="Verify one record with its proof."))
    arguments = parser.parse_args(words)
    code: int = arguments.run(arguments)
    return code


def _print(raw: bytes) -> None:
    """To standard output; a reader that went away does not change the verdict."""
    try:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(what: str, why: str) -> None:
    sys.stderr.write(f"{what} {why}\n")
