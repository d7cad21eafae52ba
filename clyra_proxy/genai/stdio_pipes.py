"""The pipes of a local MCP server: its client's lines to it, its lines to the client, each judged on its way.

Guarantees: lines of one direction keep their order; at most `HARD_LIMIT` bytes of a line are held, and a server or
client that writes a longer one ends the session; when the client closes its side the server's input is closed and the
server has `GRACE_S` to end; standard error is the server's own. The client's side is read and written in threads,
because it may be a file, which an event loop cannot wait for; the reading one dies with the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from clyra_proxy.genai.stdio import Passage, StdioSession

HARD_LIMIT = 64 << 20
GRACE_S = 5.0
_PIECE = 1 << 16
_MOST_PIECES = 16


class LineTooLongError(Exception):
    """A side wrote a line beyond `HARD_LIMIT`."""


class Pump:
    """Both directions of one server process."""

    def __init__(self, session: StdioSession, source: BinaryIO, sink: BinaryIO, limit: int) -> None:
        """source, sink: the client's side. limit: longest line that is judged, in bytes."""
        self._session = session
        self._source = source
        self._sink = sink
        self._limit = limit
        self._to_client = asyncio.Lock()
        self._to_server = asyncio.Lock()

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start the server and carry lines until it ends; its exit code (128 + n when signal n ended it)."""
        server = await asyncio.create_subprocess_exec(
            *command, env=dict(environment), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        _pass_signals(server)
        inward = asyncio.create_task(self._inward(server), name="client to server")
        with suppress(LineTooLongError, BrokenPipeError):
            await self._outward(server)
        await _end(server, GRACE_S)
        inward.cancel()
        self._session.close()
        code = await server.wait()
        return code if code >= 0 else 128 - code

    async def _inward(self, server: asyncio.subprocess.Process) -> None:
        pieces: asyncio.Queue[bytes] = asyncio.Queue(_MOST_PIECES)
        reader = threading.Thread(
            target=_read_all, args=(self._source.fileno(), pieces, asyncio.get_running_loop()), daemon=True
        )
        reader.start()
        with suppress(LineTooLongError):
            async for line in _lines(pieces.get):
                await self._carry(line, server, from_client=True)
        await _end(server, GRACE_S)

    async def _outward(self, server: asyncio.subprocess.Process) -> None:
        stdout = server.stdout
        assert stdout is not None  # noqa: S101 - it was asked for
        async for line in _lines(lambda: stdout.read(_PIECE)):
            await self._carry(line, server, from_client=False)

    async def _carry(self, line: bytes, server: asyncio.subprocess.Process, *, from_client: bool) -> None:
        if len(line) > self._limit:
            passes = self._session.too_long(len(line), from_client=from_client)
            passage = Passage(onward=line if passes else None)
        else:
            passage = await self._session.pass_on(line, from_client=from_client)
        await self._write(passage.onward, server, to_client=not from_client)
        await self._write(passage.back, server, to_client=from_client)

    async def _write(self, line: bytes | None, server: asyncio.subprocess.Process, *, to_client: bool) -> None:
        if line is None:
            return
        if to_client:
            async with self._to_client:
                await asyncio.to_thread(self._write_out, line + b"\n")
        elif server.stdin is not None and not server.stdin.is_closing():
            async with self._to_server:
                server.stdin.write(line + b"\n")
                try:
                    await server.stdin.drain()
                except (BrokenPipeError, ConnectionResetError):
                    server.stdin.close()

    def _write_out(self, line: bytes) -> None:
        self._sink.write(line)
        self._sink.flush()


async def _lines(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """Lines without their endings; the last one may have none. Raises LineTooLongError."""
    parts: list[bytes] = []
    held = 0
    while piece := await read():
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join((*parts, line)).removesuffix(b"\r")
            parts, held = [], 0
        parts.append(rest)
        held += len(rest)
        if held > HARD_LIMIT:
            raise LineTooLongError
    if held:
        yield b"".join(parts)


def _read_all(descriptor: int, pieces: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    """In a thread: everything from a descriptor into a bounded queue, then the empty piece that says it has ended."""
    piece = b"-"
    while piece:
        try:
            piece = os.read(descriptor, _PIECE)
        except OSError:
            piece = b""
        try:
            asyncio.run_coroutine_threadsafe(pieces.put(piece), loop).result()
        except (RuntimeError, asyncio.CancelledError):  # the session is over
            return


async def _end(server: asyncio.subprocess.Process, grace_s: float) -> None:
    """Let a server end by closing its input; after the grace it is told to, and then made to."""
    if server.stdin is not None:
        server.stdin.close()
    for ask in (server.terminate, server.kill):
        try:
            await asyncio.wait_for(server.wait(), grace_s)
        except TimeoutError:
            with suppress(ProcessLookupError):
                ask()


def _pass_signals(server: asyncio.subprocess.Process) -> None:
    """What ends this process ends the server; its end then ends us."""
    loop = asyncio.get_running_loop()

    def forward(number: int) -> None:
        if server.returncode is None:
            server.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, forward, number)
