"""The log on disk: recover it, prove its tail, and commit groups of batches so that what is answered is durable.

Rules. (1) Records, frontier, sources, intents and a freshly signed checkpoint change in one transaction; an answer
leaves only after it is durable. (2) On start the tail is recomputed from the stored lines and must lead to the signed
checkpoint; a store older than a checkpoint this machine already signed is refused, because going on would fork the log.
(3) A failed commit leaves no trace: memory is reloaded from the file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from recorder import __version__, database, ed25519, note
from recorder.admission import Admission, Batch, BatchError, Outcome, Source
from recorder.chain import Chain, Clock, system_clock
from recorder.errors import StoreCorruptError, StoreFullError
from recorder.intents import Intents
from recorder.keys import SigningKey
from recorder.layout import Layout
from recorder.merkle import Frontier, leaf_hash
from recorder.record import GENESIS_PREV, schemas_digest
from recorder.seal import remember

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
        self, layout: Layout, log_key: SigningKey, seal_key: SigningKey, origin: str = "", clock: Clock = system_clock
    ) -> None:
        self.layout = layout
        self._log_key = log_key
        self._seal_key = seal_key
        self._wanted_origin = origin
        self._clock = clock
        self._lock = database.ExclusiveLock(layout.lock)
        try:
            self._connection = database.open_for_writing(layout.database)
            self._load(first=True)
            self._tip = os.open(layout.tip, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._refuse_rollback()
            self._begin_run()
        except BaseException:
            self._lock.release()
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

    def close_log(self, cause: str) -> None:
        """End the log for good with `sys.close`."""
        self._transact(
            lambda admission: admission.rows.append(admission.chain.append_own("sys.close", {"cause": cause}))
        )

    def remember_bundle(self, start: int, end: int, digest: str, path: str) -> None:
        """Note where a bundle of this log is. Raises StoreFullError."""
        self._guarded(lambda: remember(self._connection, start, end, digest, path))

    def shut(self) -> None:
        """Close the file; everything acknowledged is already durable."""
        self._connection.close()
        os.close(self._tip)
        self._lock.release()

    def _transact(self, work: Callable[[Admission], None]) -> None:
        chain = self.chain.copy()
        admission = Admission(chain, self.intents, self.sources, self._digest_of, time.time())
        try:
            step = chain.look_at_clock()
            if step is not None:
                admission.rows.append(step)
            work(admission)
            if admission.rows:
                self._write(admission)
            else:
                self.chain = chain
        except BaseException as error:
            self._reload()
            if isinstance(error, sqlite3.Error | OSError):
                raise _full(error) from error
            raise

    def _write(self, admission: Admission) -> None:
        """One durable transaction, then, and only then, the new truth in memory."""
        chain, run = admission.chain, self._connection
        root = chain.frontier.root()
        signed = note.sign_checkpoint(chain.origin, chain.size, root, self._log_key)
        frontier = chain.frontier.to_bytes()
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO records VALUES(?,?,?)", [(row.seq, row.leaf, row.line) for row in admission.rows])
        run.executemany(
            "INSERT INTO events VALUES(?,?,?,?)",
            [(source, number, digest, at) for (source, number), (digest, at) in admission.events.items()],
        )
        for name in admission.touched:
            source = admission.sources[name]
            run.execute(
                "INSERT OR REPLACE INTO sources VALUES(?,?,?,?)", (name, source.key_name, source.last, source.lost)
            )
        admission.intents.save(run)
        run.execute(
            "INSERT OR REPLACE INTO state VALUES(1,?,?,?,?,?,?)",
            (chain.origin, chain.size, frontier, signed, chain.last_ts, chain.own_seq),
        )
        anchored = self._anchor_due(chain.size)
        if anchored:
            run.execute(
                "INSERT OR REPLACE INTO anchors VALUES(?,?,?,?)", (chain.size, frontier, signed, int(time.time()))
            )
        run.execute("COMMIT")
        admission.intents.saved()
        self.chain, self.root, self.note = chain, root, signed
        if anchored:
            self._anchored_size, self._anchored_at = chain.size, time.monotonic()
        os.pwrite(self._tip, signed, 0)

    def _anchor_due(self, size: int) -> bool:
        return size - self._anchored_size >= ANCHOR_RECORDS or time.monotonic() - self._anchored_at >= ANCHOR_SECONDS

    def _digest_of(self, source: str, seq: int) -> bytes | None:
        row = self._connection.execute(
            "SELECT digest FROM events WHERE source = ? AND seq = ?", (source, seq)
        ).fetchone()
        return row[0] if row else None

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
            self._load(first=False)
        except sqlite3.Error as error:
            raise _full(error) from error
        self.chain.continue_run(before)

    def _load(self, *, first: bool) -> None:
        """Read the state, and recompute the tail from the stored lines since the last anchored checkpoint."""
        state = database.read_state(self._connection)
        self.intents = Intents.load(self._connection)
        self.sources = {row[0]: Source(*row[1:]) for row in self._connection.execute("SELECT * FROM sources")}
        self._anchored_size, self._anchored_at = 0, time.monotonic()
        if state is None:
            origin = self._wanted_origin or default_origin(self._log_key)
            self.chain, self.root, self.note = Chain(origin, clock=self._clock), Frontier().root(), b""
            return
        tail = self._prove_tail(state) if first else None
        frontier, prev = tail or (Frontier.from_bytes(state.size, state.frontier), self._last_leaf(state.size))
        self.chain = Chain(state.origin, frontier, prev, state.last_ts, state.own_seq, clock=self._clock)
        self.root, self.note = frontier.root(), state.note

    def _last_leaf(self, size: int) -> str:
        row = self._connection.execute("SELECT leaf FROM records WHERE seq = ?", (size - 1,)).fetchone()
        leaf: bytes = row[0]
        return leaf.hex()

    def _prove_tail(self, state: database.State) -> tuple[Frontier, str]:
        if self._wanted_origin and self._wanted_origin != state.origin:
            raise StoreCorruptError(f"This log is {state.origin}, not {self._wanted_origin}.", "", "Check --origin.")
        row = self._connection.execute(
            "SELECT size, frontier FROM anchors WHERE size < ? ORDER BY size DESC LIMIT 1", (state.size,)
        ).fetchone()
        frontier = Frontier.from_bytes(*row) if row else Frontier()
        self._anchored_size = frontier.size
        prev = self._last_leaf(frontier.size) if frontier.size else GENESIS_PREV
        for seq, leaf, line in database.read_lines(self._connection, frontier.size, 1 << 60):
            if seq != frontier.size or leaf != leaf_hash(line) or f'"prev":"{prev}"'.encode() not in line:
                raise _tail(f"record {frontier.size} does not follow from the one before it")
            frontier.append(leaf)
            prev = leaf.hex()
        if (state.size, state.frontier) != (frontier.size, frontier.to_bytes()):
            raise _tail("the stored tree is not that of the stored lines")
        checkpoint = note.parse_checkpoint(state.note)
        if (checkpoint.size, checkpoint.root, checkpoint.origin) != (frontier.size, frontier.root(), state.origin):
            raise _tail(f"the stored lines lead to size {frontier.size}, the checkpoint says {checkpoint.size}")
        if note.signed_by(checkpoint, state.origin, [(b"log", self._log_key.public)]) is None:
            raise _tail("the checkpoint was not signed by this recorder's log key")
        return frontier, prev

    def _refuse_rollback(self) -> None:
        """Compare with the newest checkpoint this machine is known to have signed."""
        try:
            seen = note.parse_checkpoint(os.pread(self._tip, 4096, 0).rstrip(b"\x00"))
        except note.NoteError:
            return
        if note.signed_by(seen, seen.origin, [(b"log", self._log_key.public)]) is None:
            return
        same = seen.origin == self.chain.origin and seen.size <= self.chain.size
        if not same or (seen.size == self.chain.size and seen.root != self.root):
            raise StoreCorruptError(
                f"The log ends at {self.chain.size}, but a checkpoint of size {seen.size} was already signed here.",
                "An older copy of the log seems to have been put back; going on would give it a second history.",
                f"Restore the newest log.db, or start a new log in another --home. (Checkpoint: {self.layout.tip})",
            )

    def _begin_run(self) -> None:
        """First records of this run: genesis and keys in a new log, then the configuration in force."""
        keys = (("log", self._log_key), ("seal", self._seal_key))

        def work(admission: Admission) -> None:
            chain, rows = admission.chain, admission.rows
            if chain.size == 0:
                producer = f"clyra-recorder/{__version__}"
                ids = {"log_keyid": self._log_key.key_id, "seal_keyid": self._seal_key.key_id}
                rows.append(chain.append_own("sys.genesis", {"producer": producer, **ids}))
                for role, key in keys:
                    data = {
                        "role": role,
                        "keyid": key.key_id,
                        "alg": "ed25519",
                        "pub": key.public.hex(),
                        "state": "active",
                    }
                    rows.append(chain.append_own("sys.key", data))
            config = sha256(f"{ANCHOR_RECORDS}/{ANCHOR_SECONDS}".encode()).hexdigest()
            rows.append(
                chain.append_own(
                    "sys.config",
                    {
                        "cause": "start",
                        "version": __version__,
                        "config_sha256": config,
                        "schemas_sha256": schemas_digest(),
                        "open_intents": admission.intents.open_count,
                    },
                )
            )

        self._transact(work)


def default_origin(key: SigningKey) -> str:
    """A name for a new log that no other log has."""
    return f"clyra.local/log/{ed25519.key_id(key.public)[:16]}"


def _full(error: Exception) -> StoreFullError:
    return StoreFullError(
        "The log could not be written; nothing of the refused batch was kept.",
        f"The system says: {error}.",
        "Free disk space; the recorder goes on by itself.",
    )


def _tail(why: str) -> StoreCorruptError:
    return StoreCorruptError(
        "The stored log does not agree with its own checkpoint.",
        f"{why[0].upper()}{why[1:]}.",
        "Nothing is written to it. Keep the file as evidence and restore the newest copy, or start a new --home.",
    )
