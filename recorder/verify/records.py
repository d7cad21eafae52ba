"""Stages S4 to S7 in one pass over `records.jsonl`: tree, bytes, meaning, keys. Constant memory.

A record that fails is named; the pass goes on, so that every damaged record is found. One that is altered also breaks
the hash chain at its successor, which is how an altered but well-formed record is named. What later stages need is kept
as the records go by: roots at the wanted sizes, used approvals, records that somebody disclosed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Protocol

from recorder import canonical, record
from recorder.effective_keys import KeyRing, Line
from recorder.merkle import HASH_SIZE, Frontier, leaf_hash
from recorder.statement import RECORDS, Tally
from recorder.verify.quick import Clean
from recorder.verify.reading import read_record
from recorder.verify.report import Findings, Place
from recorder.verify.times import micros, tightening

CONSUME: Final = "pef.approval.consume"
MAX_LINE: Final = canonical.MAX_BYTES + 1
"""No more of a line is kept: one byte more than any record may have, so that it is still too long."""
_SPECIAL = frozenset(("sys.gap", "sys.clock", "sys.key", "sys.anchor", "sys.erasure", CONSUME))
_ANCHORS = frozenset(("sys.anchor", "def.anchor"))
"""What a round of anchoring itself records."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the stages after the pass need of it.

    sizes: tree sizes whose roots are wanted. not_after: pairs (size, greatest `ts`) of cosignatures: no record before
    that size may be younger. disclosed: places of records that somebody disclosed parts of. leaves: whether the digest
    of all leaf hashes is.
    """

    sizes: frozenset[int] = frozenset()
    not_after: tuple[tuple[int, str], ...] = ()
    disclosed: frozenset[int] = frozenset()
    leaves: bool = False


@dataclass(slots=True)
class RecordCheck:
    """State of the pass. frontier starts at the window's start. ring: None when no key is trusted at all.

    reading: False below level L2, where a line is only a leaf.
    """

    findings: Findings
    origin: str
    frontier: Frontier
    ring: KeyRing | None
    wanted: Wanted = field(default_factory=Wanted)
    reading: bool = True
    tally: Tally = field(default_factory=Tally)
    roots: dict[int, bytes] = field(default_factory=dict)
    times: dict[int, str] = field(default_factory=dict)
    consumes: list[dict[str, Any]] = field(default_factory=list)
    disclosed: dict[int, dict[str, Any]] = field(default_factory=dict)
    rotated: set[int] = field(default_factory=set)
    erased: int = 0
    interval_s: int = 0
    first_ts: str = ""
    last_ts: str = ""
    leaves: _Digest | None = None
    _start: int = 0
    _prev: str = ""
    _offset: int = 0
    _boot: str = ""
    _mono: int = -1
    _step: bool = False
    _counters: dict[str, int] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _anchored: int = -1
    _since: str = ""
    _limits: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = self.frontier.size
        if self.frontier.size == 0:
            self._prev = record.GENESIS_PREV
        elif self.frontier.size & 1:
            self._prev = self.frontier.nodes[-1].hex()  # the last leaf stands alone
        self.leaves = sha256() if self.wanted.leaves else None
        self._limits = tightening(self.wanted.not_after)
        self._note_size("")

    def lines(self, lines: Iterable[bytes]) -> None:
        """Check whole lines (without newlines, cut to MAX_LINE), in order."""
        for line in lines:
            self._line(line)

    def joins(self, block: Clean) -> bool:
        """Whether a clean block continues what went before it, and nothing wanted lies inside it."""
        size = self.frontier.size
        if block.first_seq != size or self._prev not in ("", block.first_prev):
            return False
        if (block.first_ts < self.last_ts and not self._step) or (
            block.first_boot == self._boot and block.first_mono <= self._mono
        ):
            return False
        if any(number != self._counters.get(name, number - 1) + 1 for name, (number, _) in block.sources.items()):
            return False
        self._drop_limits()
        if self._limits and block.last_ts > self._limits[0][1]:
            return False
        places = range(size + 1, size + block.records)
        return not any(one in places for one in self.wanted.sizes) and not any(
            one + 1 in places or one + 1 == size + block.records for one in self.wanted.disclosed
        )

    def take(self, block: Clean) -> None:
        """A clean block that joins."""
        leaves, append = block.leaves, self.frontier.append
        for at in range(0, len(leaves), HASH_SIZE):
            append(leaves[at : at + HASH_SIZE])
        if self.leaves is not None:
            self.leaves.update(leaves)
        self._prev = leaves[-HASH_SIZE:].hex()
        self.first_ts = self.first_ts or block.first_ts
        self.last_ts, self._boot, self._mono, self._step = block.last_ts, block.last_boot, block.last_mono, False
        if self._anchored >= 0 and not self._since:
            self._since = block.first_ts
        self._counters.update((name, last) for name, (_, last) in block.sources.items())
        self.tally.add_block(
            block.counts, block.sources, block.policies, (block.first_ts, block.last_ts), block.last_typ
        )
        self._offset += block.size
        if self.frontier.size in self.wanted.sizes:
            self._note_size(block.last_ts)

    def unended(self, line: bytes) -> None:
        """Bytes after the last newline."""
        if self.reading:
            self._fail("E_CANON", "the last line has no end")
        self._line(line)

    def finish(self) -> None:
        """After the last line: the last stretch without an anchor, and key changes that the records do not have."""
        self._overdue(self.last_ts)
        if self.ring is None or not self.reading:
            return
        for seq in sorted(self.ring.lines):
            if self._start <= seq < self.frontier.size and seq not in self.rotated:
                detail = "the log has no record of this change of keys"
                self.findings.add("E_ROTATION_UNENDORSED", Place("keys/rotations.dsse.jsonl", seq, detail))

    def _line(self, line: bytes) -> None:
        ts = ""
        if self.reading:
            value, code, detail = read_record(line)
            if code:
                self._fail(code, detail)
            if value is not None:
                ts = value["ts"]
                self._sound(value)
        self.leaf(leaf_hash(line), ts)
        self._offset += len(line) + 1

    def leaf(self, leaf: bytes, ts: str) -> None:
        """One more leaf of the tree. ts: of its record, "" when it was not read."""
        self.frontier.append(leaf)
        if self.leaves is not None:
            self.leaves.update(leaf)
        self._prev = leaf.hex()
        if self.frontier.size in self.wanted.sizes:
            self._note_size(ts)

    def _sound(self, value: dict[str, Any]) -> None:
        """A record that can be read: is it in its place, in order, and does it agree with the others?"""
        typ = value["typ"]
        self._place(value)
        self._time(value)
        self._source(value)
        if typ in _SPECIAL:
            self._special(typ, value)
        if self._anchored >= 0 and not self._since and typ not in _ANCHORS:
            self._since = value["ts"]
        if "appr" in value and typ != CONSUME:
            self._approval(value["appr"])
        if self.frontier.size in self.wanted.disclosed:
            self._keep(value)
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
        if ts < self.last_ts and not self._step:
            self._fail("E_TS_ROLLBACK", f"{self.last_ts} is followed by {ts}")
        if boot == self._boot and mono <= self._mono:
            self._fail("E_MONO", "")
        self.first_ts = self.first_ts or ts
        self.last_ts, self._boot, self._mono = ts, boot, mono
        self._step = value["typ"] == "sys.clock"
        if self._limits:
            self._not_after(ts)

    def _drop_limits(self) -> None:
        """Forget limits of tree sizes that are reached."""
        while self._limits and self._limits[0][0] <= self.frontier.size:
            del self._limits[0]

    def _not_after(self, ts: str) -> None:
        self._drop_limits()
        if self._limits and ts > self._limits[0][1]:
            self._fail("E_TS_FUTURE", f"{ts}, but seen from outside before {self._limits[0][1]}")
            self._limits = []

    def _source(self, value: dict[str, Any]) -> None:
        src = value["src"]
        name, number = src["id"], src["seq"]
        known = self._counters.get(name)
        if known is not None and number != known + 1:
            self._fail("E_SRC_GAP", f"source {name} goes from {known} to {number}")
        self._counters[name] = number

    def _special(self, typ: str, value: dict[str, Any]) -> None:
        data = value["data"]
        if typ == "sys.gap":
            self._gap(data)
        elif typ == "sys.clock":
            self._fail("W_CLOCK_STEP", f"from {data['old']} to {data['new']}")
        elif typ == "sys.erasure":
            self.erased += 1
            self._fail("W_ERASED", f"records {data['from_seq']} to {data['to_seq']}")
        elif typ == "sys.anchor":
            self._overdue(value["ts"])
            self.interval_s = data["interval_s"]
            self._anchored, self._since = self.frontier.size, ""
        elif typ == CONSUME:
            self.consumes.append({**value, "seq": self.frontier.size})
            self._used.add(value["appr"]["id"])
        elif self.ring is not None:
            self._key(data)

    def _gap(self, data: dict[str, Any]) -> None:
        source, first = data["source"], data["first"]
        known = self._counters.get(source)
        if known is not None and first != known + 1:
            self._fail("E_SRC_GAP", f"the declared gap of source {source} does not follow its last event")
        self._counters[source] = data["last"]
        self._fail("W_GAP_DECLARED", f"{data['count']} events of source {source}: {data['cause']}")

    def _key(self, data: dict[str, Any]) -> None:
        assert self.ring is not None  # noqa: S101 - the caller asked
        digest = data.get("statement_sha256")
        if digest is None:
            if data["state"] == "active" and data["keyid"] not in self.ring.trusted:
                self._fail("E_ROTATION_UNENDORSED", f"{data['role']} key {data['keyid'][:16]}")
            return
        self.rotated.add(self.frontier.size)
        if self.ring.lines.get(self.frontier.size) != Line(digest, data.get("possession", "")):
            self._fail("E_ROTATION_UNENDORSED", "its statement is not in the bundle")

    def _approval(self, appr: Mapping[str, Any]) -> None:
        if appr["state"] == "consumed" and self._start == 0 and self.ring is not None and appr["id"] not in self._used:
            self._fail("E_APPROVAL_MISSING", "no record says that this approval was used up")

    def _keep(self, value: dict[str, Any]) -> None:
        facts: dict[str, Any] = {name: value[name] for name in ("io", "sd") if name in value}
        target = value["data"].get("target_c")  # of an unknown type it may be anything
        if isinstance(target, str) and target.isascii():
            facts["target_c"] = target
        self.disclosed[self.frontier.size] = facts

    def _overdue(self, ts: str) -> None:
        """Up to `ts`, from the first record after the newest anchor record; a log at rest needs no anchor."""
        if self._since and micros(ts) - micros(self._since) > 2_000_000 * self.interval_s:
            detail = f"nothing from {self._since} to {ts}"
            self.findings.add("W_ANCHOR_OVERDUE", Place(RECORDS, self._anchored, detail))

    def _fail(self, code: str, detail: str) -> None:
        self.findings.add(code, Place(RECORDS, self.frontier.size, detail, self._offset))

    def _note_size(self, ts: str) -> None:
        size = self.frontier.size
        if size in self.wanted.sizes:
            self.roots[size] = self.frontier.root()
            if ts:
                self.times[size] = ts
