"""A real log to attack: written by a recorder process, sealed three times, each end seen by a real witness process.

An insider works on a copy of the data folder, with the log's real key files and its real database: he changes records,
chains them again, signs a new checkpoint, and has the product itself seal what came out.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import canonical, database, dsse, note, public_key, subtrees, trust
from recorder.cosignature import LOG_TYPE, Vkey
from recorder.layout import Layout
from recorder.local import request_seal
from recorder.memory import Memory
from recorder.merkle import Frontier, leaf_hash
from recorder.seal import seal_offline
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from recorder.witness.request import format_request
from tests.support.evidence_log import exchange
from tests.support.recorder_process import batch_body, post, running_recorder
from tests.support.witness_process import WitnessProcess
from vectors.generator.bundle import relink

WITNESS = "witness.example/w1"
SOURCE = "proxy-1"


@dataclass
class World:
    """The honest log. ends: sizes at which it was sealed. bundles: the windows. seen: checkpoints with cosignature."""

    layout: Layout
    witness: WitnessProcess
    ends: list[int] = field(default_factory=list)
    bundles: list[Path] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)

    @property
    def trust(self) -> bytes:
        """The operator's trust file."""
        return self.layout.trust.read_bytes()

    @property
    def witnessed_trust(self) -> bytes:
        """The operator's trust file with the witness in it, who must have seen something of every window."""
        document = canonical.check(dsse.parse(self.trust, trust.PAYLOAD_TYPE).payload, trust.MAX_BYTES)
        public = self.witness.vkey.public
        entry = {
            "keyid": public_key.key_id("ed25519", public),
            "alg": "ed25519",
            "pub": public.hex(),
            "role": "witness",
            "name": WITNESS,
        }
        document["keys"].append({**entry, "valid_from_size": 0, "state": "active"})
        document |= {"witness": {"need": 1}, "version": document["version"] + 1}
        root = self.layout.keys.signing_key("root")
        return dsse.sign(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE, [root])

    def whole(self, folder: Path) -> Path:
        """The honest log's whole history in one bundle, sealed from a copy."""
        return seal_offline(copy_of(self.layout, folder), 0, self.ends[-1]).path

    def memory_of(self, bundle: Path) -> Memory:
        """What a verifier remembers who has seen this bundle."""
        memory = Memory()
        assert verify(bundle, Options(trust=self.trust, memory=memory)).verdict == "prefix"
        assert memory.logs
        return memory

    def ask_witness(self, layout: Layout, old: int, size: int) -> tuple[int, bytes]:
        """(status, answer) of the real witness, asked to cosign a log's checkpoint after the one it has seen."""
        connection = database.open_for_reading(layout.database)
        try:
            state = database.read_state(connection)
            assert state is not None
            proof = subtrees.consistency(connection, old, size) if old else []
            root = database.frontier_at(connection, size).root()
        finally:
            connection.close()
        checkpoint = note.sign_checkpoint(state.origin, size, root, layout.keys.signing_key("log"))
        answer = self.witness.add(format_request(old, proof, checkpoint))
        return answer.status_code, checkpoint + answer.content

    def grow(self, events: Iterable[dict[str, Any]], first: int) -> None:
        """Hand in events, seal, and let the witness see the end."""
        status, answer = post(self.layout, batch_body(SOURCE, first, list(events)))
        assert status == 200, answer
        assert not answer.get("rejected"), answer
        sealed = request_seal(self.layout.socket, None, None)
        status, seen = self.ask_witness(self.layout, self.ends[-1] if self.ends else 0, sealed["end"])
        assert status == 200, seen
        self.bundles.append(Path(sealed["path"]))
        self.ends.append(sealed["end"])
        self.seen.append(seen)


def build(folder: Path) -> World:
    """Record, seal and witness three windows; the recorder has ended when this returns, the witness goes on."""
    with running_recorder(folder / "log") as recorder:
        layout = recorder.layout
        world = World(layout, WitnessProcess(folder / "witness", WITNESS, vkey_of(layout)))
        try:
            for window in range(3):
                world.grow((exchange(f"x{window}-{number}") for number in range(6)), 1 + 6 * window)
        except BaseException:
            world.witness.stop()
            raise
    return world


def copy_of(layout: Layout, folder: Path) -> Layout:
    """The data folder, copied: keys, database, everything."""
    shutil.copytree(layout.root, folder, ignore=shutil.ignore_patterns("*.sock", "bundles"))
    return Layout(folder).create()


def lines_of(layout: Layout) -> list[bytes]:
    connection = database.open_for_reading(layout.database)
    try:
        return [line for _, _, line in database.read_lines(connection, 0, 2**40)]
    finally:
        connection.close()


def rewrite(layout: Layout, lines: list[bytes]) -> None:
    """Make these the log's records, with the log's own key under the new tree."""
    frontier, key = Frontier(), layout.keys.signing_key("log")
    for line in lines:
        frontier.append(leaf_hash(line))
    connection = sqlite3.connect(layout.database)
    (origin,) = connection.execute("SELECT origin FROM state").fetchone()
    signed = note.sign_checkpoint(origin, frontier.size, frontier.root(), key)
    for table in ("records", "anchors", "bundles", "checkpoints"):
        connection.execute(f"DELETE FROM {table}")
    rows = [(number, leaf_hash(line), line) for number, line in enumerate(lines)]
    connection.executemany("INSERT INTO records(seq, leaf, line) VALUES (?, ?, ?)", rows)
    connection.execute("UPDATE state SET size = ?, frontier = ?, note = ?", (len(lines), frontier.to_bytes(), signed))
    connection.commit()
    connection.close()


def forged(
    world: World,
    folder: Path,
    change: Callable[[int, dict[str, Any]], None],
    first: int,
    *,
    drop: int = 0,
    start: int = 0,
) -> tuple[Layout, Path]:
    """An insider's log with records changed from `first` on (`drop` of them left out), and its bundle from `start`."""
    layout = copy_of(world.layout, folder)
    lines = lines_of(layout)[: world.ends[-1]]
    made = relink([*lines[:first], *lines[first + drop :]], first, change)
    rewrite(layout, made)
    return layout, seal_offline(layout, start, len(made)).path


def vkey_of(layout: Layout) -> str:
    """The verifier key of a log, as a witness is given it."""
    connection = database.open_for_reading(layout.database)
    state = database.read_state(connection)
    connection.close()
    assert state is not None
    return str(Vkey(state.origin, layout.keys.signing_key("log").public, LOG_TYPE))
