"""The log on disk: recover it, prove its tail, and commit groups of batches so that what is answered is durable.

Rules. (1) Records, frontier, counters and a freshly signed checkpoint change in one transaction; an answer leaves only
after it is durable. (2) On start the tail is recomputed from the stored lines and must lead to the signed checkpoint; a
store older than a checkpoint this machine already signed is refused, because going on would fork the log. (3) A failed
commit leaves no trace: memory is reloaded from the file. (4) What the records themselves tell, open intents and the
counters of known sources, is not written a second time with each commit.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from recorder import __version__, counters, database, ed25519, note, recovery
from recorder.admission import Admission, Batch, BatchError, Outcome
from recorder.chain import Chain, Clock, system_clock
from recorder.counters import Source
from recorder.errors import StoreCorruptError, StoreFullError
from recorder.intents import Intents
from recorder.keys import SigningKey
from recorder.layout import Layout
from recorder.merkle import Frontier
from recorder.record import schemas_digest
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
        self._shut = False
        self._lock = database.ExclusiveLock(layout.lock)
        try:
            self._connection = database.open_for_writing(layout.database)
            self._load()
            self._tip = os.open(layout.tip, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            seen = os.pread(self._tip, 4096, 0).rstrip(b"\x00")
            recovery.refuse_rollback(seen, self.chain.origin, self.size, self.root, log_key.public)
            self._begin_run()
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

    def close_log(self, cause: str) -> None:
        """End the log for good with `sys.close`."""
        self._transact(
            lambda admission: admission.rows.append(admission.chain.append_own("sys.close", {"cause": cause}))
        )

    def remember_bundle(self, start: int, end: int, digest: str, path: str) -> None:
        """Note where a bundle of this log is. Raises StoreFullError."""
        self._guarded(lambda: remember(self._connection, start, end, digest, path))

    def shut(self) -> None:
        """Close the file; everything acknowledged is already durable. A second call does nothing."""
        if self._shut:
            return
        self._shut = True
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
        run.execute("COMMIT")
        self.chain, self.root, self.note = chain, root, signed
        if anchored:
            admission.intents.saved()
            self._anchored_size, self._anchored_at = chain.size, time.monotonic()
        os.pwrite(self._tip, signed, 0)

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
            self._connection.close()  # the next commit fails here too and looks again
            raise (error if isinstance(error, StoreCorruptError) else _full(error)) from error
        self.chain.continue_run(before)

    def _load(self) -> None:
        """Read the state, and recompute the tail from the stored lines since the last anchored checkpoint."""
        state = database.read_state(self._connection)
        self.intents = Intents.load(self._connection)
        self.sources = counters.load(self._connection)
        self._anchored_size, self._anchored_at = 0, time.monotonic()
        if state is None:
            origin = self._wanted_origin or default_origin(self._log_key)
            self.chain, self.root, self.note = Chain(origin, clock=self._clock), Frontier().root(), b""
            return
        if self._wanted_origin not in ("", state.origin):
            raise StoreCorruptError(f"This log is {state.origin}, not {self._wanted_origin}.", "", "Check --origin.")
        tail = recovery.prove_tail(self._connection, state, self._log_key.public, self.intents)
        self._anchored_size = tail.anchored_size
        self.chain = Chain(state.origin, tail.frontier, tail.prev, state.last_ts, state.own_seq, clock=self._clock)
        self.root, self.note = tail.frontier.root(), state.note

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
