"""`python -m vectors.run`: every golden vector through any verifier; exit codes, reports and files must be equal.

Each case runs in a fresh folder with the case's files; the verifier gets the manifest's words and `--json`. What it
writes to standard output is compared byte for byte, its exit code, and the files the case says it leaves behind. The
exit code is 1 when any verifier disagrees anywhere.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from recorder.verify.codes import stage_of as number_of
from vectors.corpus import ROOT, Vector, lay_out, load

CHECKOUT = ROOT.parent
TIMEOUT_S = 120
STAGES = [f"S{number}" for number in range(10)]


@dataclass(frozen=True, slots=True)
class Verifier:
    """name: in the table. command: words before the case's own. without: optional parts it does not have."""

    name: str
    command: tuple[str, ...]
    without: frozenset[str] = frozenset()


def known() -> list[Verifier]:
    """The three verifiers of this repository, as far as they are built."""
    go = CHECKOUT / "verifiers/go/bin/clyra-verify"
    typescript = CHECKOUT / "verifiers/ts/dist/clyra-verify.mjs"
    found = [Verifier("Python", (sys.executable, "-P", "-m", "recorder.verify"))]
    core = frozenset(("time",))
    if go.is_file():
        found.append(Verifier("Go", (str(go),), core))
    if typescript.is_file():
        found.append(Verifier("TypeScript", ("node", str(typescript)), core))
    return found


def disagreements(vector: Vector, verifier: Verifier, root: Path = ROOT) -> list[str]:
    """How a verifier's answers to one case differ from the manifest's; empty when they do not."""
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lay_out(vector, folder, root)
        for number, step in enumerate(vector.steps, 1):
            command = [*verifier.command, *step.arguments, "--json"]
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, timeout=TIMEOUT_S, env=environment())
            except subprocess.TimeoutExpired:
                return [f"step {number}: no answer in {TIMEOUT_S} s"]
            if done.returncode != step.exit:
                why = done.stderr.decode(errors="replace")[-300:]
                wrong.append(f"step {number}: exit {done.returncode}, not {step.exit} {why}".rstrip())
            if done.stdout != step.report:
                wrote, wanted = done.stdout.decode(errors="replace"), step.report.decode()
                wrong.append(f"step {number}: wrote {wrote!r}\n  not {wanted!r}")
        wrong += left_behind(vector, folder)
    return wrong


def environment() -> dict[str, str]:
    """What a verifier runs with, in whatever folder."""
    return {"PYTHONPATH": str(CHECKOUT), "PATH": os.environ.get("PATH", "")}


def left_behind(vector: Vector, folder: Path) -> Iterator[str]:
    """Files of the answer that are not as they must be."""
    for name, content in vector.leaves.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            yield f"{name} is not as it must be"


def run_all(
    vectors: Sequence[Vector], verifier: Verifier, parallel: int, tell: Callable[[int], None], root: Path = ROOT
) -> dict[str, list[str]]:
    """Disagreements by case id; only cases that have some."""
    wrong: dict[str, list[str]] = {}
    with ThreadPoolExecutor(parallel) as pool:
        answers = pool.map(lambda vector: disagreements(vector, verifier, root), vectors)
        for number, (vector, found) in enumerate(zip(vectors, answers, strict=True), 1):
            tell(number)
            if found:
                wrong[vector.id] = found
    return wrong


def chosen(vectors: Iterable[Vector], verifier: Verifier, ids: Sequence[str]) -> list[Vector]:
    """The cases for a verifier: not those that need a part it does not have."""
    return [
        vector
        for vector in vectors
        if not verifier.without.intersection(vector.needs) and (not ids or vector.id.startswith(tuple(ids)))
    ]


def stage_of(code: str) -> str:
    """`S0` to `S9`, or `-` for a case without a code."""
    return f"S{number_of(code)}" if code else "-"


def _progress(name: str, total: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell


def _parse(text: str) -> Verifier:
    name, _, command = text.partition("=")
    if not command:
        raise argparse.ArgumentTypeError("NAME=COMMAND")
    return Verifier(name, tuple(shlex.split(command)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--verifier", type=_parse, action="append", metavar="NAME=COMMAND", help="any verifier (default: ours)"
    )
    parser.add_argument("--without", action="append", default=[], help="a part that --verifier does not have (`time`)")
    parser.add_argument("--parallel", type=int, default=2, help="cases at a time (default 2)")
    parser.add_argument("--quiet", action="store_true", help="only the table, not every difference")
    parser.add_argument("ids", nargs="*", help="only cases whose id begins so")
    options = parser.parse_args()
    vectors = load()
    lacking = frozenset(options.without)
    given = [Verifier(one.name, one.command, lacking) for one in options.verifier or ()] or known()
    failed = 0
    table = Counter((stage_of(vector.first)) for vector in vectors)
    print(f"{len(vectors)} cases: " + ", ".join(f"{stage} {table[stage]}" for stage in [*STAGES, "-"] if table[stage]))
    for verifier in given:
        mine = chosen(vectors, verifier, options.ids)
        wrong = run_all(mine, verifier, options.parallel, _progress(verifier.name, len(mine)))
        titles = {vector.id: vector.title for vector in mine}
        for identifier, lines in wrong.items():
            print(f"{verifier.name} {identifier} ({titles[identifier]})")
            for line in () if options.quiet else lines:
                print(f"  {line}")
        skipped = len(vectors) - len(mine)
        print(f"{verifier.name:<12}{len(mine):>6} cases  {len(wrong):>4} disagreements  {skipped} not asked")
        failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
