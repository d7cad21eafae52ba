"""Stage S9: how far what stands outside of a bundle's own statement confirms the log's history.

A checkpoint the log signed with another root is a split view; anything else that does not fit is a mismatch. What
travels with the bundle anchors only by the signatures of witnesses and time stamp authorities, because the bundle's
holder could have made the rest.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from recorder import anchor, merkle, note
from recorder.statement import TREE_CONSISTENCY, TREE_END
from recorder.trust import Trust, TrustedKey
from recorder.verify.cosigned import cosigned, quorum_of, wrong_cosignatures
from recorder.verify.members import AnchorMember
from recorder.verify.report import Report
from recorder.verify.sources import MEMORY, Source, Sources


@dataclass(slots=True)
class Outside:
    """trust: None when there is no usable trust file."""

    report: Report
    sources: Sources
    trust: Trust | None
    _anchored: dict[int, set[str]] = field(default_factory=dict)
    _accepted: list[Source] = field(default_factory=list)

    def judge(self, roots: dict[int, bytes] | None) -> None:
        """Compare with the computed roots (None: they are not the log's, or there are none)."""
        self._judge_inside(roots)
        for source in self.sources.files:
            self._judge_file(source, roots)
        self._judge_memory(roots)
        self._judge_consistency(roots)
        if roots is None:
            self.report.skipped.add("anchors")
        else:
            self._judge_witnesses()
        self._result()

    def _judge_inside(self, roots: dict[int, bytes] | None) -> None:
        start, end = self.sources.predicate["start"], self.sources.predicate["end"]
        for member in self.sources.members.anchors():
            if not start < member.size <= end:
                self.report.skipped.add(f"{member.name}: outside the window")
            elif roots is None:
                continue
            elif member.kind == "cosig" and member.name in self.sources.inside:
                self._compare(self.sources.inside[member.name], roots)
            elif member.kind == "wh.json":
                self._judge_receipt(member, roots)
            elif member.kind == "tsr":
                self._judge_stamp(member, roots)

    def _judge_receipt(self, member: AnchorMember, roots: dict[int, bytes]) -> None:
        raw = self.sources.members.small(member.name, 65_536)
        if raw is None:
            return
        try:
            found = anchor.parse(raw)
        except anchor.AnchorError as error:
            self.report.fail("E_ANCHOR_MISMATCH", member.name, str(error))
            return
        if (found.origin, found.size, found.root) != (self.sources.origin, member.size, roots[member.size]):
            self.report.fail("E_ANCHOR_MISMATCH", member.name, "it shows another root")
        else:
            self.report.skipped.add(f"{member.name}: does not anchor")

    def _judge_stamp(self, member: AnchorMember, roots: dict[int, bytes]) -> None:
        if self.sources.options.profile != "time":
            self.report.skipped.add(f"{member.name}: profile time")
            return
        if self.trust is None:
            return
        from recorder import timestamp_token  # only this profile pays for loading X.509 and CMS

        raw = self.sources.members.small(member.name)
        if raw is None:
            return
        text = note.checkpoint_text(self.sources.origin, member.size, roots[member.size])
        try:
            certificates = [base64.b64decode(one, validate=True) for one in self.trust.tsa]
            timestamp_token.check_token(raw, text, certificates)
        except timestamp_token.TokenError as error:
            self.report.fail(error.code, member.name, error.detail)
        except ValueError:
            self.report.fail("E_TSA_SIG", member.name, "a trusted certificate is not base64")
        else:
            self._anchor(member.size, "a time stamp")

    def _judge_file(self, source: Source, roots: dict[int, bytes] | None) -> None:
        if source.problem:
            self.report.fail("E_ANCHOR_MISMATCH", source.member, source.problem)
        elif source.size > self.sources.predicate["end"]:
            if self.sources.options.older:
                self.report.skipped.add(f"{source.member}: newer than the bundle")
            else:
                self.report.fail("E_ROLLBACK", source.member, f"the log already had {source.size} records")
        elif source.size < self.sources.predicate["start"]:
            if self.sources.proof is None or self.sources.proof[0] != source.size:
                self.report.skipped.add(f"{source.member}: older than the window")
        elif roots is not None and self._compare(source, roots):
            self._anchor(source.size, "a checkpoint you gave" if source.checkpoint else "an anchor you gave")

    def _compare(self, source: Source, roots: dict[int, bytes]) -> bool:
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
        seen = self.sources.remembered
        if seen is None:
            return
        start, end = self.sources.predicate["start"], self.sources.predicate["end"]
        if seen.size > end:
            if self.sources.options.older:
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

    def _judge_consistency(self, roots: dict[int, bytes] | None) -> None:
        if self.sources.proof is None or roots is None:
            return
        size, proof = self.sources.proof
        known = [
            (source.root, source.member) for source in self.sources.files if not source.problem and source.size == size
        ]
        if self.sources.remembered is not None and self.sources.remembered.size == size:
            known.append((self.sources.remembered.root, MEMORY))
        if not known:
            self.report.skipped.add("tree/consistency: no outside root of its size")
        end = self.sources.predicate["end"]
        for root, member in known:
            try:
                merkle.verify_consistency(size, end, proof, root, roots[end])
            except merkle.ProofError as error:
                self.report.fail("E_CONSISTENCY", TREE_CONSISTENCY, str(error))
            else:
                if size < self.sources.predicate["start"] and member != MEMORY:
                    self._anchor(size, "a checkpoint you gave")

    def _judge_witnesses(self) -> None:
        if self.trust is None:
            return
        if self.sources.tree_end is not None:
            self._accepted.insert(
                0, Source(TREE_END, self.sources.tree_end.size, self.sources.tree_end.root, self.sources.tree_end)
            )
        start = self.sources.predicate["start"]
        times: dict[int, dict[TrustedKey, int]] = {}
        for source in self._accepted:
            if source.size <= start:
                continue
            if source.checkpoint is None or self.sources.ring is None:
                continue
            for _ in range(wrong_cosignatures(source.checkpoint, list(self.sources.ring.of_role("witness")))):
                self.report.fail("E_WITNESS_SIG", source.member, f"at size {source.size}")
            at_size = times.setdefault(source.size, {})
            for key, at in cosigned(source.checkpoint, self.sources.witnesses(source.size)).items():
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

    def _anchor(self, size: int, by: str) -> None:
        self._anchored.setdefault(size, set()).add(by)

    def _result(self) -> None:
        end = self.sources.predicate["end"]
        self.report.anchored_end = max(self._anchored, default=0)
        if self._anchored:
            self.report.anchored_by = tuple(sorted(self._anchored[self.report.anchored_end]))
        if self.report.anchored_end < end:
            self.report.fail("P_TAIL_UNANCHORED")
        if TREE_END not in self.sources.members.names and not any(source.size == end for source in self._accepted):
            self.report.fail("P_END_UNPROVEN", TREE_END)
