"""The stages of verification, in order, over one container.

A stage that fails fatally stops only what depends on it; everything independent still runs, so a report names all that
is wrong. Without a trust file signatures are skipped and the verdict is `indeterminate`, whatever else holds.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from recorder import dsse, note, statement, trust
from recorder.container import Container, ContainerError, open_container, read_member
from recorder.merkle import Frontier, ProofError
from recorder.verify.records import RecordCheck
from recorder.verify.report import Place, Report

MAX_SMALL = 1 << 20
_DETACHED = ("anchors/", "disclosures/", "attestations/")

type Progress = Callable[[int, int], None]
"""Called with (records checked, records expected) now and then."""


def verify_bundle(
    path: Path, trust_file: bytes | None = None, outside: bytes | None = None, progress: Progress | None = None
) -> Report:
    """Verify a bundle. outside: a checkpoint of the same log that came another way. Raises OSError."""
    report = Report()
    try:
        container = open_container(path)
    except ContainerError as error:
        report.add(error.code, _place(error))
        return report
    for damage in container.damage:
        report.add(damage.code, _place(damage))
    try:
        _Run(report, container, progress).all(trust_file, outside)
    finally:
        container.close()
    return report


@dataclass(slots=True)
class _Run:
    """One verification. predicate is empty until a well-formed statement was read."""

    report: Report
    container: Container
    progress: Progress | None
    trust: trust.Trust | None = None
    predicate: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def all(self, trust_file: bytes | None, outside: bytes | None) -> None:
        self._trust(trust_file)
        self._statement()
        self._members()
        self._checkpoint(statement.TREE_START, "start")
        self._checkpoint(statement.TREE_END, "end")
        watched = self._outside_checkpoint(outside)
        checked = self._records(watched.size if watched else None)
        if checked is not None and watched is not None:
            self._compare_outside(checked, watched)
        if self.predicate and self.report.anchored_end < self.predicate["end"]:
            self.report.add("P_TAIL_UNANCHORED")

    # -- S1 ------------------------------------------------------------------------------------------------------

    def _trust(self, raw: bytes | None) -> None:
        if raw is None:
            self.report.add("I_TRUST_MISSING")
            self.report.skipped.append("signatures")
            return
        try:
            self.trust = trust.load(raw)
        except trust.TrustError as error:
            self.report.add(error.code, Place("trust file", detail=error.detail))

    # -- S2 ------------------------------------------------------------------------------------------------------

    def _statement(self) -> None:
        raw = self._small(statement.STATEMENT, dsse.MAX_BYTES)
        if raw is None:
            return
        try:
            envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
        except dsse.DsseError as error:
            self._fail(error.code, statement.STATEMENT, error.detail)
            return
        self.report.bundle = statement.bundle_digest(envelope.payload)
        document = self._document(envelope.payload)
        if document is None:
            return
        predicate = document["predicate"]
        if not 0 <= predicate["start"] < predicate["end"]:
            self._fail("E_STMT_PREDICATE", statement.STATEMENT, "the window is empty or backwards")
            return
        self.predicate = predicate
        self.report.origin, self.report.start, self.report.end = (predicate[key] for key in ("origin", "start", "end"))
        self.digests = {item["name"]: item["digest"]["sha256"] for item in document["subject"]}
        if len(self.digests) != len(document["subject"]):
            self._fail("E_STMT_PREDICATE", statement.STATEMENT, "a subject is listed twice")
        self._statement_signature(envelope)

    def _document(self, payload: bytes) -> dict[str, Any] | None:
        """The statement, if it has the one form our format allows."""
        try:
            document = orjson.loads(payload)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or orjson.dumps(document, option=orjson.OPT_SORT_KEYS) != payload:
            self._fail("E_STMT_TYPE", statement.STATEMENT, "not compact JSON with sorted, unique keys")
            return None
        if document.get("_type") != statement.STATEMENT_TYPE:
            self._fail("E_STMT_TYPE", statement.STATEMENT, "")
            return None
        if document.get("predicateType") != statement.PREDICATE_TYPE:
            self._fail("I_VERSION", statement.STATEMENT, "another predicate type")
            return None
        if not statement.SCHEMA.is_valid(document):
            self._fail("E_STMT_PREDICATE", statement.STATEMENT, "it does not satisfy its schema")
            return None
        return document

    def _statement_signature(self, envelope: dsse.Envelope) -> None:
        if self.trust is None:
            return
        keys = {key.key_id: key for key in self.trust.of_role("seal")}
        signers = envelope.signers({name: key.public for name, key in keys.items()})
        if len(signers) != len(envelope.signatures) or self.trust.origin != self.predicate["origin"]:
            self._fail("E_DSSE_SIG", statement.STATEMENT, "a signature is wrong, or by a key not trusted for this log")
            return
        refusals = {keys[name].refusal_at(self.predicate["end"]) for name in signers}
        if "" not in refusals:
            self._fail(min(refusals), statement.STATEMENT, "the seal key")
        else:
            self.report.signed = True

    def _members(self) -> None:
        """Every member is covered by the statement, or of a kind that may stand beside it; small ones match it."""
        if not self.predicate:
            return
        present = frozenset(self.container.names)
        for name in sorted(present - self.digests.keys() - statement.COVERED_DETACHED):
            if not name.startswith(_DETACHED):
                self._fail("E_MEMBER_UNLISTED", name, "")
        needed = self.digests.keys() | {statement.RECORDS, statement.FRONTIER}
        for name in sorted(needed - present):
            self._fail("E_MEMBER_MISSING", name, "")
        for name in sorted((self.digests.keys() & present) - {statement.RECORDS}):
            digest = sha256()
            try:
                for chunk in self.container.stream(name):
                    digest.update(chunk)
            except ContainerError as error:
                self.report.add(error.code, _place(error))
            if digest.hexdigest() != self.digests[name]:
                self._fail("E_MEMBER_DIGEST", name, "")

    # -- S3 ------------------------------------------------------------------------------------------------------

    def _checkpoint(self, name: str, end: str) -> None:
        raw = self._small(name, note.MAX_BYTES)
        if raw is None or not self.predicate:
            return
        try:
            found = note.parse_checkpoint(raw)
        except note.NoteError as error:
            self._fail(error.code, name, error.detail)
            return
        if found.origin != self.predicate["origin"]:
            self._fail("E_CKPT_ORIGIN", name, "")
        if found.size != self.predicate[end] or found.root.hex() != self.predicate[f"{end}_root"]:
            self._fail("E_CKPT_SIZE", name, "")
        self._checkpoint_signature(found, name)

    def _checkpoint_signature(self, found: note.Checkpoint, name: str) -> None:
        if self.trust is None:
            return
        keys = {key.public: key for key in self.trust.of_role("log")}
        signer = note.signed_by(found, self.trust.origin, [(public, public) for public in keys])
        refusal = "E_CKPT_SIG" if signer is None else keys[signer].refusal_at(found.size)
        if refusal:
            self._fail(refusal, name, "the log key")

    # -- S4 to S7 ------------------------------------------------------------------------------------------------

    def _records(self, watched: int | None) -> RecordCheck | None:
        frontier = self._frontier()
        if frontier is None or statement.RECORDS not in self.container.names:
            self.report.skipped.append("records")
            return None
        trusted = frozenset(key.key_id for key in self.trust.keys) if self.trust else None
        watch = frozenset() if watched is None else frozenset((watched,))
        check = RecordCheck(self.report, self.predicate["origin"], frontier, trusted, watch)
        digest = ""
        try:
            digest = check.run(self._with_progress(check))
        except ContainerError as error:
            self.report.add(error.code, _place(error))
        self.report.records = check.frontier.size - self.predicate["start"]
        if digest != self.digests.get(statement.RECORDS):
            self._fail("E_MEMBER_DIGEST", statement.RECORDS, "")
        if check.frontier.size != self.predicate["end"]:
            detail = f"{self.report.records} records, {self.predicate['end'] - self.predicate['start']} expected"
            self._fail("E_TREE_SIZE", statement.RECORDS, detail)
        elif check.frontier.root().hex() != self.predicate["end_root"]:
            self._fail("E_ROOT", statement.RECORDS, "")
        self._aggregates(check)
        return check

    def _with_progress(self, check: RecordCheck) -> Any:
        start, end = self.predicate["start"], self.predicate["end"]
        for chunk in self.container.stream(statement.RECORDS):
            yield chunk
            if self.progress is not None:
                self.progress(check.frontier.size - start, end - start)

    def _frontier(self) -> Frontier | None:
        if not self.predicate:
            return None
        raw = self._small(statement.FRONTIER, MAX_SMALL)
        if raw is None:
            return None
        try:
            nodes = [note.strict_base64(line, 32) for line in raw.decode("latin-1").split("\n")[:-1]]
            frontier = Frontier(self.predicate["start"], nodes)
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
        if self.report.has("E_"):
            return
        for name, value in check.tally.predicate_part().items():
            if self.predicate[name] != value:
                self._fail("E_AGGREGATE", statement.STATEMENT, name)

    # -- S9 ------------------------------------------------------------------------------------------------------

    def _outside_checkpoint(self, raw: bytes | None) -> note.Checkpoint | None:
        if raw is None or not self.predicate:
            return None
        try:
            found = note.parse_checkpoint(raw)
        except note.NoteError as error:
            self._fail("E_ANCHOR_MISMATCH", "outside checkpoint", error.detail)
            return None
        known = [(b"log", key.public) for key in self.trust.of_role("log")] if self.trust else []
        if found.origin != self.predicate["origin"] or (
            self.trust is not None and note.signed_by(found, found.origin, known) is None
        ):
            self._fail("E_ANCHOR_MISMATCH", "outside checkpoint", "another log, or not signed by its key")
            return None
        return found

    def _compare_outside(self, check: RecordCheck, outside: note.Checkpoint) -> None:
        root = check.roots.get(outside.size)
        if root is None:
            self.report.skipped.append("outside checkpoint: its size is not inside the window")
        elif root != outside.root:
            self._fail("E_SPLIT_VIEW", "outside checkpoint", f"at size {outside.size}")
        else:
            self.report.anchored_end = outside.size

    # -- parts ---------------------------------------------------------------------------------------------------

    def _small(self, name: str, limit: int) -> bytes | None:
        """A small member, or None after saying why not."""
        if name not in self.container.names:
            self._fail("E_MEMBER_MISSING", name, "")
            return None
        try:
            return read_member(self.container, name, limit)
        except ContainerError as error:
            self.report.add(error.code, _place(error))
            return None

    def _fail(self, code: str, member: str, detail: str) -> None:
        self.report.add(code, Place(member, detail=detail))


def _place(error: ContainerError) -> Place:
    return Place(error.member, detail=error.detail, at=error.at)
