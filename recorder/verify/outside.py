"""Stage S9: what stands outside of the bundle's own statement, and how far it confirms the log's history.

Sources, in one fixed order: the end's own checkpoint, checkpoints and receipts in the bundle, files the caller brought,
the verifier's memory. A checkpoint the log signed with another root is a split view; anything else that does not fit is
a mismatch. What travels with the bundle anchors only by the signatures of witnesses and time stamp authorities.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from recorder import anchor, memory, merkle, note
from recorder.effective_keys import KeyRing
from recorder.statement import TREE_CONSISTENCY, TREE_END
from recorder.trust import Trust, TrustedKey
from recorder.verify.cosigned import cosigned, quorum_of, wrong_cosignatures
from recorder.verify.members import AnchorMember, Members
from recorder.verify.options import Options
from recorder.verify.report import Report
from recorder.verify.signatures import signed_by_log
from recorder.verify.times import limit_of

CHECKPOINT, ANCHOR, MEMORY = "checkpoint", "anchor", "memory"


@dataclass(slots=True)
class _Source:
    """One outside root. checkpoint: None for a written-down root. problem: why it is not of this log, "" when it is."""

    member: str
    size: int
    root: bytes
    checkpoint: note.Checkpoint | None = None
    problem: str = ""


@dataclass(slots=True)
class Outside:
    """Gathered before the records are read, judged after. keys: None without a trust file."""

    report: Report
    members: Members
    predicate: dict[str, Any]
    trust: Trust | None
    ring: KeyRing | None
    options: Options
    tree_end: note.Checkpoint | None
    inside: dict[str, _Source] = field(default_factory=dict)
    files: list[_Source] = field(default_factory=list)
    remembered: memory.Seen | None = None
    _anchored: dict[int, set[str]] = field(default_factory=dict)
    _accepted: list[_Source] = field(default_factory=list)
    _consistent: set[int] = field(default_factory=set)
    _proof: tuple[int, list[bytes]] | None = None

    @property
    def origin(self) -> str:
        return str(self.predicate["origin"])

    def gather(self) -> None:
        """Read what may be asked about roots."""
        self.remembered = self.options.memory.of(self.origin)
        for member in self._window_members():
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
        self._proof = self._consistency()

    @property
    def sizes(self) -> frozenset[int]:
        """Tree sizes in [start, end] whose roots are wanted."""
        start, end = self.predicate["start"], self.predicate["end"]
        found = {start, end, *(member.size for member in self._window_members())}
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
            for at in cosigned(source.checkpoint, self._witnesses(source.size)).values()
        )

    def judge(self, roots: dict[int, bytes] | None) -> None:
        """Compare with the computed roots (None: they are not the log's, or there are none)."""
        self._judge_inside(roots)
        for source in self.files:
            self._judge_file(source, roots)
        self._judge_memory(roots)
        self._judge_consistency(roots)
        if roots is None:
            self.report.skipped.add("anchors")
        else:
            self._judge_witnesses()
        self._result()

    # -- gathering -----------------------------------------------------------------------------------------------

    def _window_members(self) -> list[AnchorMember]:
        start, end = self.predicate["start"], self.predicate["end"]
        return [member for member in self.members.anchors() if start < member.size <= end]

    def _note(self, raw: bytes, member: str) -> _Source:
        try:
            found = note.parse_checkpoint(raw)
        except note.NoteError as error:
            return _Source(member, 0, b"", problem=error.detail)
        source = _Source(member, found.size, found.root, found)
        if found.origin != self.origin:
            source.problem = "it is of another log"
        elif not signed_by_log(found, self.ring, self.origin):
            source.problem = "it is not signed by the log's key"
        return source

    def _placed(self, raw: bytes) -> _Source:
        try:
            found = anchor.parse(raw)
        except anchor.AnchorError as error:
            return _Source(ANCHOR, 0, b"", problem=str(error))
        problem = "" if found.origin == self.origin else "it is of another log"
        return _Source(ANCHOR, found.size, found.root, problem=problem)

    def _notes(self) -> list[_Source]:
        """Well-formed, log-signed notes of sizes in (start, end], in order."""
        found = []
        if self.tree_end is not None:
            found.append(_Source(TREE_END, self.tree_end.size, self.tree_end.root, self.tree_end))
        found += [self.inside[member.name] for member in self._window_members() if member.name in self.inside]
        found += [source for source in self.files if source.checkpoint is not None]
        start, end = self.predicate["start"], self.predicate["end"]
        return [source for source in found if not source.problem and start < source.size <= end]

    # -- judging -------------------------------------------------------------------------------------------------

    def _judge_inside(self, roots: dict[int, bytes] | None) -> None:
        start, end = self.predicate["start"], self.predicate["end"]
        for member in self.members.anchors():
            if not start < member.size <= end:
                self.report.skipped.add(f"{member.name}: outside the window")
            elif roots is None:
                continue
            elif member.kind == "cosig" and member.name in self.inside:
                self._compare(self.inside[member.name], roots)
            elif member.kind == "wh.json":
                self._judge_receipt(member, roots)
            elif member.kind == "tsr":
                self._judge_stamp(member, roots)

    def _judge_receipt(self, member: AnchorMember, roots: dict[int, bytes]) -> None:
        raw = self.members.small(member.name, 65_536)
        if raw is None:
            return
        try:
            found = anchor.parse(raw)
        except anchor.AnchorError as error:
            self.report.fail("E_ANCHOR_MISMATCH", member.name, str(error))
            return
        if (found.origin, found.size, found.root) != (self.origin, member.size, roots[member.size]):
            self.report.fail("E_ANCHOR_MISMATCH", member.name, "it shows another root")
        else:
            self.report.skipped.add(f"{member.name}: does not anchor")

    def _judge_stamp(self, member: AnchorMember, roots: dict[int, bytes]) -> None:
        if self.options.profile != "time":
            self.report.skipped.add(f"{member.name}: profile time")
            return
        if self.trust is None:
            return
        from recorder import timestamp_token  # only this profile pays for loading X.509 and CMS

        raw = self.members.small(member.name)
        if raw is None:
            return
        text = note.checkpoint_text(self.origin, member.size, roots[member.size])
        try:
            certificates = [base64.b64decode(one, validate=True) for one in self.trust.tsa]
            timestamp_token.check_token(raw, text, certificates)
        except timestamp_token.TokenError as error:
            self.report.fail(error.code, member.name, error.detail)
        except ValueError:
            self.report.fail("E_TSA_SIG", member.name, "a trusted certificate is not base64")
        else:
            self._anchor(member.size, "a time stamp")

    def _judge_file(self, source: _Source, roots: dict[int, bytes] | None) -> None:
        if source.problem:
            self.report.fail("E_ANCHOR_MISMATCH", source.member, source.problem)
        elif source.size > self.predicate["end"]:
            if self.options.older:
                self.report.skipped.add(f"{source.member}: newer than the bundle")
            else:
                self.report.fail("E_ROLLBACK", source.member, f"the log already had {source.size} records")
        elif source.size < self.predicate["start"]:
            if self._proof is None or self._proof[0] != source.size:
                self.report.skipped.add(f"{source.member}: older than the window")
        elif roots is not None and self._compare(source, roots):
            self._anchor(source.size, "a checkpoint you gave" if source.checkpoint else "an anchor you gave")

    def _compare(self, source: _Source, roots: dict[int, bytes]) -> bool:
        """Whether an outside root is the computed one; reports it when not."""
        if source.problem:
            self.report.fail("E_ANCHOR_MISMATCH", source.member, source.problem)
            return False
        if roots[source.size] != source.root:
            code = "E_SPLIT_VIEW" if source.checkpoint is not None else "E_ANCHOR_MISMATCH"
            self.report.fail(code, source.member, f"at size {source.size}")
            return False
        if source.checkpoint is not None:
            self._accepted.append(source)
        return True

    def _judge_memory(self, roots: dict[int, bytes] | None) -> None:
        seen = self.remembered
        if seen is None:
            return
        start, end = self.predicate["start"], self.predicate["end"]
        if seen.size > end:
            if self.options.older:
                self.report.skipped.add("memory: newer than the bundle")
            else:
                self.report.fail("E_ROLLBACK", MEMORY, f"the log already had {seen.size} records")
        elif seen.size < start:
            self.report.fail("E_BUNDLE_GAP", MEMORY, f"records {seen.size} to {start - 1} were never seen")
        elif roots is not None:
            if roots[seen.size] != seen.root:
                self.report.fail("E_SPLIT_VIEW", MEMORY, f"at size {seen.size}")
            else:
                self._anchor(seen.size, "what this verifier saw before")

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

    def _judge_consistency(self, roots: dict[int, bytes] | None) -> None:
        if self._proof is None or roots is None:
            return
        size, proof = self._proof
        known = [(source.root, source.member) for source in self.files if not source.problem and source.size == size]
        if self.remembered is not None and self.remembered.size == size:
            known.append((self.remembered.root, MEMORY))
        if not known:
            self.report.skipped.add("tree/consistency: no outside root of its size")
        end = self.predicate["end"]
        for root, member in known:
            try:
                merkle.verify_consistency(size, end, proof, root, roots[end])
            except merkle.ProofError as error:
                self.report.fail("E_CONSISTENCY", TREE_CONSISTENCY, str(error))
            else:
                if size < self.predicate["start"] and member != MEMORY:
                    self._anchor(size, "a checkpoint you gave")

    def _judge_witnesses(self) -> None:
        if self.trust is None:
            return
        if self.tree_end is not None:
            self._accepted.insert(0, _Source(TREE_END, self.tree_end.size, self.tree_end.root, self.tree_end))
        start = self.predicate["start"]
        times: dict[int, dict[TrustedKey, int]] = {}
        for source in self._accepted:
            if source.size <= start:
                continue
            if source.checkpoint is None or self.ring is None:
                continue
            for _ in range(wrong_cosignatures(source.checkpoint, list(self.ring.of_role("witness")))):
                self.report.fail("E_WITNESS_SIG", source.member, f"at size {source.size}")
            at_size = times.setdefault(source.size, {})
            for key, at in cosigned(source.checkpoint, self._witnesses(source.size)).items():
                at_size[key] = min(at, at_size.get(key, at))
        quorum = quorum_of(times, max(1, self.trust.witness_need))
        if quorum is None:
            if self.trust.witness_need:
                self.report.fail("E_WITNESS_QUORUM", detail=f"{self.trust.witness_need} needed")
            return
        if quorum.same_admin:
            self.report.fail("W_WITNESS_SAME_ADMIN")
        for size in quorum.sizes:
            self._anchor(size, "witnesses")
        if max(quorum.sizes) == max(self._anchored):
            self.report.witnesses, self.report.anchored_at = quorum.names, quorum.at

    def _witnesses(self, size: int) -> list[TrustedKey]:
        """Witness keys that count at a size."""
        if self.ring is None:
            return []
        return [key for key in self.ring.of_role("witness") if key.refusal_at(size) == ""]

    def _anchor(self, size: int, by: str) -> None:
        self._anchored.setdefault(size, set()).add(by)

    def _result(self) -> None:
        end = self.predicate["end"]
        self.report.anchored_end = max(self._anchored, default=0)
        if self._anchored:
            self.report.anchored_by = tuple(sorted(self._anchored[self.report.anchored_end]))
        if self.report.anchored_end < end:
            self.report.fail("P_TAIL_UNANCHORED")
        if TREE_END not in self.members.names and not any(source.size == end for source in self._accepted):
            self.report.fail("P_END_UNPROVEN", TREE_END)


def parse_consistency(raw: bytes, end: int) -> tuple[int, list[bytes]]:
    """(size it leads from, hashes). Raises NoteError."""
    lines = raw.decode("latin-1").split("\n")
    first = note.decimal(lines[0])
    nodes = [note.strict_base64(line, merkle.HASH_SIZE) for line in lines[1:-1]]
    if lines[-1] or len(lines) < 2 or not 0 < first < end:
        raise note.NoteError("E_PROOF_FORMAT", "its first line is not a size below the end")
    return first, nodes
