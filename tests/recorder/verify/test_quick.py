"""The quick way and the slow way through records say the same, whoever looks at a block and wherever it is cut."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.merkle import Frontier, leaf_hash
from recorder.record import TYPES, schema_of
from recorder.statement import Tally
from recorder.verify import passing, quick
from recorder.verify.passing import Cutter, check_lines
from recorder.verify.records import MAX_LINE, RecordCheck, Wanted
from recorder.verify.report import Findings
from tests.support.forged_bundles import mutated, rechained

ORIGIN = "quick.example/log"


def _plain(count: int) -> list[dict[str, Any]]:
    """Records without anything special, from two sources."""
    return [
        {
            "v": "def/0",
            "typ": "pef.http_call",
            "origin": ORIGIN,
            "ts": f"2026-11-22T10:00:{number:02}.000000Z",
            "boot": "00c0ffee",
            "mono_us": 1000 + number,
            "src": {"id": f"p{number % 2}", "seq": 1 + number // 2},
            "agent": {"uid": "a", "auth": "mtls"},
            "act": {"op": "update", "proto": "http/1.1", "method": "PATCH", "target": f"/{number}"},
            "verdict": {
                "decision": "allow",
                "reason": "allowed",
                "policy_sha256": f"{number % 3}" * 64,
                "engine": "e",
                "mode": "enforce",
                "eval_us": 7,
            },
            "data": {"phase": "whole", "exchange": str(number), "result": "completed"},
        }
        for number in range(count)
    ]


def _run(lines: list[bytes], chunk: int, wanted: Wanted, *, quickly: bool) -> tuple[Any, ...]:
    """Everything a pass finds and keeps."""
    raw = b"".join(line + b"\n" for line in lines)
    findings = Findings()
    check = RecordCheck(findings, ORIGIN, Frontier(), None, wanted)
    before = passing.check_block
    passing.check_block = before if quickly else lambda *_: None
    try:
        digest = check_lines(check, _chunks(raw, chunk), lambda: None)
    finally:
        passing.check_block = before
    found = {code: (one.count, one.places) for code, one in findings.found.items()}
    kept = (check.roots, check.times, check.disclosed, check.first_ts, check.last_ts, check.frontier.root())
    return digest, found, kept, check.tally, check._counters


def _chunks(raw: bytes, size: int) -> Iterator[bytes]:
    yield from (raw[at : at + size] for at in range(0, len(raw), size))


@given(st.integers(0, 10**9), st.sampled_from([900, 5000, 1 << 20]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_both_ways_find_the_same(seed: int, chunk: int) -> None:
    chance = random.Random(seed)
    records = _plain(30)
    for _ in range(chance.choice([0, 0, 1, 2])):
        at = chance.randrange(len(records))
        records[at] = mutated(chance, records[at])
    for at in chance.sample(range(30), chance.choice([0, 0, 1, 2])):
        anchors = [{"kind": "witness", "sha256": "a" * 64, "name": "w", "time": 1}]
        records[at]["typ"] = "sys.anchor"
        records[at]["data"] = {"size": 1, "root": "b" * 64, "interval_s": chance.choice([1, 5]), "anchors": anchors}
    lines = rechained(records) if chance.random() < 0.8 else [orjson.dumps(one) for one in records]
    if chance.random() < 0.3:
        at = chance.randrange(len(lines))
        lines[at] = chance.choice([b"", b"{}", lines[at] + b" ", lines[at].replace(b":7", b":7.0"), b"x" * 70_000])
    wanted = Wanted(
        frozenset(chance.sample(range(31), 3)),
        ((chance.randrange(1, 31), f"2026-11-22T10:00:{chance.randrange(40):02}.000000Z"),),
        frozenset(chance.sample(range(31), 2)),
        leaves=chance.random() < 0.5,
    )
    assert _run(lines, chunk, wanted, quickly=True) == _run(lines, chunk, wanted, quickly=False)


def test_a_plain_block_is_clean_and_counts_what_the_slow_way_counts() -> None:
    lines = rechained(_plain(20))
    found = quick.check_block(b"\n".join(lines), ORIGIN)
    assert found is not None
    assert found.leaves == b"".join(map(leaf_hash, lines))
    tally, block = Tally(), Tally()
    for line in lines:
        tally.add(json.loads(line))
    block.add_block(found.counts, found.sources, found.policies, (found.first_ts, found.last_ts), found.last_typ)
    assert block == tally
    assert quick.check_block(b"\n".join(lines).replace(b'"eval_us":7', b'"eval_us":7.0'), ORIGIN) is None
    assert quick.check_block(b"\n".join(lines).replace(b'"eval_us":7', b'"eval_us":1e16'), ORIGIN) is None
    assert quick.check_block(b"\n".join([lines[0], lines[2]]), ORIGIN) is None


def test_every_schema_is_closed_all_the_way_down() -> None:
    """What the quick way rests on: only known names, only bounded depth."""
    for typ in TYPES:
        for where, schema in _objects(schema_of(typ), typ):
            assert schema.get("additionalProperties") is False, where


def _objects(schema: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield where, schema
        for name, inner in schema.items():
            if name not in ("if", "then", "else", "allOf", "anyOf"):
                yield from _objects(inner, f"{where}/{name}")


@given(st.lists(st.binary(max_size=200).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.integers(1, 300))
@settings(max_examples=100)
def test_cutting_gives_back_the_lines(lines: list[bytes], size: int) -> None:
    raw = b"\n".join(lines)
    cutter = Cutter(_chunks(raw, size))
    found = [line for block in cutter.blocks() for line in block.split(b"\n")]
    assert [*found, cutter.rest] == (raw.split(b"\n"))


@pytest.mark.parametrize("chunk", [1000, 65_536, 1 << 20])
def test_a_long_line_is_cut_where_it_is_too_long_already(chunk: int) -> None:
    raw = b"a\n" + b"b" * 300_000 + b"\nc\n" + b"d" * 300_000
    cutter = Cutter(_chunks(raw, chunk))
    found = [line[:MAX_LINE] for block in cutter.blocks() for line in block.split(b"\n")]
    assert found == [b"a", b"b" * MAX_LINE, b"c"]
    assert cutter.rest == b"d" * MAX_LINE


_HELPED = """
import sys
from pathlib import Path
from recorder.merkle import Frontier
from recorder.verify import passing
from recorder.verify.passing import check_lines
from recorder.verify.records import RecordCheck
from recorder.verify.report import Findings
passing.BLOCK = 2000
raw = Path(sys.argv[1]).read_bytes()
found = []
for helped in (False, True):
    findings = Findings()
    check = RecordCheck(findings, sys.argv[2], Frontier(), None)
    chunks = [raw[at : at + 1500] for at in range(0, len(raw), 1500)]
    check_lines(check, chunks, lambda: None, helped=helped)
    found.append((findings.found, check.frontier.root(), check.tally))
