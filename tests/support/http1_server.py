"""The HTTP/1.1 side of the fake upstream: a literal reader that judges framing itself (RFC 9112 section 6).

Rule: it never repairs. A head with both Content-Length and Transfer-Encoding, or with differing Content-Lengths, is
recorded as `framing="invalid"` and the connection is closed, because that is what a careful server does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

from tests.support.journal import Connection, Journal, Message
from tests.support.replies import Die, Pause, Reply, Stall, Step, WaitUntil
from tests.support.websocket_server import serve_websocket

READ_SIZE = 65536


class ConnectionEnded(Exception):
    """The other side closed or reset before the message was over."""


class Wire:
    """The connection's bytes: everything read is noted in the journal first."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        self.reader = reader
        self.writer = writer
        self.connection = connection
        self.buffer = bytearray()

    async def more(self) -> None:
        try:
            data = await self.reader.read(READ_SIZE)
        except (ConnectionError, OSError) as error:
            self.connection.ended = "reset"
            raise ConnectionEnded("reset") from error
        if not data:
            self.connection.ended = self.connection.ended or "eof"
            raise ConnectionEnded("eof")
        self.connection.take(data)
        self.buffer += data

    async def until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            await self.more()
        found = bytes(self.buffer[: at + len(mark)])
        del self.buffer[: at + len(mark)]
        return found

    async def some(self, limit: int) -> bytes:
        if not self.buffer:
            await self.more()
        found = bytes(self.buffer[:limit])
        del self.buffer[:limit]
        return found

    def die(self, how: str) -> None:
        """End at once: `close` sends FIN, `reset` sends RST."""
        transport = self.writer.transport
        if how == "reset" and (raw := transport.get_extra_info("socket")) is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
        self.connection.ended = self.connection.ended or "closed"


class Answers(Protocol):
    """How the server chooses replies. `at_head` is asked before the body: only a reply that must not wait."""

    def at_head(self, message: Message) -> Reply | None: ...

    def when_read(self, message: Message) -> Reply: ...

    def talk(self, message: Message, text: str) -> Iterable[str] | None:
        """What to say over a WebSocket to one text, or at its opening (""); None: there is none at this path."""
        ...


async def serve_http1(wire: Wire, journal: Journal, answers: Answers) -> None:
    """Serve requests one after the other until the connection ends."""
    while True:
        try:
            head = await wire.until(b"\r\n\r\n")
        except ConnectionEnded:
            return
        message = open_request(head, wire.connection, journal)
        if message.framing == "invalid":
            message.failure = "ambiguous framing"
            journal.touch()
            wire.die("close")
            return
        opening = None
        if (message.header("upgrade") or "").lower() == "websocket":
            opening = answers.talk(message, "")
        if opening is not None:
            start = head + bytes(wire.buffer)
            await serve_websocket(wire.reader, wire.writer, start, message, journal, wire.connection, answers.talk)
            return
        if not await exchange(wire, journal, message, answers):
            return


async def exchange(wire: Wire, journal: Journal, message: Message, answers: Answers) -> bool:
    """One request and its answer; returns whether the connection can be used again."""
    early = answers.at_head(message) if message.framing != "none" else None
    try:
        if early is not None and not early.read_first:
            keep = await send_reply(wire, early, message)
            if not early.read_after:
                message.failure = "not read"
                wire.die("close")
                return False
            await read_body(wire, message)
        else:
            if (message.header("expect") or "").lower() == "100-continue":
                wire.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await read_body(wire, message, early.slow_read if early else 0.0)
            journal.touch()
            keep = await send_reply(wire, answers.when_read(message), message)
    except ConnectionEnded as ended:
        if not message.complete:
            message.failure = message.failure or f"connection {ended}"
        return False
    finally:
        journal.touch()
    return keep and (message.header("connection") or "").lower() != "close"


def open_request(head: bytes, connection: Connection, journal: Journal) -> Message:
    lines = head[:-4].split(b"\r\n")
    method, _, rest = lines[0].partition(b" ")
    target = rest.rpartition(b" ")[0]
    fields = [(key, value.strip()) for key, _, value in (line.partition(b":") for line in lines[1:])]
    lengths = {value for key, value in fields if key.lower() == b"content-length"}
    codings = [value for key, value in fields if key.lower() == b"transfer-encoding"]
    differing = len(lengths) > 1 or any(not value.isdigit() for value in lengths)
    strange = bool(codings) and (bool(lengths) or [coding.lower() for coding in codings] != [b"chunked"])
    framing = "chunked" if codings else "length" if lengths else "none"
    if differing or strange:
        framing = "invalid"
    message = journal.open_message(
        connection,
        "HTTP/1.1",
        method=method.decode("latin-1"),
        target=target.decode("latin-1"),
        authority=next((value.decode("latin-1") for key, value in fields if key.lower() == b"host"), ""),
        fields=fields,
        framing=framing,
    )
    if framing == "none":
        message.complete = True
    return message


