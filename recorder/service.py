"""The recorder as a service: routes requests, checks who speaks, hands batches to the writer, answers when durable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from recorder import __version__, admission, signature
from recorder.admission import BatchError
from recorder.commit import Reply, Writer
from recorder.errors import RecorderError, SocketError, StoreFullError
from recorder.http import Connection, Request, Response, problem
from recorder.interface import RECORDS_MEDIA, RECORDS_PATH, SEAL_PATH, STATUS_PATH
from recorder.layout import Layout
from recorder.store import Store

log = logging.getLogger("recorder.service")

type SealRequest = Callable[[Writer, int | None, int | None], Awaitable[dict[str, object]]]
type Order = Callable[[bytes], Awaitable[dict[str, object] | Response]]
"""Answers the body of a POST. Raises RecorderError when refused, ValueError when it makes no sense."""


@dataclass(eq=False)
class Service:
    """Everything between the sockets and the writer. Lives on one event loop, but for `sources`.

    sources: local connections that hand in records. They belong to the writer's thread and loop.
    orders: what else may be asked for by POST over the local socket, by path; signed: the same for requests that a
    source signed, over any socket. key_trouble: why keys cannot be renewed.
    anchors: what the status says of them.
    """

    layout: Layout
    store: Store
    seal: SealRequest
    silence_s: float = 120.0
    anchors: Callable[[], dict[str, object]] = dict
    writer: Writer = field(init=False)
    replays: signature.Replays = field(default_factory=signature.Replays)
    connections: set[Connection] = field(default_factory=set)
    sources: set[Connection] = field(default_factory=set)
    orders: dict[str, Order] = field(default_factory=dict)
    signed: dict[str, Order] = field(default_factory=dict)
    key_trouble: Callable[[], str] = str
    stopping: bool = False
    _servers: list[asyncio.Server] = field(default_factory=list)
    _keys: dict[str, bytes | None] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = time.monotonic()
        self.writer = Writer(self.store, self._answer, self._shut_sources, silence_s=self.silence_s)
        self.orders[SEAL_PATH] = self._seal

    async def listen_unix(self) -> None:
        """Open the Unix socket, 0600. A stale socket file is replaced: the store lock says nobody else is here."""
        path = self.layout.socket
        if len(os.fsencode(path)) > 100:
            raise SocketError(
                f"The socket path {path} is too long.",
                "Unix sockets allow about 100 bytes.",
                "Choose a shorter --home.",
            )
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise SocketError(f"{path} exists and is not a socket.", "", "Move it away.")
            path.unlink()
        previous = os.umask(0o177)
        try:
            server = await self._loop.create_unix_server(lambda: self._connection(local=True), str(path), backlog=256)
        except OSError as error:
            raise SocketError(f"Cannot listen on {path}: {error.strerror}.") from None
        finally:
            os.umask(previous)
        self._servers.append(server)

    async def listen_tcp(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Open a TCP socket with mutual TLS; return its port."""
        if context.verify_mode is not ssl.CERT_REQUIRED:
            raise SocketError("The TCP listener must require client certificates.")
        try:
            server = await self._loop.create_server(lambda: self._connection(local=False), host, port, ssl=context)
        except OSError as error:
            raise SocketError(
                f"Cannot listen on {host}:{port}: {error.strerror}.", "", "Choose another --tcp."
            ) from None
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop accepting, answer what is queued, close the store."""
        self.stopping = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            connection.shut()
        await self._loop.run_in_executor(None, self.writer.stop)
        await asyncio.sleep(0)  # the last answers were posted to this loop
        for connection in list(self.connections):
            connection.shut()
        self.layout.socket.unlink(missing_ok=True)
        self.store.shut()

    def status(self) -> dict[str, object]:
        """What an operator and the proxy's readiness check want to know."""
        disk = shutil.disk_usage(self.layout.folder)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "origin": self.store.origin,
            "size": self.store.size,
            "root": self.store.root.hex(),
            "checkpoint": self.store.note.decode(),
            "open_intents": self.store.intents.open_count,
            "sources": len(self.store.sources),
            "pending_bytes": self.writer.pending_bytes,
            "since_commit_ms": int((time.monotonic() - self.writer.last_commit_at) * 1000),
            "uptime_s": int(time.monotonic() - self._started),
            "disk_free": disk.free,
            "error": self.writer.last_error,
            "anchors": self.anchors(),
            "keys": self._keys_in_force(),
        }

    def _keys_in_force(self) -> dict[str, object]:
        """until_size: last size a delegated log key may sign."""
        log_key, seal_key = (self.store.ring.current(role) for role in ("log", "seal"))
        told: dict[str, object] = {"log": log_key.key_id, "seal": seal_key.key_id}
        if log_key.until is not None:
            told["until_size"] = log_key.until
        return told | ({"trouble": trouble} if (trouble := self.key_trouble()) else {})

    def _connection(self, *, local: bool) -> Connection:
        return Connection(self._handle, self.connections, local)

    def _handle(self, request: Request, connection: Connection) -> None:
        route = (request.method, request.path)
        if route == ("POST", RECORDS_PATH):
            if request.local and not self.writer.here:
                self._move(request, connection)
            else:
                self._take(request, connection)
        elif route == ("GET", STATUS_PATH):
            connection.reply(Response(200, self.status()))
        elif request.method == "POST" and request.local and request.path in self.orders:
            self._loop.call_soon_threadsafe(self._start, self.orders[request.path], request, connection)
        elif request.method == "POST" and request.path in self.signed:
            self._take_signed(request, connection)
        else:
            connection.reply(problem(404, "no such resource"))

    def _take_signed(self, request: Request, connection: Connection) -> None:
        """Something that only a source may ask for."""
        try:
            key = self._key(signature.key_name(request.headers))
            signature.verify("POST", request.path, request.headers, request.body, key, self.replays)
        except signature.SignatureRefused as refusal:
            connection.reply(problem(401, str(refusal)))
        except RecorderError as error:
            connection.reply(problem(503, str(error), 1))
        else:
            self._loop.call_soon_threadsafe(self._start, self.signed[request.path], request, connection)

    def _move(self, request: Request, connection: Connection) -> None:
        """A local connection turns out to be a source's: from now on the writer reads it itself."""

        def move(source: socket.socket) -> None:
            moved = Connection(self._handle, self.sources, local=True, first=request)
            try:
                self.writer.take_over(source, lambda: moved)
            except RuntimeError:  # the writer has ended; who asks is told by the end of the connection
                source.close()

        connection.leave(move)

    def _shut_sources(self) -> None:
        """On the writer's thread: everything is answered."""
        for connection in list(self.sources):
            connection.shut()

    def _take(self, request: Request, connection: Connection) -> None:
        """Check the signature and the batch, queue it; the answer comes after the commit."""
        if self.stopping:
            connection.reply(problem(503, "the recorder is stopping", 1, close=True))
            return
        if request.headers.get("content-type") != RECORDS_MEDIA:
            connection.reply(problem(400, f"the media type is {RECORDS_MEDIA}"))
            return
        try:
            key = self._key(signature.key_name(request.headers))
            signed = signature.verify("POST", RECORDS_PATH, request.headers, request.body, key, self.replays)
            batch = admission.parse_batch(request.body, signed.key_name, signed.tag)
        except signature.SignatureRefused as refusal:
            connection.reply(problem(401, str(refusal)))
        except (BatchError, RecorderError) as error:
            connection.reply(problem(400, str(error)))
        else:
            if not self.writer.submit(connection, batch, len(request.body)):
                connection.reply(problem(503, "the queue is full", 1))

    def _key(self, name: str) -> bytes | None:
        found = self._keys.get(name)
        if found is None and name:
            found = self.layout.keys.source_key(name)
            if found is not None:
                self._keys[name] = found
        return found

    def _answer(self, replies: list[tuple[object, Reply]]) -> None:
        """On the writer's thread: answer its own connections, hand the replies of others to the loop in one go."""
        others = []
        for pair in replies:
            connection, reply = pair
            if connection in self.sources:
                connection.reply(_response(reply))
            else:
                others.append(pair)
        if others:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody is left to be answered
                self._loop.call_soon_threadsafe(_deliver, others)

    def _start(self, order: Order, request: Request, connection: Connection) -> None:
        task = self._loop.create_task(self._obey(order, request, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _obey(self, order: Order, request: Request, connection: Connection) -> None:
        try:
            found = await order(request.body)
            response = found if isinstance(found, Response) else Response(200, found)
        except (ValueError, RecursionError) as error:
            response = problem(400, str(error))
        except RecorderError as error:
            response = problem(409, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked must hear of it, or would wait for ever
            log.error("The order %s failed with %s.", request.path, type(error).__name__)  # noqa: TRY400 - no content
            response = problem(500, f"the order failed: {type(error).__name__}")
        connection.reply_from_elsewhere(response)

    async def _seal(self, body: bytes) -> dict[str, object]:
        start, end = _window(body)
        return await self.seal(self.writer, start, end)


def _window(body: bytes) -> tuple[int | None, int | None]:
    """`start end` as decimal text, either may be `-`."""
    parts = body.decode("ascii").split() if body else ["-", "-"]
    if len(parts) != 2 or not all(part == "-" or part.isdigit() for part in parts):
        raise ValueError("the body is `start end`, each a number or -")
    start, end = (None if part == "-" else int(part) for part in parts)
    return start, end


def _deliver(replies: list[tuple[object, Reply]]) -> None:
    for connection, reply in replies:
        if isinstance(connection, Connection):
            connection.reply(_response(reply))


def _response(reply: Reply) -> Response:
    if reply.outcome is not None:
        document: dict[str, object] = {"acked": reply.outcome.acked, "size": reply.size, "root": reply.root.hex()}
        if reply.outcome.rejected:
            document["rejected"] = reply.outcome.rejected
        return Response(200, document)
    if isinstance(reply.error, StoreFullError):
        return problem(507, "the log could not be written; nothing was kept", 5)
    if isinstance(reply.error, BatchError):
        return problem(409, str(reply.error))
    return problem(503, "the log could not be written; nothing was kept", 1)
