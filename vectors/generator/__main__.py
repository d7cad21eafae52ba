"""`python -m vectors.generator [--check]`: write the golden vectors, or tell whether the committed ones are these.

A case whose declared answer is not the reference verifier's answer is named and fails the run: the declaration is what
counts, and one of the two is wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from vectors.corpus import FORMAT, ROOT
from vectors.generator import reference
from vectors.generator.case import UNREADABLE, Case
from vectors.generator.sources import SOURCES

JSON = {"indent": 1, "ensure_ascii": False, "sort_keys": True}


def every_case() -> Iterator[Case]:
    for source in SOURCES:
        yield from source.cases()


def write(case: Case, folder: Path) -> None:
    """Lay a case out in a folder."""
    for name, content in case.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for name, goal in case.links.items():
        (folder / name).symlink_to(goal)


def differences(case: Case, exit_code: int, out: bytes) -> list[str]:
    """How the reference's last answer differs from the declared one."""
    if case.exit == UNREADABLE:
        return [] if (exit_code, out) == (UNREADABLE, b"") else [f"exit: declared {UNREADABLE}, found {exit_code}"]
    try:
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
    except (ValueError, IndexError):
        return [f"no report, exit {exit_code}"]
    found["warnings"] = [one["code"] for one in found.get("warnings", ())]
    wanted = {"first": case.code, "verdict": case.expected_verdict, **case.shows}
    if case.arguments[0] == "verify":
        wanted["warnings"] = list(case.warnings)
    wrong = [
        f"{name}: declared {value!r}, found {found.get(name)!r} ({[one['code'] for one in found['codes']]})"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    return wrong + ([] if exit_code == case.exit else [f"exit: declared {case.exit}, found {exit_code}"])


def run(case: Case, folder: Path) -> tuple[list[dict[str, Any]], dict[str, str], list[str]]:
    """The reference's answers to all steps, what it leaves behind, and what is not as declared."""
    write(case, folder)
    steps = []
    for command in case.commands:
        exit_code, out = reference.answer(folder, command)
        steps.append({"arguments": list(command), "exit": exit_code, "report": out.decode()})
    leaves = {name: (folder / name).read_text() for name in case.leaves if (folder / name).is_file()}
    return steps, leaves, differences(case, steps[-1]["exit"], steps[-1]["report"].encode())


def codes_of(report: str) -> list[str]:
    """Every code of the last report, warnings too."""
    if not report:
        return []
    found = json.loads(report.splitlines()[-1])
    return [one["code"] for one in (*found["codes"], *found.get("warnings", ()))]


def generate(folder: Path) -> list[str]:
    """Write manifest and files under `folder`; what is wrong with the cases."""
    cases = list(every_case())
    ids = {case.title: case.id for case in cases}
    problems = [] if len(ids) == len(cases) == len(set(ids.values())) else [f"not unique: {_repeated(cases)}"]
    shutil.rmtree(folder / "files", ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    entries = []
    for number, case in enumerate(cases):
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(cases)}", end="", file=sys.stderr)
        with tempfile.TemporaryDirectory() as scratch:
            steps, leaves, wrong = run(case, Path(scratch))
        problems += [f"{case.title} ({case.id}): {what}" for what in wrong]
        if case.twin and case.twin not in ids:
            problems.append(f"{case.title}: there is no case {case.twin!r}")
        for content in case.files.values():
            (folder / "files" / sha256(content).hexdigest()).write_bytes(content)
        entries.append(
            {
                "id": case.id,
                "title": case.title,
                "twin": ids.get(case.twin, ""),
                "needs": list(case.needs),
                "files": {name: sha256(content).hexdigest() for name, content in case.files.items()},
                "links": dict(case.links),
                "steps": steps,
                "leaves": leaves,
                "verdict": case.expected_verdict,
                "first": case.code,
                "codes": codes_of(steps[-1]["report"]),
                "not_asserted": case.silent,
            }
        )
    manifest = {"format": FORMAT, "cases": sorted(entries, key=lambda item: str(item["id"]))}
    (folder / "manifest.json").write_text(json.dumps(manifest, **JSON) + "\n")
    return problems


def _repeated(cases: list[Case]) -> list[str]:
    titles, ids = [case.title for case in cases], [case.id for case in cases]
    return [case.title for case in cases if titles.count(case.title) > 1 or ids.count(case.id) > 1]


def stale(folder: Path) -> list[str]:
    """Which committed files differ from the generated ones."""
    names = {path.relative_to(base).as_posix() for base in (folder, ROOT) for path in (base / "files").iterdir()}
    return [
        name
        for name in sorted({"manifest.json", *names})
        if not all((base / name).is_file() for base in (folder, ROOT))
        or (folder / name).read_bytes() != (ROOT / name).read_bytes()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed vectors, write nothing")
    options = parser.parse_args()
    if not options.check:
        problems = generate(ROOT)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            problems = generate(Path(scratch))
            problems += [f"{name} is not what the generator makes" for name in stale(Path(scratch))]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
