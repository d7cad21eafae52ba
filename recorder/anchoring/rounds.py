"""One round: the newest checkpoint to every target at once, each on its own thread with its own deadline.

Rule: targets do not wait for each other's failures, every success is on the shelf before it is reported, and what
contradicts the log (a witness that knows a longer one, another root) is an alarm, not a failure to be retried quietly.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from recorder import database, keyring, rotation, subtrees
from recorder.anchoring import folder, timestamps, web
from recorder.anchoring.errors import AnchorError, ContradictionError, UnknownLogKeyError
from recorder.anchoring.git import Repository
from recorder.anchoring.objects import Bucket
from recorder.anchoring.placed import Placed, Tip
from recorder.anchoring.report import Failure
from recorder.anchoring.settings import (
    FolderTarget,
    GitTarget,
    ObjectTarget,
    Settings,
    Target,
    TimestampTarget,
    WitnessTarget,
)
from recorder.anchoring.shelf import Shelf
from recorder.anchoring.warehouse import Postgres
from recorder.cosignature import WITNESS_TYPE, parse_vkey
from recorder.errors import RecorderError
from recorder.witness import client


@dataclass(slots=True)
class Round:
    """What one round achieved at a tip."""

    tip: Tip
    placed: list[tuple[str, Placed]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def cosigned(self) -> int:
        return sum(placed.kind == "witness" for _, placed in self.placed)


def run_round(store: Path, shelf: Shelf, settings: Settings, tip: Tip, targets: Iterable[Target]) -> Round:
    """Place `tip` at every one of `targets`. store: the log's database, read only. Never raises for a target."""
    done = Round(tip)
    chosen = list(targets)
    known = {target.name: shelf.target(target.name).size for target in chosen}
    with ThreadPoolExecutor(max(1, len(chosen)), thread_name_prefix="anchor") as pool:
        tasks = {pool.submit(_place, store, settings, tip, one, known[one.name]): one for one in chosen}
        for task in as_completed(tasks):
            target = tasks[task]
            try:
                placed = task.result()
            except (RecorderError, sqlite3.Error, OSError) as error:
                alarm = isinstance(error, ContradictionError)
                done.failures.append(Failure(target.name, target.kind, str(error), alarm))
                shelf.note_failure(target.name, int(time.time()), str(error), alarm=alarm)
            else:
                shelf.keep(tip.size, tip.raw, target.name, placed)
                done.placed.append((target.name, placed))
    done.placed.sort(key=lambda one: one[0])
    done.failures.sort(key=lambda one: one.name)
    return done


def _place(store: Path, settings: Settings, tip: Tip, target: Target, known: int) -> Placed:
    limit = settings.timeout_s
    if isinstance(target, WitnessTarget):
        return _cosign(store, tip, target, known, limit)
    if isinstance(target, TimestampTarget):
        trusted = timestamps.read_certificates(target.certificate)
        with web.client(limit, target.authority) as http:
            return timestamps.stamp(http, target.url, tip, trusted, limit)
    return _drop(target, tip, limit)


def _drop(target: Target, tip: Tip, limit: float) -> Placed:
    if isinstance(target, GitTarget):
        return Repository(target.path, target.branch, target.remote, max(limit, 30.0)).drop(tip)
    if isinstance(target, ObjectTarget):
        return Bucket(target.url, target.endpoint, target.region, target.mode, target.retain_days, limit).drop(tip)
    if isinstance(target, FolderTarget):
        return folder.drop(target.path, tip)
    if isinstance(target, (WitnessTarget, TimestampTarget)):
        raise AnchorError("Not a place to drop anything.")
    return Postgres(target.dsn(), target.table, limit).drop(tip)


def _cosign(store: Path, tip: Tip, target: WitnessTarget, known: int, limit: float) -> Placed:
    key = parse_vkey(target.vkey, WITNESS_TYPE)
    with web.client(limit, target.authority) as http:
        try:
            found = client.ask(http, target.url, key, tip.raw, known, _prover(store), limit)
        except UnknownLogKeyError:
            changes = _key_changes(store, tip.size)
            if not changes or not client.show_rotations(http, target.url, tip.origin, changes, limit):
                raise
            found = client.ask(http, target.url, key, tip.raw, known, _prover(store), limit)
    return Placed("witness", found.line, found.at)


def _key_changes(store: Path, size: int) -> bytes:
    """The log's list of key changes up to a size; empty when there are none."""
    connection = database.open_for_reading(store)
    try:
        entries = keyring.load(connection).entries_before(size)
    finally:
        connection.close()
    return rotation.make_member(entries) if entries else b""


def _prover(store: Path) -> Callable[[int, int], list[bytes]]:
    """Proofs out of the store through a connection of the calling thread's own."""

    def prove(first: int, second: int) -> list[bytes]:
        connection = database.open_for_reading(store)
        try:
            connection.execute("BEGIN")
            return subtrees.consistency(connection, first, second)
        finally:
            connection.close()

    return prove
