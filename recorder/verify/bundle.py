"""The stages of verification, in order, over one container.

A stage that fails stops only what depends on it; everything independent still runs, so a report names all that is
wrong. Without a trust file signatures are skipped and the verdict is `indeterminate`, whatever else holds. The order
of every check is part of the format (docs/evidence-format.md): three verifiers must write the same bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recorder import dsse, note, rotation, statement, strict_json
from recorder import trust as trust_file
from recorder.container import Container, ContainerError, open_container
from recorder.effective_keys import KeyRing, effective_keys
from recorder.merkle import Frontier, ProofError
from recorder.verify import details
from recorder.verify.attestations import check_attestation
from recorder.verify.members import Members, place_of
from recorder.verify.options import Options, Progress
from recorder.verify.outside import Outside
from recorder.verify.passing import WORTH_HELP, check_leaves, check_lines
from recorder.verify.records import RecordCheck, Wanted, micros
from recorder.verify.report import Findings, Report
from recorder.verify.signatures import checkpoint_refusal, statement_refusal

_PROFILES = ("core", "time")


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
        self._trust()
        envelope = self._statement()
        if envelope is None:
            self.report.skipped.add("records")
            return
        self._keys()
        self._statement_signature(envelope)
        self._check_members()
        self._checkpoint(statement.TREE_START, "start")
        self.tree_end = self._checkpoint(statement.TREE_END, "end")
        outside = Outside(self.report, self.members, self.predicate, self.trust, self.ring, self.options, self.tree_end)
        outside.gather()
        check = self._records(outside)
        if check is not None and self.report.level == "L2":
            details.check_details(self.report, self.members, self.ring if self.trust else None, check)
        self._attestations()
        sound = check is not None and not self.report.has("E_FRONTIER", "E_TREE_SIZE", "E_ROOT")
        outside.judge(check.roots if check is not None and sound else None)
        if check is not None:
            self._exposure(check)

    # -- S1 ------------------------------------------------------------------------------------------------------

    def _trust(self) -> None:
        try:
            self.trust = self._load_trust()
        except trust_file.TrustError as error:
            self.report.fail(error.code, "trust file", error.detail)
        if self.trust is None:
            self.report.skipped.add("signatures")

    def _load_trust(self) -> trust_file.Trust | None:
        if self.options.trust is None:
            self.report.fail("I_TRUST_MISSING")
            return None
        found = trust_file.load(self.options.trust)
        if self.options.trust_from is not None:
            try:
                old = trust_file.load(self.options.trust_from)
            except trust_file.TrustError as error:
                self.report.fail(error.code, "old trust file", error.detail)
                return None
            trust_file.check_succession(found, old.authority)
        seen = self.options.memory.of(found.origin)
        if seen is not None and seen.trusted is not None:
            trust_file.check_succession(found, seen.trusted)
        return found

    # -- S2 ------------------------------------------------------------------------------------------------------

    def _statement(self) -> dsse.Envelope | None:
        """The statement's envelope, if it is one that can be gone by."""
        raw = self.members.required(statement.STATEMENT, dsse.MAX_BYTES)
        if raw is None:
            return None
        try:
            envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
        except dsse.DsseError as error:
            self._fail(error.code, statement.STATEMENT, error.detail)
            return None
        self.report.bundle = statement.bundle_digest(envelope.payload)
        document = self._document(envelope.payload)
        if document is None:
            return None
        self.predicate = document["predicate"]
        self.digests = {item["name"]: item["digest"]["sha256"] for item in document["subject"]}
        self.report.origin, self.report.start, self.report.end = (
            self.predicate[key] for key in ("origin", "start", "end")
        )
        if any(name not in _PROFILES for name in self.predicate["profile"]):
            self._fail("I_PROFILE", statement.STATEMENT, "a profile this verifier does not have")
        if self.trust is not None and self.trust.origin == self.report.origin:
            expires = self.trust.expires_size
            if expires is not None and self.report.end > expires:
                self._fail("E_TRUST_EXPIRED", "trust file", f"it ends at size {expires}")
        return envelope

    def _document(self, payload: bytes) -> dict[str, Any] | None:
        """The statement, if it has the one form our format allows."""
        try:
            document = strict_json.read(payload)
        except strict_json.StrictJsonError as error:
            self._fail("E_STMT_TYPE", statement.STATEMENT, error.detail)
            return None
        if not isinstance(document, dict) or document.get("_type") != statement.STATEMENT_TYPE:
            self._fail("E_STMT_TYPE", statement.STATEMENT, "")
            return None
        if document.get("predicateType") != statement.PREDICATE_TYPE:
            self._fail("I_VERSION", statement.STATEMENT, "another predicate type")
            return None
        why = statement.contradiction(document)
        if why:
            self._fail("E_STMT_PREDICATE", statement.STATEMENT, why)
            return None
        return document

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

    # -- S4 to S7 ------------------------------------------------------------------------------------------------

    def _records(self, outside: Outside) -> RecordCheck | None:
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
            outside.sizes,
            outside.not_after,
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
        whole = check_leaves(check, self.container.stream(statement.TREE_LEAVES))
        self._tree(check, statement.TREE_LEAVES, whole=whole)

    def _lines(self, check: RecordCheck) -> None:
        def tell() -> None:
            if self.options.progress is not None:
                self.options.progress(check.frontier.size - self.report.start, self.report.end - self.report.start)

        helped = self.options.workers > 0 and self.container.size(statement.RECORDS) >= WORTH_HELP
        digest, leaves = check_lines(check, self.container.stream(statement.RECORDS), tell, helped=helped)
        if self.report.level != "L0" and digest != self.digests.get(statement.RECORDS):
            check.findings.add("E_MEMBER_DIGEST", details.place(statement.RECORDS))
        self._tree(check, statement.RECORDS, whole=True)
        if leaves and self._has_other_leaves(leaves):
            check.findings.add("E_ROOT", details.place(statement.TREE_LEAVES))

    def _has_other_leaves(self, digest: str) -> bool:
        found = self.members.digest(statement.TREE_LEAVES)
        return found is not None and found != digest

    def _tree(self, check: RecordCheck, member: str, *, whole: bool) -> None:
        if not whole or check.frontier.size != self.report.end:
            found, expected = check.frontier.size - self.report.start, self.report.end - self.report.start
            check.findings.add("E_TREE_SIZE", details.place(member, f"{found} records, {expected} expected"))
        elif check.frontier.root().hex() != self.predicate["end_root"]:
            check.findings.add("E_ROOT", details.place(member))

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
            self._fail("E_FRONTIER", statement.FRONTIER, str(error))
            return None
        if b"".join(base64.b64encode(node) + b"\n" for node in nodes) != raw:
            self._fail("E_FRONTIER", statement.FRONTIER, "not in canonical form")
        if frontier.root().hex() != self.predicate["start_root"]:
            self._fail("E_FRONTIER", statement.FRONTIER, "")
        return frontier

    def _aggregates(self, check: RecordCheck) -> None:
        """Only where every record could be read: otherwise a difference says nothing new."""
        if self.report.level != "L2" or self.report.findings.has_error_before(8) or self.report.has("I_VERSION"):
            return
        for name, value in check.tally.predicate_part().items():
            if self.predicate[name] != value:
                self._fail("E_AGGREGATE", statement.STATEMENT, name)

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
