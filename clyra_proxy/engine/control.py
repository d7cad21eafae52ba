"""Messages between the supervisor and its workers, and from the command line to the supervisor.

One JSON object a line over a local stream socket. A worker's channel is a socket pair that only the two processes
hold, so it needs no authentication and its end of file means, without any timer, that the other side is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from clyra_proxy.errors import StartupError

_UCRED = struct.Struct("3i")  # pid, uid, gid

type Message = dict[str, Any]

LARGEST_MESSAGE = 64 * 1024 * 1024
"""Bytes; a policy document with its resolved profile travels in one message."""


class ChannelClosed(Exception):  # noqa: N818 - an outcome, not a fault
    """The other side went away before it answered."""


class Channel:
    """A two-way message stream. `serve` is its only reader; replies are matched to requests by number."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._ended = False  # `serve` saw the end, so no reply can come any more

    @classmethod
    async def over(cls, sock: socket.socket) -> Channel:
        return cls(*await asyncio.open_connection(sock=sock, limit=LARGEST_MESSAGE))

    def send(self, message: Message) -> None:
        """Queue one message; lost without a sound when the other side is gone (its end of file tells)."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def request(self, message: Message, within_s: float) -> Message:
        """Send and wait for the reply. Raises ChannelClosed, or TimeoutError after `within_s` seconds."""
        if self._ended:
            raise ChannelClosed
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self.send({**message, "number": number})
            return await asyncio.wait_for(waiting, within_s)
        finally:
            self._waiting.pop(number, None)

    def reply(self, request: Message, answer: Message) -> None:
        self.send({**answer, "reply_to": request.get("number")})

    async def serve(self, handle: Callable[[Message], Awaitable[None]]) -> None:
        """Hand every message that is not a reply to `handle`, one after the other, until the other side is gone."""
        try:
            async for message in self._messages():
                waiting = self._waiting.get(message.get("reply_to", 0))
                if waiting is None:
                    await handle(message)
                elif not waiting.done():
                    waiting.set_result(message)
        finally:
            self._ended = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ChannelClosed)
            self._writer.close()

    async def _messages(self) -> AsyncIterator[Message]:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                yield json.loads(line)


async def serve_commands(path: Path, handle: Callable[[Message], Awaitable[Message]]) -> asyncio.Server:
    """Answer command-line requests on the socket `path` (0600: only the proxy's own user may steer it)."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            if line := await reader.readline():
                request = {**json.loads(line), "peer_uid": _peer_uid(writer)}
                writer.write(json.dumps(await handle(request)).encode() + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)  # noqa: ASYNC240 - one local name, once
    try:
        server = await asyncio.start_unix_server(connected, path)
    except OSError as error:
        raise StartupError(
            f"Cannot open the control socket {path}.",
            f"The system says: {error.strerror or error}.",
            "Choose a writable data folder with a short path (a socket's path may have about 100 characters).",
        ) from error
    path.chmod(0o600)  # noqa: ASYNC240
    return server


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    """The user at the other end, as the kernel says (SO_PEERCRED, unix(7))."""
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])


def ask_supervisor(path: Path, request: Message, within_s: float) -> Message:
    """Send one request to a running proxy and wait for its answer. Raises StartupError when none is running."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(within_s)
        try:
            sock.connect(str(path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            answer: Message = json.loads(sock.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise StartupError(
                "No running proxy answers for this data folder.",
                f"Its control socket {path} says: {error}.",
                "Start one with `clyra proxy`, or name its data folder with --home.",
            ) from error
    return answer
