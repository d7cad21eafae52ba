"""The log on disk: recover it, prove its tail, and commit groups of batches so that what is answered is durable.

Rules. (1) Records, frontier, counters and a freshly signed checkpoint change in one transaction; an answer leaves only
after it is durable. (2) On start the tail is recomputed from the stored lines and must lead to the signed checkpoint; a
store older than a checkpoint this machine already signed is refused, because going on would fork the log. (3) A failed
commit leaves no trace: memory is reloaded from the file. (4) What the records themselves tell, open intents and the
counters of known sources, is not written a second time with each commit. (5) A key changes in a commit of its own,
which both keys sign; after it only the new one signs, and no key signs beyond the size it is in force for.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recorder import counters, database, ed25519, first_records, keyring, note, recovery, rotation
from recorder.admission import Admission, Batch, BatchError, Outcome
from recorder.chain import Chain, Clock, system_clock
from recorder.counters import Source
from recorder.errors import StoreCorruptError, StoreFullError
from recorder.intents import Intents
from recorder.keyring import Endorsers, Prepared, Ring
from recorder.keys import SigningKey
from recorder.layout import Layout
from recorder.log_signer import LogSigner
from recorder.merkle import Frontier
from recorder.seal import remember
from recorder.tip import Tip
from recorder.wal_folding import WalFolding

ANCHOR_RECORDS = 10_000
ANCHOR_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Committed:
    """What one group commit answered. results: one per batch, in order: its outcome, or why it was refused."""

    size: int
    root: bytes
    results: tuple[Outcome | BatchError, ...]


class Store:
    """One writable log. Not thread-safe: one thread commits. Raises the errors of `recorder.errors`."""

    chain: Chain
    intents: Intents
    sources: dict[str, Source]
    root: bytes
    note: bytes

    def __init__(
        self,
        layout: Layout,
        log_key: SigningKey,
        seal_key: SigningKey | None,
        origin: str = "",
        clock: Clock = system_clock,
        first: Prepared | None = None,
    ) -> None:
        """log_key: the one in force, or the one that `first`, a change of keys to begin with, brings into force.

        seal_key: needed for a new log only.
        """
        self.layout = layout
        self._signer = LogSigner(log_key, first)
        self._wanted_origin = origin
        self._clock = clock
        self._shut = False
        self._lock = database.ExclusiveLock(layout.lock)
        try:
            self._connection = database.open_for_writing(layout.database)
            self._folding = WalFolding(layout.database)
            self._load()
            self._tip = Tip(layout.tip)
            publics = self._signer.publics()
            recovery.refuse_rollback(self._tip.read(), self.chain.origin, self.size, self.root, publics)
            self._begin_run(seal_key)
        except BaseException as error:
            self._lock.release()
            if isinstance(error, sqlite3.Error | OSError):
                raise _full(error) from error
            raise

    @property
    def origin(self) -> str:
        return self.chain.origin

    @property
    def size(self) -> int:
        return self.chain.size

    def commit(self, batches: Sequence[Batch], silent: frozenset[str] | None = None) -> Committed:
        """Record a group of batches durably. Raises StoreFullError, and then nothing was kept.

        silent: when given, also close open intents that are overdue or whose source is in this set.
        """
        results: list[Outcome | BatchError] = []

        def work(admission: Admission) -> None:
            for batch in batches:
                try:
                    results.append(admission.apply(batch))
                except BatchError as refusal:
                    results.append(refusal)
            if silent is not None:
                admission.close_overdue(silent)

        self._transact(work)
        return Committed(self.chain.size, self.root, tuple(results))

    def record_own(self, records: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Write records of the recorder's own making, (type, data) each. Raises StoreFullError, RecordError."""
        self._transact(
            lambda admission: admission.rows.extend(admission.chain.append_own(typ, data) for typ, data in records)
        )

    def record_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """The same for whole events: `typ`, `data` and the fields of the envelope that a source may set."""

        def work(admission: Admission) -> None:
            for event in events:
                fields = {name: value for name, value in event.items() if name not in ("typ", "data")}
                admission.rows.append(admission.chain.append_own(event["typ"], event["data"], **fields))

        self._transact(work)

    def close_log(self, cause: str) -> None:
        """End the log for good with `sys.close`."""
        self._transact(
            lambda admission: admission.rows.append(admission.chain.append_own("sys.close", {"cause": cause}))
        )

    def remember_bundle(self, start: int, end: int, digest: str, path: str, checkpoint: bytes = b"") -> None:
        """Note where a bundle of this log is, and the checkpoint of its end. Raises StoreFullError."""
        self._guarded(lambda: remember(self._connection, start, end, digest, path, checkpoint))

    @property
    def ring(self) -> Ring:
        """All keys of this log, and which are in force."""
        return self._signer.ring

    @property
    def begun_with(self) -> Prepared | None:
        """The change of keys this run began with."""
        return self._signer.begun_with

    @property
    def log_key(self) -> SigningKey:
        """The key that signs now."""
        return self._signer.key

    def change_key(self, prepared: Prepared) -> int:
        """Write a change of keys as a commit of its own; return its record's number.

        From the next commit on the new key signs. Raises KeyChangeError, StoreFullError, and then nothing has changed.
        """
        seqs: list[int] = []
        endorsers = Endorsers.read(self.layout.trust)

        def work(admission: Admission) -> None:
            seq = admission.chain.size
            keyring.check(self.ring, prepared, self.origin, seq, endorsers)
            data = rotation.record_data(prepared.change, prepared.payload, prepared.possession)
            admission.rows.append(admission.chain.append_own("sys.key", data))
            seqs.append(seq)

        if prepared.key is not None:
            self._signer.add(prepared.key)
        self._transact(work, prepared)
        return seqs[0]

    def sign_checkpoint(self, size: int) -> bytes:
        """A checkpoint of an earlier size, by the key in force. Raises StoreCorruptError when there is no such size."""
        frontier = database.frontier_at(self._connection, size)
        return note.sign_checkpoint(self.origin, size, frontier.root(), self.log_key)

    def shut(self) -> None:
        """Close the file; everything acknowledged is already durable. A second call does nothing."""
        if self._shut:
            return
        self._shut = True
        self._folding.close()
        self._connection.close()
        self._tip.close()
        self._lock.release()

    def _transact(self, work: Callable[[Admission], None], change: Prepared | None = None) -> None:
        chain = self.chain.copy()
        admission = Admission(chain, self.intents, self.sources, self._digest_of, time.time())
        try:
            step = chain.look_at_clock()
            if step is not None:
                admission.rows.append(step)
            work(admission)
            if admission.rows:
                self._write(admission, change)
            else:
                self.chain = chain
        except BaseException as error:
            self._reload()
            if isinstance(error, sqlite3.Error | OSError):
                raise _full(error) from error
            raise

    def _write(self, admission: Admission, change: Prepared | None) -> None:
        """One durable transaction, then, and only then, the new truth in memory."""
        chain, run = admission.chain, self._connection
        root = chain.frontier.root()
        signed = self._signer.sign(chain.origin, chain.size, root, change)
        frontier = chain.frontier.to_bytes()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO records VALUES(?,?,?)", [(row.seq, row.leaf, row.line) for row in admission.rows])
        counters.save(run, admission.runs, admission.sources, admission.changed)
        run.execute(
            "INSERT OR REPLACE INTO state VALUES(1,?,?,?,?,?,?)",
            (chain.origin, chain.size, frontier, signed, chain.last_ts, chain.own_seq),
        )
        anchored = self._anchor_due(chain.size)
        if anchored:
            run.execute(
                "INSERT OR REPLACE INTO anchors VALUES(?,?,?,?)", (chain.size, frontier, signed, int(time.time()))
            )
            admission.intents.save(run)
        if change is not None:
            entry = rotation.Entry(chain.size - 1, change.envelope, change.possession)
            keyring.keep_change(run, entry, chain.size, signed)
        run.execute("COMMIT")
        self._folding.committed()
        self.chain, self.root, self.note = chain, root, signed
        if anchored:
            admission.intents.saved()
            self._anchored_size, self._anchored_at = chain.size, time.monotonic()
        if change is not None:
            self._signer.take(self.ring.changed(change.change, entry))
        self._tip.write(signed)

    def _anchor_due(self, size: int) -> bool:
        return size - self._anchored_size >= ANCHOR_RECORDS or time.monotonic() - self._anchored_at >= ANCHOR_SECONDS

    def _digest_of(self, source: str, number: int) -> bytes:
        run = counters.run_before(self._connection, source, number)
        return run.digest_of(number) if run else b""

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except sqlite3.Error as error:
            self._reload()
            raise _full(error) from error

    def _reload(self) -> None:
        """Forget the failed transaction; read the truth back from the file through a new connection."""
        before = self.chain
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass
        try:
            self._connection.close()
            self._connection = database.open_for_writing(self.layout.database)
            self._load()
        except (sqlite3.Error, StoreCorruptError) as error:
            self._connection.close()  # the next commit fails on it, and looks again
            if isinstance(error, StoreCorruptError):
                raise
            raise _full(error) from error
        self.chain.continue_run(before)

    def _load(self) -> None:
        """Read the state, and recompute the tail from the stored lines since the last anchored checkpoint."""
        state = database.read_state(self._connection)
        self.intents = Intents.load(self._connection)
        self.sources = counters.load(self._connection)
        self._signer.take(keyring.load(self._connection))
        self._anchored_size, self._anchored_at = 0, time.monotonic()
        if state is None:
            origin = self._wanted_origin or default_origin(self.log_key)
            self.chain, self.root, self.note = Chain(origin, clock=self._clock), Frontier().root(), b""
            return
        if self._wanted_origin not in ("", state.origin):
            raise StoreCorruptError(f"This log is {state.origin}, not {self._wanted_origin}.", "", "Check --origin.")
        tail = recovery.prove_tail(self._connection, state, self._signer.publics(), self.intents)
        self._signer.refuse_other_key()
        self._anchored_size = tail.anchored_size
        self.chain = Chain(state.origin, tail.frontier, tail.prev, state.last_ts, state.own_seq, clock=self._clock)
        self.root, self.note = tail.frontier.root(), state.note

    def _begin_run(self, seal_key: SigningKey | None) -> None:
        """First records of this run: genesis and keys in a new log, a change of keys, the configuration in force."""
        if self.size == 0:
            self._transact(first_records.begin_log(self.log_key, seal_key))
            self._signer.take(keyring.load(self._connection))
        if self.begun_with is not None:
            self.change_key(self.begun_with)
        self._transact(first_records.begin_run(f"{ANCHOR_RECORDS}/{ANCHOR_SECONDS}"))


def default_origin(key: SigningKey) -> str:
    """A name for a new log that no other log has."""
    return f"clyra.local/log/{ed25519.key_id(key.public)[:16]}"


def _full(error: Exception) -> StoreFullError:
    return StoreFullError(
        "The log could not be written; nothing of the refused batch was kept.",
        f"The system says: {error}.",
        "Free disk space; the recorder goes on by itself.",
    )
