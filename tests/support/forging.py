"""What somebody with the log's own keys can make: bundles whose statement, tree and signatures fit their content."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from recorder import dsse, note, statement
from recorder.archive import TRANSPORT, pack, write_archive
from recorder.layout import Layout
from recorder.merkle import Frontier, leaf_hash

_NO_PREDICATE: dict[str, Any] = {
    "period": {"from": "2026-01-01T00:00:00.000000Z", "to": "2026-01-01T00:00:00.000000Z"},
    "producer": {"name": "clyra", "version": "0", "config_sha256": "0" * 64},
    "policy": [],
    "counts": {},
    "sources": [],
    "retain_until": "2033-01-01",
    "profile": ["core"],
    "tail": "open",
}


@dataclass(slots=True)
class Forgery:
    """A bundle in the making. members: beside records and tree. predicate: changes of what would be said rightly.

    covered: whether the members are listed as subjects.
    """

    layout: Layout
    origin: str
    lines: Sequence[bytes]
    start: Frontier = field(default_factory=Frontier)
    members: Mapping[str, bytes] = field(default_factory=dict)
    detached: Mapping[str, bytes] = field(default_factory=dict)
    predicate: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> dict[str, bytes]:
        """Every member."""
        end = self.start.copy()
        for line in self.lines:
            end.append(leaf_hash(line))
        covered = {
            statement.RECORDS: b"".join(line + b"\n" for line in self.lines),
            statement.FRONTIER: b"".join(base64.b64encode(node) + b"\n" for node in self.start.nodes),
            statement.README: b"A forgery for a test.\n",
            **self.members,
        }
        log_key, seal_key = (self.layout.keys.signing_key(role) for role in ("log", "seal"))
        payload = self._payload(covered, end)
        return covered | {
            statement.STATEMENT: dsse.sign(payload, statement.PAYLOAD_TYPE, [seal_key]),
            statement.TREE_START: note.sign_checkpoint(self.origin, self.start.size, self.start.root(), log_key),
            statement.TREE_END: note.sign_checkpoint(self.origin, end.size, end.root(), log_key),
            **self.detached,
        }

    def _payload(self, covered: Mapping[str, bytes], end: Frontier) -> bytes:
        predicate = {
            **_NO_PREDICATE,
            **self._tally(),
            "origin": self.origin,
            "start": self.start.size,
            "end": end.size,
            "start_root": self.start.root().hex(),
            "end_root": end.root().hex(),
            **self.predicate,
        }
        subject = [{"name": name, "digest": {"sha256": sha256(covered[name]).hexdigest()}} for name in sorted(covered)]
        document = {
            "_type": statement.STATEMENT_TYPE,
            "subject": subject,
            "predicateType": statement.PREDICATE_TYPE,
            "predicate": predicate,
        }
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)

    def _tally(self) -> dict[str, Any]:
        tally = statement.Tally()
        try:
            for line in self.lines:
                tally.add(json.loads(line))
            part = tally.predicate_part()
            orjson.dumps(part)
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}
        return part if tally.first_ts else {}


def write_folder(members: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_zip(members: Mapping[str, bytes], path: Path) -> Path:
    """A strict `evidence.zip`."""
    files = [path.with_suffix(f".{number}").open("w+b") for number in range(len(members) + 1)]
    try:
        packed = [
            pack(name, [content], file, compress=name == statement.RECORDS)
            for (name, content), file in zip(members.items(), files, strict=False)
            if name != TRANSPORT
        ]
        write_archive(path, packed, files[-1])
    finally:
        for file in files:
            file.close()
            Path(file.name).unlink()
    return path
