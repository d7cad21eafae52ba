"""Reading records out of evidence that was checked first: a bundle by the verifier, a log against its own checkpoint.

Rule: nobody downstream (exports, attestations, reports, replay) reads records whose integrity he has not asked about.
A rejected bundle is refused unless the caller insists, and then everything made from it says so, through `Provenance`.
Records are streamed, so memory does not grow with the evidence; what is read is held once more against the digest that
was verified, so a file that changes between the two passes is noticed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import orjson

from recorder import canonical, database, dsse, note, statement
from recorder.container import open_container
from recorder.container_form import Container, ContainerError, read_member
from recorder.errors import RecorderError, StoreCorruptError
from recorder.layout import Layout
from recorder.merkle import Frontier, leaf_hash
from recorder.verify.bundle import verify
from recorder.verify.options import Options

type Progress = Callable[[int, int], None]
"""Called with (records read, records expected) now and then."""

UNSEALED = "unsealed"
"""Verdict on a log that was read directly: whole and signed by itself, and not a bundle that others can check."""


class EvidenceRejectedError(RecorderError):
    """The evidence does not verify, so nothing is made from it."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where records come from and what verifying said.

    bundle: `sha256:...` of its statement, "" for a log. verdict: of the verifier, or `unsealed`. first: the first code
    that stands in the way of `verified`, "" when none. forced: a rejected bundle was read because the caller insisted.
    report: the verifier's whole report, empty for a log.
    """

    origin: str
    start: int
    end: int
    verdict: str
    bundle: str = ""
    first: str = ""
    anchored_end: int = 0
    forced: bool = False
    report: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """What every product says about its evidence, as JSON."""
        found: dict[str, Any] = {"origin": self.origin, "start": self.start, "end": self.end, "verdict": self.verdict}
        if self.bundle:
            found["bundle"] = self.bundle
        if self.first:
            found["first"] = self.first
        found["anchored_end"] = self.anchored_end
        if self.forced:
            found["forced"] = True
        return found


@dataclass(frozen=True, slots=True)
class Item:
    """One record. line: its exact bytes. leaf: its leaf hash in the tree."""

    seq: int
    line: bytes
    leaf: bytes
    record: dict[str, Any]


class Evidence(Protocol):
    """Checked evidence. provenance: what was found; `items` may be called again for another pass."""

    provenance: Provenance

    def items(self, progress: Progress | None = None) -> Iterator[Item]:
        """Every record in order. Raises EvidenceRejectedError when the source changed since it was checked."""
        ...

    def frontier(self) -> Frontier:
        """The tree before the first record."""
        ...

    def close(self) -> None: ...


class BundleEvidence:
    """The records of an `evidence.zip`, or of a folder with its members."""

    def __init__(self, container: Container, provenance: Provenance, digest: str) -> None:
        self.provenance = provenance
        self._container = container
        self._digest = digest

    def items(self, progress: Progress | None = None) -> Iterator[Item]:
        expected = self.provenance.end - self.provenance.start
        digest = sha256()
        rest, seq = b"", self.provenance.start
        for chunk in self._container.stream(statement.RECORDS):
            digest.update(chunk)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if len(rest) > canonical.MAX_BYTES and not self.provenance.forced:
                raise _changed()
            for line in lines:
                yield from self._item(seq, line)
                seq += 1
            if progress is not None:
                progress(seq - self.provenance.start, expected)
        if digest.hexdigest() != self._digest and not self.provenance.forced:
            raise _changed()

    def _item(self, seq: int, line: bytes) -> Iterator[Item]:
        """The record of a line; of a rejected bundle a line that is no record is left out."""
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if isinstance(record, dict) and isinstance(record.get("typ"), str) and isinstance(record.get("data"), dict):
            yield Item(seq, line, leaf_hash(line), record)
        elif not self.provenance.forced:
            raise _changed()

    def member(self, name: str, limit: int = 1 << 20) -> bytes | None:
        """A small member, or None when there is none of that name."""
        return read_member(self._container, name, limit) if name in self._container.names else None

    @property
    def names(self) -> tuple[str, ...]:
        return self._container.names

    def frontier(self) -> Frontier:
        raw = self.member(statement.FRONTIER) or b""
        nodes = [note.strict_base64(line, 32) for line in raw.decode("latin-1").split("\n")[:-1]]
        return Frontier(self.provenance.start, nodes)

    def close(self) -> None:
        self._container.close()


class LogEvidence:
    """The records of a recorder's own log, sealed or not, in one snapshot."""

    def __init__(self, connection: sqlite3.Connection, provenance: Provenance) -> None:
        self.provenance = provenance
        self._connection = connection

    def items(self, progress: Progress | None = None) -> Iterator[Item]:
        start, end = self.provenance.start, self.provenance.end
        for seq, leaf, line in database.read_lines(self._connection, start, end):
            if leaf_hash(line) != leaf:
                raise StoreCorruptError(f"Record {seq} of the stored log is damaged.")
            yield Item(seq, line, leaf, orjson.loads(line))
            if progress is not None and seq % 1000 == 0:
                progress(seq - start, end - start)

    def frontier(self) -> Frontier:
        return database.frontier_at(self._connection, self.provenance.start)

    def close(self) -> None:
        self._connection.close()


