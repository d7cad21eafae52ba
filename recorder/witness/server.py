"""The witness as a service: `POST /add-checkpoint` of c2sp.org/tlog-witness, our `POST /add-rotations`, `GET /health`.

Rule: check, store durably by compare-and-set, and only then cosign and answer. A crash in between costs nothing: the
log's next request is told the size that was stored. Requests are bounded, and one log key is the only way in.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from recorder.cosignature import Vkey, cosign
from recorder.errors import RecorderError, SocketError
from recorder.http import Connection, Request, Response
from recorder.keys import SigningKey
from recorder.witness import following
from recorder.witness import request as wire
from recorder.witness.decision import Head, Refusal, refuse_history, refuse_stranger
from recorder.witness.following import Followed
from recorder.witness.memory import Memory
from recorder.witness.settings import WitnessFiles, watched

log = logging.getLogger("recorder.witness")

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer(Response):
    """An answer whose body is exact bytes. document: the body."""

    media: str = TEXT

    def to_bytes(self) -> bytes:
        body = self.document
        assert isinstance(body, bytes)  # noqa: S101 - built in this module only
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        head += f"content-type: {self.media}\r\ncontent-length: {len(body)}\r\n"
        if self.close:
            head += "connection: close\r\n"
        return head.encode() + b"\r\n" + body


@dataclass(eq=False)
class Witness:
    """Answers requests. clock: POSIX seconds. Not thread-safe: one event loop."""

    files: WitnessFiles
    memory: Memory
    clock: Callable[[], float] = time.time
    connections: set[Connection] = field(default_factory=set)
    _signer: SigningKey = field(init=False)
    _name: str = field(init=False)
    _logs: dict[str, tuple[Vkey, ...]] = field(init=False)
    _followed: dict[str, Followed] = field(init=False)
    _read_at: int = field(default=-1)

    def __post_init__(self) -> None:
        self._signer = self.files.signer()
        self._refresh()

    def connection(self) -> Connection:
        return Connection(self._handle, self.connections, False)

    def add_checkpoint(self, body: bytes) -> Answer:
        """The whole protocol for one body. Raises sqlite3.Error when nothing could be stored."""
        try:
            asked = wire.parse_request(body)
        except wire.RequestError as error:
            return Answer(400, f"{error}\n".encode())
        origin = asked.checkpoint.origin
        known = self.memory.head(origin)
        refusal = refuse_stranger(asked, self._keys(asked)) or refuse_history(asked, known)
        if refusal is None:
            at = int(self.clock())
            new = Head(asked.checkpoint.size, asked.checkpoint.root)
            if self.memory.replace(origin, known, new, asked.raw, at):
                return Answer(200, cosign(asked.checkpoint.text, self._name, self._signer, at))
            refusal = Refusal(409, "another request was faster", self.memory.head(origin).size)
        if refusal.status in (409, 422):
            log.warning(
                "refused %d for %s at size %d: %s", refusal.status, origin, asked.checkpoint.size, refusal.reason
            )
        return _refuse(refusal)

    def add_rotations(self, body: bytes) -> Answer:
        """A followed log shows its key changes. Raises sqlite3.Error when nothing could be stored."""
        try:
            origin, member = following.parse_body(body)
        except ValueError as error:
            return Answer(400, f"{error}\n".encode())
        known = self._followed.get(origin)
        found = following.continue_list(known, member)
        if isinstance(found, Refusal):
            log.warning("refused %d for the key changes of %s: %s", found.status, origin, found.reason)
            return _refuse(found)
        before = known.member if known else b""
        if not self.memory.keep_rotations(origin, before, member):
            return Answer(409, b"another request was faster\n")
        self._followed[origin] = found
        return Answer(200, b"ok\n")

    def _keys(self, asked: wire.AddCheckpoint) -> tuple[Vkey, ...] | None:
        """Who may sign this checkpoint; None for a log that is not watched."""
        origin = asked.checkpoint.origin
        followed = self._followed.get(origin)
        if followed is None:
            return self._logs.get(origin)
        return followed.keys_at(asked.checkpoint.size) + self._logs.get(origin, ())

    def _handle(self, request: Request, connection: Connection) -> None:
        try:
            connection.reply(self._route(request))
        except sqlite3.Error:
            log.exception("the state could not be stored; nothing was cosigned")
            connection.reply(Answer(503, b"the state could not be stored\n", close=True))

    def _route(self, request: Request) -> Answer:
        if request.path == wire.PATH:
            if request.method != "POST":
                return Answer(405, b"POST only\n")
            self._refresh()
            return self.add_checkpoint(request.body)
        if (request.method, request.path) == ("POST", following.PATH):
            self._refresh()
            return self.add_rotations(request.body)
        if (request.method, request.path) == ("GET", "/health"):
            self.memory.newest()
            return Answer(200, b"ok\n")
        return Answer(404, b"no such resource\n")

    def _refresh(self) -> None:
        """Read the watched logs again when their file changed; a broken file leaves the known ones in force."""
        changed = self.files.document.stat().st_mtime_ns
        if changed == self._read_at:
            return
        try:
            document = self.files.load()
            trusts = [self.files.load_trust(origin) for origin in document.followed]
            self._logs, self._name = watched(document), document.name
            self._followed = {one.origin: Followed.of(one, self.memory.rotations(one.origin)) for one in trusts}
        except RecorderError as error:
            if self._read_at < 0:
                raise
            log.error("the settings were not taken over: %s", error)  # noqa: TRY400 - the words say it all
        self._read_at = changed


def _refuse(refusal: Refusal) -> Answer:
    if refusal.status == 409 and refusal.known is not None:
        return Answer(409, wire.format_size(refusal.known), media=wire.SIZE_MEDIA)
    return Answer(refusal.status, f"{refusal.reason}\n".encode())


async def serve(
    files: WitnessFiles, host: str, port: int, tls: ssl.SSLContext | None, ready: Callable[[str], None]
) -> None:
    """Listen until SIGTERM or SIGINT. ready: called with the URL. Raises SocketError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    memory = Memory(files.database)
    witness = Witness(files, memory)
    try:
        server = await loop.create_server(witness.connection, host, port, ssl=tls)
    except OSError as error:
        raise SocketError(
            f"Cannot listen on {host}:{port}: {error.strerror}.", "", "Choose another --listen."
        ) from None
    bound = server.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    ready(f"{'https' if tls else 'http'}://{name}:{bound}")
    await stop.wait()
    server.close()
    for connection in list(witness.connections):
        connection.shut()
    memory.close()


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with a certificate of the operator's. Raises SocketError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SocketError(f"Cannot use the TLS files: {error}.") from None
    return context
