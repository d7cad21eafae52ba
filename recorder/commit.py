"""The single writer: a thread that reads what local sources hand in, commits it in groups, and answers.

Rule: the event loop of this thread blocks on the disk, on purpose, and nothing else may live on it. A batch is read,
committed and answered without being handed from thread to thread; status, sealing, signals and TLS are on the service's
loop, which never touches the disk. While one commit waits for the disk, the sockets gather the next group; a group
never waits for a source that is not there yet. (It did, for 3 ms under load. That halved the number of commits, but
sources that waited ran out of work: without it two busy workers did 9 % more.) What is read but not committed is
bounded in bytes, what does not fit is refused at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from recorder.admission import Batch, BatchError, Outcome
from recorder.errors import RecorderError
from recorder.store import Store
from recorder.turns import ask_for_short_turns

log = logging.getLogger("recorder.commit")

MAX_GROUP_EVENTS = 8192
TICK_S = 1.0
CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to one batch: an outcome with the log's head, or an error. Built only after the commit."""

    outcome: Outcome | None
    size: int = 0
    root: bytes = b""
    error: BatchError | RecorderError | None = None


type _Waiting = tuple[object, Batch, int]
"""(the caller's token, its batch, the bytes it takes)"""
type Answer = Callable[[list[tuple[object, Reply]]], None]
"""Called on the writer thread, once a group: pairs of the caller's token and its reply."""


class Writer:
    """Owns the store. silence_s: how long a source may say nothing before its open intents are closed as unknown.

    answer, ending: called on the writer's own thread, ending once after the last commit.
    """

    def __init__(
        self,
        store: Store,
        answer: Answer,
        ending: Callable[[], None],
        *,
        max_bytes: int = 64 << 20,
        silence_s: float = 120.0,
    ) -> None:
        self.store = store
        self.last_commit_at = time.monotonic()
        self.last_error = ""
        self.pending_bytes = 0
        self._answer = answer
        self._ending = ending
        self._max_bytes = max_bytes
        self._silence_s = silence_s
        self._group: deque[_Waiting] = deque()
        self._due: asyncio.Handle | None = None
        self._size_lock = threading.Lock()
        started = time.monotonic()
        self._swept_at = started
        self._heard = {source: started for source, _ in store.intents.known}
        self.loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def here(self) -> bool:
        """Whether the caller is on the writer's own thread."""
        return threading.get_ident() == self._thread.ident

    def submit(self, token: object, batch: Batch, size: int) -> bool:
        """Queue a batch of `size` bytes; False when the queue is full. From any thread."""
        with self._size_lock:
            if self.pending_bytes + size > self._max_bytes:
                return False
            self.pending_bytes += size
        if self.here:
            self._gather((token, batch, size))
        else:
            self.loop.call_soon_threadsafe(self._gather, (token, batch, size))
        return True

    def take_over(self, source: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Read a connected socket on the writer's own loop from now on. From any thread."""

        def begin() -> None:
            task = self.loop.create_task(self.loop.connect_accepted_socket(protocol, source))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.loop.call_soon_threadsafe(begin)

    def run(self, work: Callable[[], None]) -> None:
        """Run `work` on the writer thread, between commits."""
        self.loop.call_soon_threadsafe(self._call, work)

    def call[T](self, work: Callable[[Store], T]) -> T:
        """Run `work` with the store on the writer thread and wait for what it returns or raises. From other threads.

        Raises RecorderError when the writer has ended.
        """
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                done.set_result(work(self.store))
            except BaseException as error:  # noqa: BLE001 - handed to the caller, who waits for it
                done.set_exception(error)

        try:
            self.loop.call_soon_threadsafe(run)
            return done.result(CALL_S)
        except (RuntimeError, TimeoutError) as error:
            if done.done():
                raise
            raise RecorderError("The recorder is stopping; nothing was done.", type(error).__name__) from None

    def stop(self) -> None:
        """Commit everything queued, then end the thread."""
        self.loop.call_soon_threadsafe(self._finish)
        self._thread.join()

    def _run(self) -> None:
        ask_for_short_turns()
        asyncio.set_event_loop(self.loop)
        self.loop.call_later(TICK_S, self._tick)
        self.loop.run_forever()
        self.loop.close()

    def _finish(self) -> None:
        while self._group:
            self._drain()
        self._ending()
        self.loop.call_soon(self.loop.stop)  # after what closing the connections has left to do

    def _gather(self, item: _Waiting) -> None:
        """Every socket that is ready in the same turn of the loop adds to one group."""
        self._group.append(item)
        if self._due is None:
            self._due = self.loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._due = None
        group: list[_Waiting] = []
        events = 0
        while self._group and events < MAX_GROUP_EVENTS:
            group.append(self._group.popleft())
            events += len(group[-1][1].lines)
        if self._group:
            self._due = self.loop.call_soon(self._drain)
        if group:
            self._commit(group)

    def _tick(self) -> None:
        """Time passes for open intents even when nobody hands anything in."""
        self.loop.call_later(TICK_S, self._tick)
        if time.monotonic() - self.last_commit_at >= TICK_S:
            self._commit([])

    def _commit(self, group: list[_Waiting]) -> None:
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
