"""What a round says of itself: one JSON line from the anchoring process to the recorder, and the records it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from recorder.anchoring.placed import Receipt
from recorder.anchoring.rounds import Failure, Round

NOTHING = b"null\n"
"""The line that answers a request when no round could be run; the reason went to stderr, the log of the recorder."""


@dataclass(frozen=True, slots=True)
class Report:
    """One round. records: (type, data) to be written into the log. asked: it was requested, not due."""

    size: int
    root: str
    cosigned: int
    need: int
    placed: tuple[str, ...]
    failures: tuple[Failure, ...]
    records: tuple[tuple[str, dict[str, Any]], ...]
    asked: bool

    @property
    def complete(self) -> bool:
        """Every target was reached, and enough witnesses agreed."""
        return not self.failures and self.cosigned >= self.need

    def summary(self) -> dict[str, object]:
        """For a person or a program that asked."""
        return {
            "size": self.size,
            "root": self.root,
            "cosigned": self.cosigned,
            "need": self.need,
            "placed": list(self.placed),
            "failures": [{"name": one.name, "error": one.error, "alarm": one.alarm} for one in self.failures],
        }


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


def from_line(line: bytes) -> Report | None:
    """Read a line of our own process back; None for NOTHING. Raises ValueError."""
    if line == NOTHING:
        return None
    try:
        found = orjson.loads(line)
        return Report(
            found["size"],
            found["root"],
            found["cosigned"],
            found["need"],
            tuple(found["placed"]),
            tuple(Failure(*one) for one in found["failures"]),
            tuple((typ, data) for typ, data in found["records"]),
            found["asked"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a round: {error}") from None


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
