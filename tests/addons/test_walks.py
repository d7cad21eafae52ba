"""The walks in docs/architecture.md: every file and symbol exists, and a real chunk really takes the way described."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.data_path import House, house
from tests.support.raw import Http1Client, dial

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
BODY = b'{"rows":[' + b",".join(b'{"id":%d}' % number for number in range(20_000)) + b"]}"
FEWER_THAN = 10
OUTSIDE_THE_DOMAIN = {"cli", "demo", "engine"}
"""Rooms that may know the engine: it itself, and what starts it."""

type Step = tuple[int, str, str]


def walk(heading: str) -> list[Step]:
    """Rows `| hop | file | symbol | ...` of the table under a heading."""
    section = TEXT.partition(f"### {heading}\n")[2].partition("\n#")[0]
    return [
        (int(hop), file, name) for hop, file, name in re.findall(r"^\| (\d+) \| `(.+?)` \| `(.+?)` \|", section, re.M)
    ]


BACK = walk("From a verdict line back to the line of policy")
CHUNK = walk("One chunk of a body, from socket to upstream")


def defined(file: Path) -> set[str]:
    """Qualified names of the functions, classes and constants that a module defines."""
    found: set[str] = set()

    def visit(node: ast.AST, above: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(above + child.name)
                visit(child, f"{above}{child.name}.")
            elif isinstance(child, ast.AnnAssign | ast.Assign):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                found.update(above + target.id for target in targets if isinstance(target, ast.Name))

    visit(ast.parse(file.read_text("utf-8")), "")
    return found


@pytest.mark.parametrize(("hop", "file", "symbol"), [*BACK, *CHUNK], ids=lambda value: str(value))
def test_every_stop_exists(hop: int, file: str, symbol: str) -> None:
    assert symbol in defined(ROOT / file)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py)`", TEXT))))
def test_every_file_that_is_named_exists(name: str) -> None:
    assert (ROOT / name).exists() or len(list((ROOT / "clyra_proxy").rglob(name))) == 1


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+)/`", TEXT))))
def test_every_folder_that_is_named_exists(name: str) -> None:
    assert (ROOT / name).is_dir() or (ROOT / "clyra_proxy" / name).is_dir()


def test_every_room_is_named_and_has_its_place_in_the_import_contracts() -> None:
    rooms = {path.parent.name for path in (ROOT / "clyra_proxy").glob("*/__init__.py")}
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+)/`", TEXT)}
    assert not rooms - named
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (domain,) = [set(one["source_modules"]) for one in contracts if "the domain" in one["name"]]
    modules = {path.stem for path in (ROOT / "clyra_proxy").glob("[a-z]*.py")}
    assert domain == {f"clyra_proxy.{name}" for name in (rooms | modules) - OUTSIDE_THE_DOMAIN}


@pytest.mark.parametrize("steps", [BACK, CHUNK], ids=["back", "chunk"])
def test_every_walk_is_short_and_counts_its_hops(steps: list[Step]) -> None:
    assert len(steps) > 3
    assert steps[0][0] == 0
    visited: list[str] = []
    for hop, file, _ in steps:
        if file not in visited:
            visited.append(file)
        assert hop == visited.index(file), f"{file} is hop {visited.index(file)}"
    assert len(visited) - 1 < FEWER_THAN


class Trail:
    """Symbols of our files in the order in which this thread first called them."""

    def __init__(self) -> None:
        self.order: dict[tuple[str, str], int] = {}

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            file = str(Path(frame.f_code.co_filename).relative_to(ROOT))
            self.order.setdefault((file, frame.f_code.co_qualname), len(self.order))


def post(running: House) -> int:
    with Http1Client(dial(running.proxy)) as client:
        target = f"http://{running.authority}/in"
        return client.request("POST", target, running.authority, BODY, "Content-Type: application/json\r\n").status


async def test_a_chunk_takes_the_way_that_is_described(tmp_path: Path) -> None:
    trail = Trail()
    async with house(tmp_path, "enforce") as running:
        sys.setprofile(trail.note)
        try:
            assert await asyncio.to_thread(post, running) == 200
        finally:
            sys.setprofile(None)
        assert [message.received for message in running.upstream.journal.complete("/in")] == [len(BODY)]
    way = [(file, symbol) for _, file, symbol in CHUNK]
    assert set(way) <= set(trail.order), f"never called: {set(way) - set(trail.order)}"
    for one, other in pairwise(way):
        assert trail.order[one] < trail.order[other], f"{other} comes before {one}"