assert found[0] == found[1], found
print(sorted(found[0][0]))
"""


@pytest.mark.parametrize("damage", [False, True])
def test_a_second_process_changes_nothing(tmp_path: Path, damage: bool) -> None:
    lines = rechained(_plain(60))
    if damage:
        lines[41] = lines[41].replace(b'"allow"', b'"allov"')
    path = tmp_path / "records"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    done = subprocess.run(
        [sys.executable, "-c", _HELPED, str(path), ORIGIN], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("E_PREV" in done.stdout) == damage


_BROKEN = """
import sys
from recorder.container_form import ContainerError
from recorder.merkle import Frontier
from recorder.verify import passing
from recorder.verify.records import RecordCheck
from recorder.verify.report import Findings
passing.BLOCK = 1 << 19

def chunks():
    line = open(sys.argv[1], "rb").read()
    for _ in range(40):
        yield line
    raise ContainerError("E_ARCHIVE_FORMAT", "broken")

check = RecordCheck(Findings(), sys.argv[2], Frontier(), None)
try:
    passing.check_lines(check, chunks(), lambda: None, helped=True)
except ContainerError:
    print("broken")
"""


def test_a_member_that_breaks_off_leaves_no_process_behind(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(b"".join(line + b"\n" for line in rechained(_plain(60))) * 8)
    done = subprocess.run(
        [sys.executable, "-c", _BROKEN, str(path), ORIGIN], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "broken\n"), done.stderr
