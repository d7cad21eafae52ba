"""Events waiting for the recorder, in order of their counter, bounded.

Every event takes the next counter, kept or not: what had to be dropped leaves a hole in the counter, and the recorder
writes each hole into the log as `sys.gap`. So nothing goes missing in silence, whatever else fails.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from clyra_proxy.errors import EvidenceError

type Waiting = tuple[int, bytes, asyncio.Future[None] | None]
"""(counter, encoded event, who waits for it to be durable)"""

MAX_BATCH_EVENTS = 1024
MAX_BATCH_BYTES = 2 << 20
_REJECTED = "The recorder refused the record."


@dataclass(slots=True)
class Outbox:
    """lost: events dropped so far. holes: counter after a hole -> why events are missing before it."""

    max_events: int
    queue: deque[Waiting] = field(default_factory=deque)
    next_counter: int = 1
    intents_waiting: int = 0
    lost: int = 0
    holes: dict[int, str] = field(default_factory=dict)
    _cause: str = ""

    @property
    def full(self) -> bool:
        return len(self.queue) >= self.max_events

    def put(self, line: bytes, future: asyncio.Future[None] | None) -> None:
        if self._cause:
            self.holes[self.next_counter], self._cause = self._cause, ""
        self.queue.append((self.next_counter, line, future))
        self.next_counter += 1
        if future is not None:
            self.intents_waiting += 1

    def drop(self, cause: str, count: int = 1) -> None:
        """Use up counters for events that cannot be kept."""
        self.next_counter += count
        self.lost += count
        self._cause = cause

    def take(self) -> list[Waiting]:
        """The next batch: contiguous counters, bounded in number and bytes."""
        queue, size = self.queue, 0
        batch: list[Waiting] = []
        expected = queue[0][0] if queue else 0
        while queue and len(batch) < MAX_BATCH_EVENTS and queue[0][0] == expected:
            size += len(queue[0][1])
            if batch and size > MAX_BATCH_BYTES:
                break
            batch.append(queue.popleft())
            expected += 1
        self.intents_waiting -= sum(1 for waiting in batch if waiting[2] is not None)
        return batch

    def acknowledge(self, batch: list[Waiting], rejected: Mapping[int, str]) -> None:
        """A batch is durable, but for the events in `rejected`, counter -> code, that never will be."""
        if batch:
            self.holes.pop(batch[0][0], None)
        for number, _, future in batch:
            if future is not None and not future.done():
                if number in rejected:
                    future.set_exception(EvidenceError(_REJECTED, f"Code: {rejected[number]}."))
                else:
                    future.set_result(None)

    def put_back(self, batch: list[Waiting], what: str, why: str) -> None:
        """A batch that is not known to be durable goes back to the front; nobody waits any more, for that or the rest.

        what, why: said to those who waited.
        """
        for _, _, future in (*batch, *self.queue):
            if future is not None and not future.done():
                future.set_exception(EvidenceError(what, why, "Try again."))
        if self.intents_waiting:
            self.queue = deque((number, line, None) for number, line, _ in self.queue)
            self.intents_waiting = 0
        self.queue.extendleft((number, line, None) for number, line, _ in reversed(batch))

    def spill_failed(self, count: int) -> None:
        """Events already taken out by `spill` could not be kept."""
        self.lost += count
        self._cause = "spool_full"

    def spill(self) -> list[tuple[int, bytes]]:
        """Take everything out, for the spool."""
        events = [(number, line) for number, line, _ in self.queue]
        self.queue.clear()
        return events


def encode_batch(source: str, first: int, lines: list[bytes], cause: str, *, spooled: bool) -> bytes:
    """The body of one ingestion request."""
    header = f'{{"source":"{source}","first":{first}'
    if cause:
        header += f',"cause":"{cause}"'
    header += ',"spooled":true}' if spooled else "}"
    return b"\n".join([header.encode(), *lines])