async def read_body(wire: Wire, message: Message, slow: float = 0.0) -> None:
    """Take the body into the message; sets `complete` only when the framing says it is over."""
    if message.framing == "length":
        left = int(message.header("content-length") or "0")
        while left:
            await asyncio.sleep(slow)
            data = await wire.some(left)
            message.take(data)
            left -= len(data)
    elif message.framing == "chunked":
        await _read_chunks(wire, message, slow)
    message.complete = True


async def _read_chunks(wire: Wire, message: Message, slow: float) -> None:
    while True:
        line = await wire.until(b"\r\n")
        try:
            left = int(line.split(b";")[0].strip(), 16)
        except ValueError:
            message.failure = "bad chunk size"
            raise ConnectionEnded("ended by a bad chunk size") from None
        if left == 0:
            break
        while left:
            await asyncio.sleep(slow)
            data = await wire.some(left)
            message.take(data)
            left -= len(data)
        await wire.until(b"\r\n")
    while (line := await wire.until(b"\r\n")) != b"\r\n":
        key, _, value = line[:-2].partition(b":")
        message.trailers.append((key, value.strip()))


async def send_reply(wire: Wire, reply: Reply, message: Message) -> bool:
    """Write the reply; returns whether the connection stays usable."""
    writer = wire.writer
    try:
        if reply.raw:
            writer.write(reply.raw)
            await writer.drain()
            if reply.close_after:
                wire.die("close")
            return not reply.close_after
        for status, headers in reply.informational:
            writer.write(_head(status, headers, ""))
            await writer.drain()
        return await _send_final(wire, reply.prepared(), message)
    except (ConnectionError, OSError) as error:
        wire.connection.ended = wire.connection.ended or "reset"
        raise ConnectionEnded("reset") from error


async def _send_final(wire: Wire, reply: Reply, message: Message) -> bool:
    bodiless = message.method == "HEAD" or reply.status in (204, 304)
    headers = list(reply.headers)
    steps = reply.body
    names = {name.lower() for name, _ in headers}
    chunked = reply.framing == "chunked"
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
    elif reply.framing == "auto" and "content-length" not in names and reply.status not in (204, 304):
        steps = tuple(steps)
        headers.append(("content-length", str(sum(len(step) for step in steps if isinstance(step, bytes)))))
    closing = reply.framing == "close" or reply.close_after
    if closing:
        headers.append(("connection", "close"))
    wire.writer.write(_head(reply.status, tuple(headers), reply.reason))
    await wire.writer.drain()
    if not bodiless and not await _send_steps(wire, steps, chunked, reply.trailers):
        return False
    if closing:
        wire.die("close")
    return not closing


async def _send_steps(wire: Wire, steps: Iterable[Step], chunked: bool, trailers: tuple[tuple[str, str], ...]) -> bool:
    for step in steps:
        if isinstance(step, bytes):
            if step:
                wire.writer.write(b"%x\r\n%b\r\n" % (len(step), step) if chunked else step)
                await wire.writer.drain()
        elif isinstance(step, Die):
            wire.die(step.how)
            return False
        else:
            await perform(step)
    if chunked:
        wire.writer.write(b"0\r\n" + _fields(trailers) + b"\r\n")
    await wire.writer.drain()
    return True


async def perform(step: Step) -> None:
    """The steps that only take time."""
    if isinstance(step, Pause):
        await asyncio.sleep(step.seconds)
    elif isinstance(step, Stall):
        await asyncio.Event().wait()
    elif isinstance(step, WaitUntil):
        while not step.condition():  # noqa: ASYNC110 - the condition belongs to another thread
            await asyncio.sleep(0.005)


def _fields(headers: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers)


def _head(status: int, headers: tuple[tuple[str, str], ...], reason: str) -> bytes:
    if not reason:
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    return f"HTTP/1.1 {status} {reason}\r\n".encode() + _fields(headers) + b"\r\n"
