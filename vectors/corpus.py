"""The committed cases: reading the manifest, and laying one case out in a folder.

`manifest.json` has everything but the files themselves; those are in `files/`, each under the SHA-256 of its content,
so that a file that several cases share is there once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
FORMAT = "clyra-vectors/0"


@dataclass(frozen=True, slots=True)
class Step:
    """One command line and its answer: exit code and exact standard output."""

    arguments: tuple[str, ...]
    exit: int
    report: bytes


@dataclass(frozen=True, slots=True)
class Vector:
    """One case as the manifest has it. files: name -> digest. leaves: file -> its content after the last step."""

    id: str
    title: str
    twin: str
    verdict: str
    first: str
    codes: tuple[str, ...]
    not_asserted: str
    needs: tuple[str, ...]
    files: Mapping[str, str]
    links: Mapping[str, str]
    steps: tuple[Step, ...]
    leaves: Mapping[str, bytes]


def load(root: Path = ROOT) -> list[Vector]:
    """All cases, sorted by id."""
    document = json.loads((root / "manifest.json").read_bytes())
    assert document["format"] == FORMAT, document["format"]
    return [_vector(item) for item in document["cases"]]


def lay_out(vector: Vector, folder: Path, root: Path = ROOT) -> None:
    """Put the files of a case into an empty folder."""
    for name, digest in vector.files.items():
        content = (root / "files" / digest).read_bytes()
        assert sha256(content).hexdigest() == digest, digest
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for name, goal in vector.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(goal)


def _vector(item: dict[str, Any]) -> Vector:
    return Vector(
        item["id"],
        item["title"],
        item["twin"],
        item["verdict"],
        item["first"],
        tuple(item["codes"]),
        item["not_asserted"],
        tuple(item["needs"]),
        item["files"],
        item["links"],
        tuple(Step(tuple(step["arguments"]), step["exit"], step["report"].encode()) for step in item["steps"]),
        {name: text.encode() for name, text in item["leaves"].items()},
    )
