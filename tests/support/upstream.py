"""The one fake upstream of all tests: a real server on loopback that answers as told and remembers what arrived.

One plain port (HTTP/1.1, and HTTP/2 with prior knowledge) and, given a leaf certificate, one TLS port (ALPN `h2` and
`http/1.1`). It runs its own event loop in a thread, so synchronous and asynchronous tests use it alike.

    with Upstream(authority.leaf()) as upstream:
        upstream.routes["/rows"] = Reply(status=201)
        ...
        assert not upstream.journal.complete("/rows")

Paths it knows without being told are listed in `tests.support.builtin`; `GET /__journal` serves the journal as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterable
from types import TracebackType

from tests.support.builtin import builtin_reply, early_reply
from tests.support.certificates import Leaf
from tests.support.http1_server import ConnectionEnded, Wire, serve_http1
from tests.support.http2_server import Http2Session
from tests.support.journal import Connection, Journal, Message
from tests.support.replies import Reply, Routes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Upstream:
    """See the module. `port` is the plain port, `tls_port` the TLS one (0 without a leaf)."""

    def __init__(
        self,
        leaf: Leaf | None = None,
        *,
        alpn: tuple[str, ...] = ("h2", "http/1.1"),
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        self.host = host
        self.routes = Routes()
        self.journal = Journal()
        self._context = leaf.server_context(alpn) if leaf else None
        if self._context:
            self._context.sni_callback = _remember_sni
        self._plain = _listen(host, port)
        self._secure = _listen(host, tls_port) if leaf else None
        self.port: int = self._plain.getsockname()[1]
        self.tls_port: int = self._secure.getsockname()[1] if self._secure else 0
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="upstream", daemon=True)
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the listeners and every connection; the journal stays readable."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)
        for listener in (self._plain, self._secure):
            if listener is not None:
                listener.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        acceptors = [asyncio.create_task(self._accept(self._plain, None))]
        if self._secure is not None:
            acceptors.append(asyncio.create_task(self._accept(self._secure, self._context)))
        await self._stopping.wait()
        doomed = [*acceptors, *self._serving]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self.journal.open_connection(tls=context is not None)
            task = asyncio.create_task(self._serve_client(client, context, connection))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve_client(
        self, client: socket.socket, context: ssl.SSLContext | None, connection: Connection
    ) -> None:
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
        except (ssl.SSLError, ConnectionError, OSError) as error:
            connection.ended = f"handshake: {error}"
            self.journal.touch()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
        session = writer.get_extra_info("ssl_object")
        if session is not None:
            connection.alpn = session.selected_alpn_protocol() or ""
            connection.sni = getattr(session, "requested_name", "") or ""
        wire = Wire(reader, writer, connection)
        try:
            await self._speak(wire)
        finally:
            writer.close()
            connection.ended = connection.ended or "closed"
            self.journal.touch()

    async def _speak(self, wire: Wire) -> None:
        try:
            while len(wire.buffer) < len(PREFACE) and PREFACE.startswith(bytes(wire.buffer)):
                await wire.more()
        except ConnectionEnded:
            return
        if wire.buffer.startswith(PREFACE):
            await Http2Session(wire, self.journal, self).serve()
        else:
            await serve_http1(wire, self.journal, self)

    def at_head(self, message: Message) -> Reply | None:
        route = self.routes.table.get(message.path)
        if route is None:
            return early_reply(message)
        return route if isinstance(route, Reply) else None

    def talk(self, message: Message, text: str) -> Iterable[str] | None:
        return () if message.path.startswith("/ws") else None

    def when_read(self, message: Message) -> Reply:
        route = self.routes.table.get(message.path)
        if route is None:
            return builtin_reply(message, self.journal)
        return route if isinstance(route, Reply) else route(message)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    listener.setblocking(False)
    return listener


def _remember_sni(session: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    session.requested_name = name or ""  # type: ignore[attr-defined]
