"""A finished round as one JSON line for the recorder, with the records it becomes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from recorder.anchoring.placed import Receipt
from recorder.anchoring.rounds import Round


def to_line(done: Round, interval_s: int, need: int, *, asked: bool) -> bytes:
    """The line of a finished round."""
    document = {
        "size": done.tip.size,
        "root": done.tip.root.hex(),
        "cosigned": done.cosigned,
        "need": need,
        "placed": [name for name, _ in done.placed],
        "failures": [[one.name, one.kind, one.error, one.alarm] for one in done.failures],
        "records": _records(done, interval_s),
        "asked": asked,
    }
    return orjson.dumps(document) + b"\n"


def _records(done: Round, interval_s: int) -> list[tuple[str, dict[str, Any]]]:
    """One `sys.anchor` for the round, and a `def.anchor` with the place of everything that was dropped."""
    if not done.placed:
        return []
    root = done.tip.root.hex()
    anchors = [{"kind": one.kind, "name": name, "sha256": one.digest, "time": one.at} for name, one in done.placed]
    records: list[tuple[str, dict[str, Any]]] = [
        ("sys.anchor", {"size": done.tip.size, "root": root, "interval_s": interval_s, "anchors": anchors})
    ]
    for _, one in done.placed:
        if one.kind in ("witness", "rfc3161"):
            continue
        receipt = Receipt.parse(one.content)
        data: dict[str, Any] = {"kind": one.kind, "size": done.tip.size, "root": root, "location": receipt.location}
        if receipt.version:
            data["version"] = receipt.version
        if receipt.written_at:
            data["written"] = receipt.written_at
        records.append(("def.anchor", {**data, "receipt_sha256": sha256(one.content).hexdigest()}))
    return records
