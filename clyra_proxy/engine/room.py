"""When to read on: only while what was read can leave again.

HTTP/1 connections pause: nothing is read while the sockets they feed are full, while body bytes wait behind a hook or
for the other peer's window. HTTP/2 connections are always read (window updates, pings and resets must be seen);
their peers are held by withheld windows instead, handed out with `Credit` when room was made.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from typing import Any

from mitmproxy.connection import Connection
from mitmproxy.proxy import events, server

from clyra_proxy.engine.client import ClientState
from clyra_proxy.engine.commands import AwaitRoom, AwaitRoomCompleted
from clyra_proxy.engine.http_events import Credit

FULL_BYTES = 65536
"""Above this a write buffer is full; it is asyncio's own high-water mark, so `drain` then really waits."""


def _full(writer: Any) -> bool:
    size: int = writer.transport.get_write_buffer_size()
    return size > FULL_BYTES


class Room(server.LiveConnectionHandler):
    """The part of the connection handler that knows where there is room."""

    state: ClientState
    _queue: deque[events.Event]
    _over = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._room = asyncio.Event()
        self._withheld = False
        self._relief: asyncio.Task[None] | None = None

    @abstractmethod
    def process(self, event: events.Event) -> None:
        """Run the layers on `event`."""

    @abstractmethod
    def _task(self, work: Any) -> asyncio.Task[Any]:
        """Start a task and keep it."""

    def _crowded_up(self) -> bool:
        client = self.client
        for connection, io in self.transports.items():  # no `any`: asked after every read
            if connection is not client and io.writer is not None and _full(io.writer):
                return True
        return False

    def _crowded_down(self) -> bool:
        io = self.transports.get(self.client)
        return io is not None and io.writer is not None and _full(io.writer)

    def _room_made(self) -> None:
        """Something that waited inside has left: wake readers, and let HTTP/2 peers have their windows back."""
        self._room.set()
        if self._withheld:
            self._withheld = False
            self._queue.append(Credit())

    def _withhold(self, source: Connection) -> None:
        """An HTTP/2 peer is owed window updates. If a full socket is the reason, its drain must tell us."""
        self._withheld = True
        if self._relief is None and (self._crowded_down() if source is not self.client else self._crowded_up()):
            self._relief = self._task(self._relieve(source))

    async def _relieve(self, source: Connection) -> None:
        await self._drain(source)
        self._relief = None
        self._withheld = False
        self.process(Credit())

    async def _wait_for_room(self, source: Connection, is_client: bool) -> None:
        """Wait until what `source` sends can leave again."""
        while not self._over and not self.state.may_read(source, is_client):
            self._room.clear()
            await self._drain(source)
            if not self._over and not self.state.may_read(source, is_client):
                await self._room.wait()

    async def _drain(self, source: Connection) -> None:
        """Wait until the sockets that `source` feeds are below their low-water mark."""
        for connection, io in list(self.transports.items()):
            if (connection is self.client) != (source is self.client) and io.writer is not None:
                try:
                    await io.writer.drain()
                except OSError:
                    if io.handler is not None:
                        io.handler.cancel("error sending data")

    async def _await_room(self, command: AwaitRoom) -> None:
        source = command.source
        is_client = source is self.client
        while not self._over and (self._crowded_up() if is_client else self._crowded_down()):
            await self._drain(source)
        may_send = self.state.may_send_up if is_client else self.state.may_send_down
        while not self._over and not may_send(command.stream_id):
            self._room.clear()
            await self._room.wait()
        self.process(AwaitRoomCompleted(command))
