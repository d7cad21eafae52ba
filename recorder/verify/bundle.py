"""The stages of verification, in order, over one container.

A stage that fails stops only what depends on it; everything independent still runs, so a report names all that is
wrong. Without a trust file signatures are skipped and the verdict is `indeterminate`, whatever else holds. The order
of every check is part of the format (docs/evidence-format.md): three verifiers must write the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import dsse, note, rotation, statement
from recorder import trust as trust_file
from recorder.container import open_container
from recorder.container_form import Container, ContainerError
from recorder.effective_keys import KeyRing, effective_keys
from recorder.verify import details
from recorder.verify.attestations import check_attestation
from recorder.verify.claim import read_claim, read_trust
from recorder.verify.members import Members, place_of
from recorder.verify.options import Options, Progress
from recorder.verify.outside import Outside
from recorder.verify.records import RecordCheck
from recorder.verify.report import Report
from recorder.verify.signatures import checkpoint_refusal, statement_refusal
from recorder.verify.sources import Sources
from recorder.verify.times import micros
from recorder.verify.tree import TreeCheck


def verify_bundle(
    path: Path,
    trusted: bytes | None = None,
    outside: bytes | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify a bundle with a trust file and at most one checkpoint from outside. Raises OSError."""
    checkpoints = () if outside is None else (outside,)
    return verify(path, Options(trust=trusted, checkpoints=checkpoints, progress=progress))


def verify(path: Path, options: Options) -> Report:
    """Verify a bundle, and remember it in `options.memory` when it is sound. Raises OSError."""
    report = Report(level=options.level)
    try:
        container = open_container(path)
    except ContainerError as error:
        report.add(error.code, place_of(error))
        return report
    try:
        run = _Run(report, container, options)
        run.all()
    finally:
        container.close()
    if report.verdict in ("verified", "prefix"):
        options.memory.remember(report.origin, report.end, bytes.fromhex(run.predicate["end_root"]), run.trust)
    return report


@dataclass(slots=True)
class _Run:
    """One verification. predicate is empty until a well-formed statement was read."""

    report: Report
    container: Container
    options: Options
    members: Members = field(init=False)
    trust: trust_file.Trust | None = None
    ring: KeyRing | None = None
    predicate: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    tree_end: note.Checkpoint | None = None

    def __post_init__(self) -> None:
        self.members = Members(self.report, self.container)

    def all(self) -> None:
        self.trust = read_trust(self.report, self.options)
        claim = read_claim(self.report, self.members, self.trust)
        if claim is None:
            self.report.skipped.add("records")
            return
        self.predicate, self.digests = claim.predicate, claim.digests
        self._keys()
        self._statement_signature(claim.envelope)
        self._check_members()
        self._checkpoint(statement.TREE_START, "start")
        self.tree_end = self._checkpoint(statement.TREE_END, "end")
        sources = Sources(self.report, self.members, self.predicate, self.ring, self.options, self.tree_end)
        sources.gather()
        tree = TreeCheck(self.report, self.members, claim, self.ring, self.options)
        check = tree.check(sources.sizes, sources.not_after)
        if check is not None and self.report.level == "L2":
            details.check_details(self.report, self.members, self.ring if self.trust else None, check)
        self._attestations()
        sound = check is not None and not self.report.has("E_FRONTIER", "E_TREE_SIZE", "E_ROOT")
        Outside(self.report, sources, self.trust).judge(check.roots if check is not None and sound else None)
        if check is not None:
            self._exposure(check)

    # -- S1, S2 --------------------------------------------------------------------------------------------------

    def _keys(self) -> None:
        """The keys in force, after the log's own rotations."""
        raw = b""
        if rotation.MEMBER in self.members.names and self.trust is not None:
            raw = self.members.small(rotation.MEMBER, rotation.MAX_MEMBER_BYTES) or b""
        if self.trust is None:
            return
        self.ring = effective_keys(self.trust, self.report.origin, self.report.end, raw)
        for failure in self.ring.failures:
            self.report.fail(failure.code, rotation.MEMBER, failure.detail, failure.seq)

    def _statement_signature(self, envelope: dsse.Envelope) -> None:
        if self.ring is None:
            return
        self.report.signed, code = statement_refusal(envelope, self.ring, self.report.end)
        if code:
            self._fail(code, statement.STATEMENT, "it is not signed by a seal key in force")

    def _check_members(self) -> None:
        """Every member is covered by the statement, or of a kind that may stand beside it; covered ones match it."""
        subjects = frozenset(self.digests)
        for name in self.members.unlisted(subjects):
            self._fail("E_MEMBER_UNLISTED", name, "")
        missing = (subjects | {statement.RECORDS, statement.FRONTIER}) - self.members.names
        if statement.RECORDS in missing and statement.TREE_LEAVES in self.members.names:
            gone = missing - {statement.RECORDS}
            missing = frozenset(name for name in gone if not name.startswith("approvals/"))
            self.report.level = "L0"
        for name in sorted(missing):
            self._fail("E_MEMBER_MISSING", name, "")
        for name in sorted((subjects & self.members.names) - {statement.RECORDS}):
            digest = self.members.digest(name)
            if digest is not None and digest != self.digests[name]:
                self._fail("E_MEMBER_DIGEST", name, "")

    # -- S3 ------------------------------------------------------------------------------------------------------

    def _checkpoint(self, name: str, end: str) -> note.Checkpoint | None:
        """A checkpoint of the window's end or start, if nothing is wrong with it."""
        if name not in self.members.names:
            if end == "start" and self.report.start > 0:
                self._fail("E_MEMBER_MISSING", name, "")
            return None
        raw = self.members.small(name, note.MAX_BYTES)
        if raw is None:
            return None
        try:
            found = note.parse_checkpoint(raw)
        except note.NoteError as error:
            self._fail(error.code, name, error.detail)
            return None
        codes = []
        if found.origin != self.report.origin:
            codes.append("E_CKPT_ORIGIN")
        if found.size != self.predicate[end] or found.root.hex() != self.predicate[f"{end}_root"]:
            codes.append("E_CKPT_SIZE")
        if self.ring is not None:
            codes.append(checkpoint_refusal(found, self.ring, self.report.origin, lower=end == "end"))
        for code in filter(None, codes):
            self._fail(code, name, "")
        return None if any(codes) else found

    # -- the rest --------------------------------------------------------------------------------------------------

    def _attestations(self) -> None:
        """At every level: they need the statement only."""
        if self.ring is None:
            return
        for name, raw in self._attestation_files():
            code, detail = check_attestation(raw, self.ring, self.report.bundle, self.report.end)
            if code:
                self._fail(code, name, detail)

    def _attestation_files(self) -> Iterator[tuple[str, bytes]]:
        for name in self.members.attestations():
            raw = self.members.small(name, dsse.MAX_BYTES)
            if raw is not None:
                yield name, raw
        yield from (("attestation", raw) for raw in self.options.attestations)

    def _exposure(self, check: RecordCheck) -> None:
        """How much recorded time nothing outside confirms."""
        report = self.report
        report.interval_s = check.interval_s
        if report.level != "L2" or report.anchored_end >= report.end or not check.last_ts:
            return
        since = check.first_ts
        if report.anchored_end > report.start:
            since = check.times.get(report.anchored_end, since)
        report.exposure_us = min(max(0, micros(check.last_ts) - micros(since)), 2**53 - 1)

    def _fail(self, code: str, member: str, detail: str) -> None:
        self.report.fail(code, member, detail)
