"""What the verifier has from outside of a bundle's own statement, read before the records are: roots and who signed.

In one fixed order: the end's own checkpoint, cosigned checkpoints in the bundle, files the caller brought, the
verifier's memory. Whether they fit is judged in `outside`, after the records have given the roots to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from recorder import anchor, memory, merkle, note
from recorder.effective_keys import KeyRing
from recorder.statement import TREE_CONSISTENCY, TREE_END
from recorder.trust import TrustedKey
from recorder.verify.cosigned import cosigned
from recorder.verify.members import AnchorMember, Members
from recorder.verify.options import Options
from recorder.verify.report import Report
from recorder.verify.signatures import signed_by_log
from recorder.verify.times import limit_of

CHECKPOINT, ANCHOR, MEMORY = "checkpoint", "anchor", "memory"


@dataclass(slots=True)
class Source:
    """One outside root. checkpoint: None for a written-down root. problem: why it is not of this log, "" when it is."""

    member: str
    size: int
    root: bytes
    checkpoint: note.Checkpoint | None = None
    problem: str = ""


@dataclass(slots=True)
class Sources:
    """ring: None without a trust file. inside: cosigned checkpoints by member. proof: of consistency, from a size."""

    report: Report
    members: Members
    predicate: dict[str, Any]
    ring: KeyRing | None
    options: Options
    tree_end: note.Checkpoint | None
    inside: dict[str, Source] = field(default_factory=dict)
    files: list[Source] = field(default_factory=list)
    remembered: memory.Seen | None = None
    proof: tuple[int, list[bytes]] | None = None

    @property
    def origin(self) -> str:
        return str(self.predicate["origin"])

    def gather(self) -> None:
        """Read what may be asked about roots."""
        self.remembered = self.options.memory.of(self.origin)
        for member in self.window_members():
            if member.kind == "cosig":
                raw = self.members.small(member.name, note.MAX_BYTES)
                if raw is not None:
                    source = self._note(raw, member.name)
                    if not source.problem and source.size != member.size:
                        source.problem = "it is of another size than its name says"
                    self.inside[member.name] = source
        self.files = [self._note(raw, CHECKPOINT) for raw in self.options.checkpoints]
        self.files += [
            self._placed(raw) if raw.startswith(b"{") else self._note(raw, ANCHOR) for raw in self.options.anchors
        ]
        self.proof = self._consistency()

    @property
    def sizes(self) -> frozenset[int]:
        """Tree sizes in [start, end] whose roots are wanted."""
        start, end = self.predicate["start"], self.predicate["end"]
        found = {start, end, *(member.size for member in self.window_members())}
        found.update(source.size for source in self.files if not source.problem)
        if self.remembered is not None:
            found.add(self.remembered.size)
        return frozenset(size for size in found if start <= size <= end)

    @property
    def not_after(self) -> tuple[tuple[int, str], ...]:
        """(size, latest `ts`) of every valid cosignature."""
        return tuple(
            (source.size, limit_of(at))
            for source in self._notes()
            if source.checkpoint is not None
            for at in cosigned(source.checkpoint, self.witnesses(source.size)).values()
        )

    def witnesses(self, size: int) -> list[TrustedKey]:
        """Witness keys that count at a size."""
        if self.ring is None:
            return []
        return [key for key in self.ring.of_role("witness") if key.refusal_at(size) == ""]

    def window_members(self) -> list[AnchorMember]:
        """Members `anchors/` of sizes in (start, end], in order."""
        start, end = self.predicate["start"], self.predicate["end"]
        return [member for member in self.members.anchors() if start < member.size <= end]

    def _note(self, raw: bytes, member: str) -> Source:
        try:
            found = note.parse_checkpoint(raw)
        except note.NoteError as error:
            return Source(member, 0, b"", problem=error.detail)
        source = Source(member, found.size, found.root, found)
        if found.origin != self.origin:
            source.problem = "it is of another log"
        elif not signed_by_log(found, self.ring, self.origin):
            source.problem = "it is not signed by the log's key"
        return source

    def _placed(self, raw: bytes) -> Source:
        try:
            found = anchor.parse(raw)
        except anchor.AnchorError as error:
            return Source(ANCHOR, 0, b"", problem=str(error))
        problem = "" if found.origin == self.origin else "it is of another log"
        return Source(ANCHOR, found.size, found.root, problem=problem)

    def _notes(self) -> list[Source]:
        """Well-formed, log-signed notes of sizes in (start, end], in order."""
        found = []
        if self.tree_end is not None:
            found.append(Source(TREE_END, self.tree_end.size, self.tree_end.root, self.tree_end))
        found += [self.inside[member.name] for member in self.window_members() if member.name in self.inside]
        found += [source for source in self.files if source.checkpoint is not None]
        start, end = self.predicate["start"], self.predicate["end"]
        return [source for source in found if not source.problem and start < source.size <= end]

    def _consistency(self) -> tuple[int, list[bytes]] | None:
        """The size and hashes of `tree/consistency`; None when there is none, or it is malformed (reported)."""
        raw = self.members.small(TREE_CONSISTENCY) if TREE_CONSISTENCY in self.members.names else None
        if raw is None:
            return None
        try:
            return parse_consistency(raw, self.predicate["end"])
        except note.NoteError as error:
            self.report.fail("E_PROOF_FORMAT", TREE_CONSISTENCY, error.detail)
            return None


def parse_consistency(raw: bytes, end: int) -> tuple[int, list[bytes]]:
    """(size it leads from, hashes). Raises NoteError."""
    lines = raw.decode("latin-1").split("\n")
    first = note.decimal(lines[0])
    nodes = [note.strict_base64(line, merkle.HASH_SIZE) for line in lines[1:-1]]
    if lines[-1] or len(lines) < 2 or not 0 < first < end:
        raise note.NoteError("E_PROOF_FORMAT", "its first line is not a size below the end")
    return first, nodes
