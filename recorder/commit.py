"""The single writer: a thread that drains everything waiting, commits it as one group, and answers.

Group commit needs no timer: while one commit waits for the disk, the next group gathers. The queue is bounded in bytes;
what does not fit is refused at once, so memory cannot grow with a slow disk.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from recorder.admission import Batch, BatchError, Outcome
from recorder.errors import RecorderError
from recorder.store import Store

log = logging.getLogger("recorder.commit")

MAX_GROUP_EVENTS = 8192
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to one batch: an outcome with the log's head, or an error. Built only after the commit."""

    outcome: Outcome | None
    size: int = 0
    root: bytes = b""
    error: BatchError | RecorderError | None = None


type Answer = Callable[[list[tuple[object, Reply]]], None]
"""Called from the writer thread, once a group: pairs of the caller's token and its reply."""


class Writer:
    """Owns the store. silence_s: how long a source may say nothing before its open intents are closed as unknown."""

    def __init__(self, store: Store, answer: Answer, *, max_bytes: int = 64 << 20, silence_s: float = 120.0) -> None:
        self.store = store
        self.last_commit_at = time.monotonic()
        self.last_error = ""
        self.pending_bytes = 0
        self._answer = answer
        self._max_bytes = max_bytes
        self._silence_s = silence_s
        self._queue: queue.SimpleQueue[tuple[object, Batch, int] | Callable[[], None] | None] = queue.SimpleQueue()
        self._size_lock = threading.Lock()
        started = time.monotonic()
        self._swept_at = started
        self._heard = {source: started for source, _ in store.intents.known}
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, token: object, batch: Batch, size: int) -> bool:
        """Queue a batch of `size` bytes; False when the queue is full."""
        with self._size_lock:
            if self.pending_bytes + size > self._max_bytes:
                return False
            self.pending_bytes += size
        self._queue.put((token, batch, size))
        return True

    def run(self, work: Callable[[], None]) -> None:
        """Run `work` on the writer thread, between commits."""
        self._queue.put(work)

    def stop(self) -> None:
        """Commit everything queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            group: list[tuple[object, Batch, int]] = []
            events = 0
            try:
                item = self._queue.get(timeout=TICK_S)
                while True:
                    if item is None:
                        running = False
                        break
                    if callable(item):
                        self._call(item)
                    else:
                        group.append(item)
                        events += len(item[1].lines)
                        if events >= MAX_GROUP_EVENTS:
                            break
                    item = self._queue.get_nowait()
            except queue.Empty:
                pass
            self._commit(group)

    def _commit(self, group: list[tuple[object, Batch, int]]) -> None:
        now = time.monotonic()
        for _, batch, _ in group:
            self._heard[batch.source] = now
        try:
            done = self.store.commit([batch for _, batch, _ in group], self._sweep(now))
            replies = [
                (
                    token,
                    Reply(None, error=result)
                    if isinstance(result, BatchError)
                    else Reply(result, done.size, done.root),
                )
                for (token, _, _), result in zip(group, done.results, strict=True)
            ]
            self.last_error = ""
        except RecorderError as error:
            self.last_error = str(error)
            replies = [(token, Reply(None, error=error)) for token, _, _ in group]
        except Exception as error:  # fail closed: the group is refused, the log is untouched
            log.exception("a commit failed unexpectedly")
            self.last_error = f"unexpected: {type(error).__name__}"
            refusal = RecorderError("The commit failed unexpectedly; nothing was kept.", type(error).__name__)
            replies = [(token, Reply(None, error=refusal)) for token, _, _ in group]
        self.last_commit_at = time.monotonic()
        with self._size_lock:
            self.pending_bytes -= sum(size for _, _, size in group)
        if replies:
            self._answer(replies)

    def _sweep(self, now: float) -> frozenset[str] | None:
        """Once a tick: the sources that have gone silent; otherwise None, which leaves open intents alone."""
        if now - self._swept_at < TICK_S:
            return None
        self._swept_at = now
        limit = now - self._silence_s
        return frozenset(source for source, heard in self._heard.items() if heard < limit)

    def _call(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("work on the writer thread failed")
