"""Stages S4 to S7 in one pass over `records.jsonl`: tree, bytes, meaning, keys. Constant memory.

A record that fails is named; the pass goes on, so that every damaged record is found. One that is altered also breaks
the hash chain at its successor, which is how an altered but well-formed record is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from recorder import FORMAT, canonical, record
from recorder.merkle import Frontier, leaf_hash
from recorder.statement import RECORDS, Tally
from recorder.verify.report import Place, Report


@dataclass(slots=True)
class RecordCheck:
    """State of the pass. frontier starts at the window's start. watch: tree sizes whose roots are wanted."""

    report: Report
    origin: str
    frontier: Frontier
    trusted: frozenset[str] | None
    watch: frozenset[int] = frozenset()
    roots: dict[int, bytes] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    _prev: str = ""
    _offset: int = 0
    _last_ts: str = ""
    _boot: str = ""
    _mono: int = -1
    _step: bool = False
    _counters: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frontier.size == 0:
            self._prev = record.GENESIS_PREV
        elif self.frontier.size & 1:
            self._prev = self.frontier.nodes[-1].hex()  # the last leaf stands alone
        self._note_root()

    def run(self, chunks: Iterator[bytes]) -> str:
        """Check every line; return the hex SHA-256 of the member."""
        digest = sha256()
        rest = b""
        for chunk in chunks:
            digest.update(chunk)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                self._line(line)
            if len(rest) > canonical.MAX_BYTES:
                self._fail("E_SIZE", "a line is longer than any record may be")
                rest = rest[: canonical.MAX_BYTES]
        if rest:
            self._fail("E_CANON", "the last line has no end")
            self._line(rest)
        return digest.hexdigest()

    def _line(self, line: bytes) -> None:
        sound = record.read_sound(line)
        if sound is not None and sound["v"] == FORMAT:
            self._sound(sound)
        else:
            self._suspect(line)
        leaf = leaf_hash(line)
        self.frontier.append(leaf)
        self._prev = leaf.hex()
        self._offset += len(line) + 1
        self._note_root()

    def _suspect(self, line: bytes) -> None:
        """A line that is not plainly sound: name what is wrong with its bytes, then with its meaning."""
        try:
            value = canonical.check(line)
        except canonical.CanonicalError as error:
            self._fail(error.code, error.detail)
        else:
            self._meaning(value)

    def _meaning(self, value: Any) -> None:
        if not isinstance(value, dict) or value.get("v") != FORMAT:
            self._fail("I_VERSION" if isinstance(value, dict) and "v" in value else "E_SCHEMA", "not a def/0 record")
            return
        typ = value.get("typ")
        if typ in record.TYPES:
            try:
                record.validate(value)
            except record.RecordError as error:
                self._fail(error.code, error.detail)
                return
        elif record.is_enveloped(value):
            self._fail("W_TYPE_UNKNOWN", "")
        else:
            self._fail("E_SCHEMA", "the envelope does not satisfy its schema")
            return
        self._sound(value)

    def _sound(self, value: dict[str, Any]) -> None:
        """A record that can be read: is it in its place, in order, and does it agree with the others?"""
        typ = value["typ"]
        self._place(value)
        self._time(value)
        self._source(value)
        if typ in _SPECIAL:
            self._special(typ, value["data"])
        self.tally.add(value)

    def _place(self, value: dict[str, Any]) -> None:
        if value["origin"] != self.origin:
            self._fail("E_ORIGIN", "")
        if value["seq"] != self.frontier.size:
            self._fail("E_SEQ", f"it says {value['seq']}")
        if self._prev and value["prev"] != self._prev:
            self._fail("E_PREV", f"record {self.frontier.size - 1} is not the one that stood here")

    def _time(self, value: dict[str, Any]) -> None:
        ts, boot, mono = value["ts"], value["boot"], value["mono_us"]
        if ts < self._last_ts and not self._step:
            self._fail("E_TS_ROLLBACK", f"{self._last_ts} is followed by {ts}")
        if boot == self._boot and mono <= self._mono:
            self._fail("E_MONO", "")
        self._last_ts, self._boot, self._mono = ts, boot, mono
        self._step = value["typ"] == "sys.clock"

    def _source(self, value: dict[str, Any]) -> None:
        src = value["src"]
        name, number = src["id"], src["seq"]
        known = self._counters.get(name)
        if known is not None and number != known + 1:
            self._fail("E_SRC_GAP", f"source {name} goes from {known} to {number}")
        self._counters[name] = number

    def _special(self, typ: str, data: dict[str, Any]) -> None:
        if typ == "sys.gap":
            source, first = data["source"], data["first"]
            known = self._counters.get(source)
            if known is not None and first != known + 1:
                self._fail("E_SRC_GAP", f"the declared gap of source {source} does not follow its last event")
            self._counters[source] = data["last"]
            self._fail("W_GAP_DECLARED", f"{data['count']} events of source {source}: {data['cause']}")
        elif typ == "sys.clock":
            self._fail("W_CLOCK_STEP", f"from {data['old']} to {data['new']}")
        elif self.trusted is not None and data["state"] == "active" and data["keyid"] not in self.trusted:
            self._fail("E_ROTATION_UNENDORSED", f"{data['role']} key {data['keyid'][:16]}")

    def _fail(self, code: str, detail: str) -> None:
        self.report.add(code, Place(RECORDS, self.frontier.size, detail, self._offset))

    def _note_root(self) -> None:
        if self.frontier.size in self.watch:
            self.roots[self.frontier.size] = self.frontier.root()


_SPECIAL = frozenset(("sys.gap", "sys.clock", "sys.key"))
