"""Proofs made out of a store are those RFC 6962 defines, at any pair of sizes and with any anchors."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import database, subtrees
from recorder.merkle import (
    Frontier,
    ProofError,
    consistency_proof,
    inclusion_proof,
    root_of,
    verify_consistency,
    verify_inclusion,
)


def leaves_of(count: int) -> list[bytes]:
    return [sha256(number.to_bytes(8)).digest() for number in range(count)]


def stored(leaves: Sequence[bytes], anchors: set[int]) -> sqlite3.Connection:
    """A database with the two tables that proofs are made from."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE records(seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL)")
    connection.execute("CREATE TABLE anchors(size INTEGER PRIMARY KEY, frontier BLOB NOT NULL)")
    connection.executemany("INSERT INTO records VALUES(?,?)", enumerate(leaves))
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
        if frontier.size in anchors:
            connection.execute("INSERT INTO anchors VALUES(?,?)", (frontier.size, frontier.to_bytes()))
    return connection


@pytest.mark.parametrize("anchors", [set(), set(range(1, 41)), {7, 16, 31}, {40}])
def test_every_pair_of_sizes_gives_the_proof_of_the_standard(anchors: set[int]) -> None:
    leaves = leaves_of(40)
    connection = stored(leaves, anchors)
    for second in range(1, 41):
        for first in range(second + 1):
            assert subtrees.consistency(connection, first, second) == consistency_proof(leaves[:second], first)
        for index in range(second):
            assert subtrees.inclusion(connection, index, second) == inclusion_proof(leaves[:second], index)


@settings(max_examples=60)
@given(st.integers(1, 700), st.randoms(use_true_random=False), st.data())
def test_proofs_verify_whatever_the_anchors(size: int, chance: random.Random, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    connection = stored(leaves, set(chance.sample(range(1, size + 1), chance.randint(0, min(12, size)))))
    second = data.draw(st.integers(1, size))
    first = data.draw(st.integers(1, second))
    root = root_of(leaves[:second])
    verify_consistency(first, second, subtrees.consistency(connection, first, second), root_of(leaves[:first]), root)
    index = data.draw(st.integers(0, second - 1))
    verify_inclusion(leaves[index], index, second, subtrees.inclusion(connection, index, second), root)


def test_few_leaves_are_read_in_a_long_log_with_anchors() -> None:
    size, step = 60_000, 1_000
    connection = stored(leaves_of(size), set(range(step, size + 1, step)))
    read: list[str] = []
    connection.set_trace_callback(read.append)
    for first in (1, 777, 29_999, 32_768, 59_001):
        subtrees.consistency(connection, first, size)
    spans = [(int(words[1].split()[0]), int(words[2].split()[0])) for words in map(_bounds, read) if words]
    counted = [end - start for start, end in spans]
    assert max(counted) <= step
    assert sum(counted) < 5 * 17 * step


def _bounds(statement: str) -> list[str] | None:
    """`SELECT leaf ... seq >= A AND seq < B ...` as executed, split around its two numbers."""
    if not statement.startswith("SELECT leaf"):
        return None
    head, low = statement.split(">= ", 1)
    low, high = low.split(" AND seq < ", 1)
    return [head, low, high]


@pytest.mark.parametrize(("first", "second"), [(5, 4), (-1, 4)])
def test_sizes_out_of_order_are_refused(first: int, second: int) -> None:
    with pytest.raises(ProofError):
        subtrees.consistency(stored(leaves_of(8), set()), first, second)


@pytest.mark.comprehensive
def test_proofs_of_a_million_records_read_few_of_them(tmp_path: Path) -> None:
    size, step = 1_000_000, 10_000
    connection = database.open_for_writing(tmp_path / "log.db")
    connection.execute("PRAGMA synchronous=OFF")
    frontier, roots = Frontier(), {}
    chance = random.Random(7)
    wanted = {1, 2, step, size // 2, size - 1, size, *(chance.randrange(1, size) for _ in range(20))}
    for start in range(0, size, step):
        rows = []
        for number in range(start, start + step):
            leaf = sha256(number.to_bytes(8)).digest()
            rows.append((number, leaf, b"x" * 100))
            frontier.append(leaf)
            if frontier.size in wanted:
                roots[frontier.size] = frontier.root()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO records VALUES(?,?,?)", rows)
        connection.execute("INSERT INTO anchors VALUES(?,?,x'',0)", (frontier.size, frontier.to_bytes()))
        connection.execute("COMMIT")
    read: list[str] = []
    connection.set_trace_callback(read.append)
    ordered = sorted(wanted)
    for first, second in zip(ordered, [*ordered[1:], size], strict=True):
        for end in (second, size):
            read.clear()
            proof = subtrees.consistency(connection, first, end)
            verify_consistency(first, end, proof, roots[first], roots[end])
            spans = [(int(words[1].split()[0]), int(words[2].split()[0])) for words in map(_bounds, read) if words]
            assert sum(to - since for since, to in spans) <= 20 * step
    connection.close()
