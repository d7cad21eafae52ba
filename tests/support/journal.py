"""What the fake upstream really received: the only witness tests believe.

Rule: a `Message` is `complete` only if its own framing said so (Content-Length satisfied, chunked terminator read,
END_STREAM seen, or a request without a body whose head ended). A body cut short stays `complete=False` and names why.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEPT_BYTES = 4 * 1024 * 1024
"""Of each body and of each connection this much is kept; the rest is only counted and hashed."""


@dataclass(slots=True)
class Connection:
    """One accepted TCP connection. raw: first bytes after TLS, as they arrived. ended: `""` while open, then `eof`,
    `reset`, `closed` (by us) or `handshake: ...`."""

    number: int
    tls: bool
    sni: str = ""
    alpn: str = ""
    raw: bytearray = field(default_factory=bytearray)
    received: int = 0
    ended: str = ""

    def take(self, data: bytes) -> None:
        self.received += len(data)
        room = KEPT_BYTES - len(self.raw)
        if room > 0:
            self.raw += data[:room]


@dataclass(slots=True)
class Message:
    """One request as it arrived. framing: `none length chunked stream` (`stream` is HTTP/2), or `invalid`."""

    number: int
    connection: int
    protocol: str
    method: str
    target: str
    authority: str
    fields: list[tuple[bytes, bytes]]
    framing: str = "none"
    body: bytearray = field(default_factory=bytearray)
    received: int = 0
    complete: bool = False
    failure: str = ""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    frames: list[tuple[str, bytes]] = field(default_factory=list)  # WebSocket messages: ("text"|"binary", payload)
    closing: tuple[int, str] | None = None  # code and reason of the WebSocket close frame
    stream: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the body bytes received so far (transfer coding removed, content coding kept)."""
        return str(self.digest.hexdigest())

    @property
    def path(self) -> str:
        return self.target.split("?", 1)[0]

    def header(self, name: str) -> str | None:
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.fields if key.lower() == wanted), None)

    def take(self, data: bytes) -> None:
        self.received += len(data)
        self.digest.update(data)
        room = KEPT_BYTES - len(self.body)
        if room > 0:
            self.body += data[:room]

    def summary(self) -> dict[str, Any]:
        """The JSON form served by the admin endpoint."""
        return {
            "number": self.number,
            "connection": self.connection,
            "protocol": self.protocol,
            "method": self.method,
            "target": self.target,
            "authority": self.authority,
            "fields": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in self.fields],
            "framing": self.framing,
            "received": self.received,
            "complete": self.complete,
            "failure": self.failure,
            "sha256": self.sha256,
            "frames": len(self.frames),
        }


class Journal:
    """Thread-safe list of connections and messages, written by the server, read by tests."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.messages: list[Message] = []
        self._changed = threading.Condition()

    def open_connection(self, *, tls: bool) -> Connection:
        with self._changed:
            connection = Connection(len(self.connections), tls)
            self.connections.append(connection)
            self._changed.notify_all()
            return connection

    def open_message(self, connection: Connection, protocol: str, **facts: Any) -> Message:
        with self._changed:
            message = Message(len(self.messages), connection.number, protocol, **facts)
            self.messages.append(message)
            self._changed.notify_all()
            return message

    def touch(self) -> None:
        """Something changed: wake whoever waits."""
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self.connections.clear()
            self.messages.clear()

    def wait_for(self, condition: Callable[[], object], seconds: float = 10.0) -> bool:
        """Block until `condition()` is true or the time is over; returns whether it became true."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.05))
            return True

    def requests(self, path: str) -> list[Message]:
        """All messages whose path is `path`, oldest first."""
        return [message for message in list(self.messages) if message.path == path]

    def settled(self, seconds: float = 10.0) -> bool:
        """Wait until no message is still arriving."""
        return self.wait_for(lambda: all(m.complete or m.failure for m in self.messages), seconds)

    def complete(self, path: str) -> list[Message]:
        """The requests for `path` that arrived whole."""
        return [message for message in self.requests(path) if message.complete]
