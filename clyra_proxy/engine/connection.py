"""One client connection with its upstream connections: reads bytes, runs the layers, writes bytes.

Replaces mitmproxy's `ConnectionHandler` internals and keeps its guarantees:
- layers run to completion one event at a time, never re-entered (mitmproxy issue 7027): events that arise meanwhile
  wait in a queue, guarded by a busy flag, instead of behind an asyncio lock;
- hooks run inline (`dispatch`); only a hook that really waits becomes a task;
- what events write leaves in one write per connection and turn, in order, always before a close of that connection
  (`outgoing`);
- reading stops while what was read cannot leave (`room`), so memory is bounded by buffers, never by bodies;
- a fault in a layer ends the connection, it is never logged and passed over: a lost chunk would be a changed body.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.tls import TlsEstablishedClientHook

from clyra_proxy.engine.client import ClientState, attach
from clyra_proxy.engine.commands import AwaitHook, AwaitHookCompleted, AwaitRoom
from clyra_proxy.engine.http_events import Cut, Farewell
from clyra_proxy.engine.outgoing import Outgoing
from clyra_proxy.engine.stream_state import CUT
from clyra_proxy.engine.upstreams import Upstreams
from clyra_proxy.telemetry.redaction import describe_fault

if TYPE_CHECKING:
    from mitmproxy.proxy.mode_specs import ProxyMode

    from clyra_proxy.engine.master import EngineMaster

logger = logging.getLogger(__name__)

READ_BYTES = 65536
CUT_GRACE_S = 0.25
"""How long an exchange that is cut has to end by itself."""
DIALS_PER_ADDRESS = 8
"""Connections of one client to one address that may be opening at the same time."""


class ConnectionHandler(Upstreams):
    """mitmproxy's handler with our event loop, our dialling and our timeouts."""

    def __init__(
        self, engine: EngineMaster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mode: ProxyMode
    ) -> None:
        super().__init__(reader, writer, engine.options, mode)
        self.engine = engine
        self.settings = engine.settings
        self.max_conns.default_factory = lambda: asyncio.Semaphore(DIALS_PER_ADDRESS)
        self._queue: deque[events.Event] = deque()
        self._busy = False
        self._aborted = False
        self._outgoing = Outgoing(self.transports)
        self._head_timer: asyncio.TimerHandle | None = None
        self.state = ClientState(
            settings=engine.settings,
            abort=self.abort,
            begun=self._begun,
            done=self._done,
            fault=engine.dispatch.report,
            call=engine.dispatch.call,
            expect_head=self._expect_head,
            head_received=self._head_received,
            draining=engine.is_draining,
            crowded_up=self._crowded_up,
            crowded_down=self._crowded_down,
            room_made=self._room_made,
            withhold=self._withhold,
        )
        attach(self.client, self.state)

    # -- life of the client connection ---------------------------------------------------------------------------

    async def handle_client(self) -> None:
        """Serve the client until it is gone; every exchange has had its `clyra_done` when this returns."""
        self._expect_head()
        try:
            await super().handle_client()
        finally:
            self._over = True
            self._room.set()
            self._head_received()
            await self._settle()

    async def _settle(self) -> None:
        """Exchanges usually end by themselves when the client goes; those stuck in a hook get their end here."""
        if self.state.flows:
            self.state.idle.clear()
            try:
                async with asyncio.timeout(self.settings.hook_timeout_s + 1):
                    await self.state.idle.wait()
            except TimeoutError:
                for flow in list(self.state.flows.values()):
                    self._done(flow)

    def _begun(self, flow: HTTPFlow) -> None:
        self.state.flows[flow.id] = flow
        self.engine.exchange_began()

    def _done(self, flow: HTTPFlow) -> None:
        """End an exchange, once."""
        if self.state.flows.pop(flow.id, None) is None:
            return
        try:
            self.engine.dispatch.call("clyra_done", flow)
        finally:
            self.engine.exchange_ended()
            if not self.state.flows:
                self.state.idle.set()

    def say_farewell(self, *, final: bool) -> None:
        """Tell the client, where its protocol can, that this process is leaving."""
        if self.state.speaks_http and not self._over:
            self.process(Farewell(final))

    def cut(self, flows: Sequence[HTTPFlow]) -> None:
        """Stop exchanges that have been denied meanwhile; the whole connection when they do not end in a moment."""
        if self.state.speaks_http and not self._over:
            self.process(Cut())
        asyncio.get_running_loop().call_later(CUT_GRACE_S, self._cut_rest, flows)

    def _cut_rest(self, flows: Sequence[HTTPFlow]) -> None:
        if any(flow.id in self.state.flows and CUT not in flow.metadata for flow in flows):
            self.abort("halted")

    def abort(self, reason: str) -> None:
        """Close the client and all its upstreams at once, without a farewell."""
        self._aborted = True
        self.client.error = self.client.error or reason
        for connection, io in list(self.transports.items()):
            connection.state = ConnectionState.CLOSED
            if io.handler is not None:
                io.handler.cancel(reason)

    # -- slow heads ----------------------------------------------------------------------------------------------

    def _expect_head(self) -> None:
        if self._head_timer is None and not self._over:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self.settings.header_timeout_s, self.abort, "head took too long")

    def _head_received(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    # -- events and commands -------------------------------------------------------------------------------------

    async def server_event(self, event: events.Event) -> None:
        """mitmproxy's entry; nothing in here waits."""
        self.process(event)

    def process(self, event: events.Event) -> None:
        """Run the layers on `event` and on whatever it causes."""
        queue = self._queue
        queue.append(event)
        if self._busy:
            return
        self._busy = True
        self.timeout_watchdog.last_activity = time.time()
        try:
            handle = self.layer.handle_event
            while queue:
                for command in handle(queue.popleft()):
                    self._execute(command)
        except Exception as error:  # noqa: BLE001 - a layer in an unknown state must not go on
            queue.clear()
            self._outgoing.clear()
            # Type and place only: the text of such an error may quote the event, and with it a body.
            logger.error("A layer failed with %s%s; the connection is closed.", *describe_fault(error))  # noqa: TRY400
            self.abort("internal error")
        finally:
            self._busy = False
            self._outgoing.settle()

    def _execute(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            self._outgoing.add(command.connection, command.data)
        elif isinstance(command, commands.StartHook):
            self._start_hook(command)
        elif isinstance(command, commands.OpenConnection):
            self._open(command)
        elif isinstance(command, commands.CloseConnection):
            self._outgoing.flush()
            if command.connection in self.transports:
                half = isinstance(command, commands.CloseTcpConnection) and command.half_close
                self.close_connection(command.connection, half)
        elif isinstance(command, AwaitHook):
            command.task.add_done_callback(lambda _: self.process(AwaitHookCompleted(command)))
        elif isinstance(command, AwaitRoom):
            self._outgoing.flush()
            self._task(self._await_room(command))
        elif isinstance(command, commands.RequestWakeup):
            self.wakeup_timer.add(self._task(self.wakeup(command)))
        elif isinstance(command, commands.Log):
            if command.level >= logging.WARNING:
                logger.log(command.level, "%s", command.message[:300])
        else:
            raise TypeError(f"unknown command {type(command).__name__}")

    def _task(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.engine.keep(task)
        return task

    def _start_hook(self, hook: commands.StartHook) -> None:
        if isinstance(hook, TlsEstablishedClientHook):
            self._head_received()  # A handshake in time; a client may now take its time until it asks for something.
        waiting = self.engine.dispatch.run(hook)
        if not hook.blocking:
            return
        if waiting is None:
            self._queue.append(events.HookCompleted(hook))
        else:
            waiting.add_done_callback(lambda _: self.process(events.HookCompleted(hook)))

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """For hooks that mitmproxy's own code fires outside of layers."""
        waiting = self.engine.dispatch.run(hook)
        if waiting is not None:
            await waiting

    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:
        """Connection chatter of mitmproxy: only warnings and worse are worth a line; of a fault, its type and place."""
        if isinstance(exc_info, tuple):
            logger.log(level, "A connection failed with %s%s.", *describe_fault(exc_info[1]))
        elif level >= logging.WARNING:
            logger.log(level, "%s", message[:300])

    # -- reading with backpressure ---------------------------------------------------------------------------------

    async def handle_connection(self, connection: Connection) -> None:
        """Read one connection to its end, then keep it while our side may still send."""
        cancelled = None
        reader = self.transports[connection].reader
        assert reader is not None  # noqa: S101 - as in mitmproxy
        is_client = connection is self.client
        while True:
            try:
                data = b"" if self._aborted else await reader.read(READ_BYTES)
                if not data:
                    break
                if is_client and not self.state.speaks_http:
                    self._expect_head()
                self.process(events.DataReceived(connection, data))
                if not self.state.may_read(connection, is_client):
                    await self._wait_for_room(connection, is_client)
            except OSError:
                break
            except asyncio.CancelledError as error:
                cancelled = error
                break
        if cancelled is None:
            connection.state &= ~ConnectionState.CAN_READ  # TCP connections can be half-closed.
        else:
            connection.state = ConnectionState.CLOSED
        self.process(events.ConnectionClosed(connection))
        if connection.state is ConnectionState.CAN_WRITE:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                cancelled = error
        self._outgoing.flush()
        io = self.transports.pop(connection)
        if io.writer is not None:
            io.writer.close()
        if cancelled is not None:
            raise cancelled

    async def on_timeout(self) -> None:
        """Nothing moved for `idle_timeout_s`."""
        if isinstance(self.client, Client):
            self.abort("idle for too long")
