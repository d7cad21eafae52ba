"""Stages S4 to S7 over one bundle: from the frontier, through records or leaf hashes, to the claimed root."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from recorder import note, statement
from recorder.container_form import ContainerError
from recorder.effective_keys import KeyRing
from recorder.merkle import Frontier, ProofError
from recorder.verify.claim import Claim
from recorder.verify.members import Members
from recorder.verify.options import Options
from recorder.verify.passing import WORTH_HELP, check_leaves, check_lines
from recorder.verify.records import RecordCheck, Wanted
from recorder.verify.report import Findings, Place, Report


@dataclass(frozen=True, slots=True)
class TreeCheck:
    """ring: None when nothing is trusted."""

    report: Report
    members: Members
    claim: Claim
    ring: KeyRing | None
    options: Options

    def check(self, sizes: frozenset[int], not_after: tuple[tuple[int, str], ...]) -> RecordCheck | None:
        """Pass over the records, or the leaf hashes; None when they cannot be read."""
        frontier = self._frontier()
        level, names = self.report.level, self.members.names
        from_leaves = level == "L0" and statement.TREE_LEAVES in names
        source = statement.TREE_LEAVES if from_leaves else statement.RECORDS
        if level != "L2":
            self.report.skipped.add("record contents")
        if frontier is None or source not in names:
            self.report.skipped.add("records")
            return None
        wanted = Wanted(
            sizes,
            not_after,
            frozenset(place for place, _ in self.members.disclosures()),
            leaves=statement.TREE_LEAVES in names and not from_leaves and level != "L0",
        )
        findings = Findings()
        check = RecordCheck(findings, self.report.origin, frontier, self.ring, wanted, reading=level == "L2")
        try:
            if from_leaves:
                self._leaves(check)
            else:
                self._lines(check)
        except ContainerError as error:
            self.members.note(error)
            self.report.skipped.add("records")
            return None
        self.report.findings.absorb(findings)
        self.report.records = check.frontier.size - self.report.start
        self._aggregates(check)
        return check

    def _leaves(self, check: RecordCheck) -> None:
        whole = check_leaves(check, self.members.container.stream(statement.TREE_LEAVES))
        self._tree(check, statement.TREE_LEAVES, whole=whole)

    def _lines(self, check: RecordCheck) -> None:
        def tell() -> None:
            if self.options.progress is not None:
                self.options.progress(check.frontier.size - self.report.start, self.report.end - self.report.start)

        helped = self.options.workers > 0 and self.members.container.size(statement.RECORDS) >= WORTH_HELP
        digest, leaves = check_lines(check, self.members.container.stream(statement.RECORDS), tell, helped=helped)
        if self.report.level != "L0" and digest != self.claim.digests.get(statement.RECORDS):
            check.findings.add("E_MEMBER_DIGEST", Place(statement.RECORDS))
        self._tree(check, statement.RECORDS, whole=True)
        if leaves and self._has_other_leaves(leaves):
            check.findings.add("E_ROOT", Place(statement.TREE_LEAVES))

    def _has_other_leaves(self, digest: str) -> bool:
        found = self.members.digest(statement.TREE_LEAVES)
        return found is not None and found != digest

    def _tree(self, check: RecordCheck, member: str, *, whole: bool) -> None:
        if not whole or check.frontier.size != self.report.end:
            found, expected = check.frontier.size - self.report.start, self.report.end - self.report.start
            check.findings.add("E_TREE_SIZE", Place(member, detail=f"{found} records, {expected} expected"))
        elif check.frontier.root().hex() != self.claim.predicate["end_root"]:
            check.findings.add("E_ROOT", Place(member))

    def _frontier(self) -> Frontier | None:
        if statement.FRONTIER not in self.members.names:
            return None
        raw = self.members.small(statement.FRONTIER)
        if raw is None:
            return None
        try:
            nodes = [note.strict_base64(line, 32) for line in raw.decode("latin-1").split("\n")[:-1]]
            frontier = Frontier(self.report.start, nodes)
        except (note.NoteError, ProofError) as error:
            self.report.fail("E_FRONTIER", statement.FRONTIER, str(error))
            return None
        if b"".join(base64.b64encode(node) + b"\n" for node in nodes) != raw:
            self.report.fail("E_FRONTIER", statement.FRONTIER, "not in canonical form")
        if frontier.root().hex() != self.claim.predicate["start_root"]:
            self.report.fail("E_FRONTIER", statement.FRONTIER, "")
        return frontier

    def _aggregates(self, check: RecordCheck) -> None:
        """Only where every record could be read: otherwise a difference says nothing new."""
        if self.report.level != "L2" or self.report.findings.has_error_before(8) or self.report.has("I_VERSION"):
            return
        for name, value in check.tally.predicate_part().items():
            if self.claim.predicate[name] != value:
                self.report.fail("E_AGGREGATE", statement.STATEMENT, name)
