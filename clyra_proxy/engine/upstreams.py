"""The upstream side of a connection handler: open, dial what was approved, serve, close.

The dialling rules are in `dial`; here they meet the hooks: `server_connect`, then `clyra_dial` with every address the
name has, then the connection. A dial that fails, for whatever reason, is an answer to the layer that asked, never a
task that dies unseen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, server, server_hooks

from clyra_proxy.engine.dial import DialError, connect, is_own_listener, resolve
from clyra_proxy.engine.hooks import ClyraDialHook, Dial
from clyra_proxy.engine.room import Room

if TYPE_CHECKING:
    from clyra_proxy.engine.master import EngineMaster

logger = logging.getLogger(__name__)

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Upstreams(Room):
    """The part of the connection handler that opens upstream connections."""

    engine: EngineMaster

    def _open(self, command: commands.OpenConnection) -> None:
        if self._over:
            self._queue.append(events.OpenConnectionCompleted(command, "client is gone"))
            return
        io = server.ConnectionIO()
        self.transports[command.connection] = io
        io.handler = self._task(self.open_connection(command))

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Dial, then serve the upstream connection until it ends."""
        upstream = command.connection
        hook_data = server_hooks.ServerConnectionHookData(client=self.client, server=upstream)
        try:
            reader, writer = await self._dial(hook_data)
        except asyncio.CancelledError:
            await self._not_opened(command, hook_data, "connection cancelled")
            raise
        except DialError as error:
            await self._not_opened(command, hook_data, str(error))
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, or would wait for ever
            logger.error("Dialling failed with %s.", type(error).__name__)  # noqa: TRY400 - a text may quote a target
            await self._not_opened(command, hook_data, "internal error")
        else:
            await self._serve_upstream(command, hook_data, reader, writer)

    async def _not_opened(
        self, command: commands.OpenConnection, hook_data: server_hooks.ServerConnectionHookData, reason: str
    ) -> None:
        self.transports.pop(command.connection, None)
        await self.handle_hook(server_hooks.ServerConnectErrorHook(hook_data))
        self.process(events.OpenConnectionCompleted(command, reason))

    async def _serve_upstream(
        self,
        command: commands.OpenConnection,
        hook_data: server_hooks.ServerConnectionHookData,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        upstream = command.connection
        upstream.timestamp_tcp_setup = time.time()
        upstream.state = ConnectionState.OPEN
        upstream.peername = writer.get_extra_info("peername")
        upstream.sockname = writer.get_extra_info("sockname")
        io = self.transports[upstream]
        io.reader, io.writer = reader, writer
        await self.handle_hook(server_hooks.ServerConnectedHook(hook_data))
        self.process(events.OpenConnectionCompleted(command, None))
        try:
            await self.handle_connection(upstream)
        finally:
            upstream.timestamp_end = time.time()
            await self.handle_hook(server_hooks.ServerDisconnectedHook(hook_data))

    async def _dial(self, hook_data: server_hooks.ServerConnectionHookData) -> Streams:
        upstream = hook_data.server
        if not upstream.address:
            raise DialError("no destination given")
        await self.handle_hook(server_hooks.ServerConnectHook(hook_data))
        if upstream.error:
            raise DialError(upstream.error)
        host, port = upstream.address[:2]
        addresses = await resolve(host, port)
        flows = tuple(flow for flow in self.state.dialling if (flow.request.host, flow.request.port) == (host, port))
        own = is_own_listener(addresses, port, self.engine.addresses)
        dial = Dial(self.client, upstream, host, port, addresses, flows, own)
        await self.handle_hook(ClyraDialHook(dial))
        if not self.engine.dispatch.listens(ClyraDialHook.name):
            dial.approve(*addresses)
        if own:
            raise DialError("the destination is this proxy itself")
        if dial.error or self._over or self.client.error:
            raise DialError(dial.error or "client is gone")
        upstream.timestamp_start = time.time()
        async with self.max_conns[(host, port)]:
            return await connect(dial.approved, port, self.state.settings.connect_timeout_s)
