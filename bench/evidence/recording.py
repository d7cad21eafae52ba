"""What the recorder does under load: a real process, signed batches over its socket, answers only when durable."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.evidence.events import event
from recorder import signature
from recorder.interface import RECORDS_MEDIA, RECORDS_PATH
from recorder.keys import read_source_key
from recorder.layout import Layout

START_S = 20.0
_TIMER_S = 0.0015  # an event loop's timer may be a millisecond late; the last stretch is waited for without it
_RUNS = itertools.count(1)  # every measurement speaks as new sources, whose counters begin at 1


@dataclass(slots=True)
class Source:
    """One connection of one source. The recorder answers a batch when it is durable and signed."""

    name: str
    key: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    next_counter: int = 1

    @classmethod
    async def connect(cls, layout: Layout, name: str) -> Source:
        reader, writer = await asyncio.open_unix_connection(str(layout.socket))
        return cls(name, read_source_key(layout.keys.folder / "source.key"), reader, writer)

    async def hand_in(self, lines: list[bytes]) -> None:
        """One batch, until it is durable. Raises RuntimeError when the recorder does not keep all of it."""
        header = b'{"source":"%s","first":%d}' % (self.name.encode(), self.next_counter)
        body = b"\n".join([header, *lines])
        signed = signature.sign("POST", RECORDS_PATH, RECORDS_MEDIA, body, "source", self.key)
        head = f"POST {RECORDS_PATH} HTTP/1.1\r\nhost: recorder\r\ncontent-length: {len(body)}\r\n{signed}\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        said = await self.reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 200") or b"rejected" in said:
            raise RuntimeError(f"the recorder did not keep a batch: {answer[:20]!r} {said[:200]!r}")
        self.next_counter += len(lines)

    def close(self) -> None:
        self.writer.close()


@contextlib.contextmanager
def recorder(folder: Path) -> Iterator[Layout]:
    """A recorder process of its own on a fresh log."""
    command = [sys.executable, "-P", "-m", "recorder.main"]
    subprocess.run([*command, "init", f"--home={folder}"], check=True, capture_output=True)
    with (folder / "recorder.log").open("wb") as log:
        process = subprocess.Popen([*command, "serve", f"--home={folder}", "--seal-records=0"], stdout=log, stderr=log)
    layout = Layout(folder)
    try:
        deadline = time.monotonic() + START_S
        while not layout.socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "recorder.log").read_text())
            time.sleep(0.02)
        yield layout
    finally:
        process.terminate()
        process.wait(30)


@dataclass(slots=True)
class Latencies:
    """Milliseconds from the moment a record was due to the answer that it is durable and signed."""

    values: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def paced(layout: Layout, rate: int, seconds: float, connections: int = 32) -> Latencies:
    """An open loop: `rate` single records a second, each on whichever connection is free; waiting counts."""
    free: asyncio.Queue[Source] = asyncio.Queue()
    run = next(_RUNS)
    sources = [await Source.connect(layout, f"paced-{run}-{number}") for number in range(connections)]
    for source in sources:
        free.put_nowait(source)
    found = Latencies()
    lines = [[event(number)] for number in range(1000)]
    start = time.perf_counter() + 0.1

    async def one(number: int, due: float) -> None:
        source = await free.get()
        await source.hand_in(lines[number % len(lines)])
        free.put_nowait(source)
        found.values.append((time.perf_counter() - due) * 1000)

    tasks = []
    for number in range(int(rate * seconds)):
        due = start + number / rate
        while (delay := due - time.perf_counter()) > 0:  # noqa: ASYNC110 - it waits for a time, not for an event
            await asyncio.sleep(delay - _TIMER_S if delay > _TIMER_S else 0)
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    for source in sources:
        source.close()
    return found


async def sustained(layout: Layout, seconds: float, sources: int = 8, batch: int = 64) -> float:
    """Records a second that become durable when every source always has the next batch ready."""
    run = next(_RUNS)
    connected = [await Source.connect(layout, f"bulk-{run}-{number}") for number in range(sources)]
    lines = [event(number) for number in range(batch)]
    end = time.perf_counter() + seconds
    started = time.perf_counter()

    async def keep_handing_in(source: Source) -> int:
        count = 0
        while time.perf_counter() < end:
            await source.hand_in(lines)
            count += batch
        return count

    counts = await asyncio.gather(*(keep_handing_in(source) for source in connected))
    for source in connected:
        source.close()
    return sum(counts) / (time.perf_counter() - started)


async def fill(layout: Layout, records: int, batch: int = 1024) -> None:
    """Hand in `records` different records, as fast as they become durable."""
    source = await Source.connect(layout, "fill")
    for first in range(0, records, batch):
        await source.hand_in([event(number) for number in range(first, min(first + batch, records))])
    source.close()