def open_bundle(path: Path, trust_file: bytes | None = None, *, force: bool = False) -> BundleEvidence:
    """Verify a bundle with a trust file alone, then open it. Raises EvidenceRejectedError, OSError."""
    return open_verified(path, Options(trust=trust_file), force=force)


def open_verified(path: Path, options: Options, *, force: bool = False) -> BundleEvidence:
    """Verify a bundle, then open it. Raises EvidenceRejectedError, OSError."""
    document = verify(path, options).document()
    rejected = document["verdict"] == "rejected"
    if rejected and not force:
        raise EvidenceRejectedError(
            f"{path.name} is rejected: {document['first']}.",
            "What does not verify is not evidence.",
            "Run `clyra verify --explain` on it, or insist with --force; the output then says so.",
        )
    try:
        container = open_container(path)
        digest = _records_digest(container)
        if statement.RECORDS not in container.names:
            container.close()
            raise _pruned(path)
    except (ContainerError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise EvidenceRejectedError(f"{path.name} cannot be read at all.", str(error)) from None
    provenance = Provenance(
        origin=document["origin"],
        start=document["start"],
        end=document["end"],
        verdict=document["verdict"],
        bundle=document["bundle"],
        first=document["first"],
        anchored_end=document["anchored_end"],
        forced=rejected,
        report=document,
    )
    return BundleEvidence(container, provenance, digest)


def open_log(layout: Layout, start: int = 0, end: int | None = None) -> LogEvidence:
    """Open records [start, end) of a recorder's own log after holding it against its newest checkpoint.

    Raises RecorderError when there is no log, the window is empty, or the log does not lead to that checkpoint.
    """
    connection = database.open_for_reading(layout.database)
    try:
        connection.execute("BEGIN")  # one snapshot, whatever is appended meanwhile
        state = _checked_state(connection)
        last = _last(state, start, end)
    except sqlite3.Error as error:
        connection.close()
        raise RecorderError("The log cannot be read.", f"SQLite says: {error}.") from None
    except BaseException:
        connection.close()
        raise
    return LogEvidence(connection, Provenance(state.origin, start, last, UNSEALED))


def _last(state: database.State, start: int, end: int | None) -> int:
    last = state.size if end is None else min(end, state.size)
    if not 0 <= start < last:
        raise RecorderError("There are no records in that window.", f"The log has {state.size} records.")
    return last


def _checked_state(connection: sqlite3.Connection) -> database.State:
    """Where the log stands, once its stored leaves lead to the newest checkpoint."""
    state = database.read_state(connection)
    if state is None:
        raise RecorderError("The log is empty.", "It has no records yet.")
    frontier = Frontier()
    for (leaf,) in connection.execute("SELECT leaf FROM records ORDER BY seq"):
        frontier.append(leaf)
    signed = note.parse_checkpoint(state.note)
    if (frontier.size, frontier.root()) != (signed.size, signed.root):
        raise StoreCorruptError("The stored records do not lead to the log's own signed checkpoint.")
    return state


def _records_digest(container: Container) -> str:
    """What the statement says of `records.jsonl`. Raises ValueError, KeyError, TypeError for a hopeless one."""
    envelope = dsse.parse(read_member(container, statement.STATEMENT, dsse.MAX_BYTES), statement.PAYLOAD_TYPE)
    subjects = orjson.loads(envelope.payload)["subject"]
    return str(next(item["digest"]["sha256"] for item in subjects if item["name"] == statement.RECORDS))


def _pruned(path: Path) -> EvidenceRejectedError:
    return EvidenceRejectedError(
        f"{path.name} has no records.",
        "They were left out when it was pruned; only the proof stayed.",
        "Get a whole copy.",
    )


def _changed() -> EvidenceRejectedError:
    return EvidenceRejectedError(
        "The evidence changed while it was read.", "Its records are not those that were verified.", "Run it again."
    )
