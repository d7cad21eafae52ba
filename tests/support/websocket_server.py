"""The WebSocket side of the fake upstream (RFC 6455, with permessage-deflate when offered).

`/ws/echo` returns every message; `/ws/push?count=N&size=B` sends N text messages, then echoes; `/ws/close?code=C`
closes with that code at the first message. Every message that arrived whole is in `Message.frames`; `Message.received`
counts the payload bytes of those that did not, too; `Message.closing` is the close frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from tests.support.journal import Connection, Journal, Message

type Talk = Callable[[Message, str], Iterable[str] | None]
"""What is said to one text (`tests.support.http1_server.Answers.talk`)."""


async def serve_websocket(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    head: bytes,
    message: Message,
    journal: Journal,
    connection: Connection,
    talk: Talk,
) -> None:
    """Speak WebSocket until either side closes. `head`: the request head and whatever followed it."""
    message.protocol = "websocket"
    session = _Session(message, talk)
    data = head
    try:
        while not session.closed:
            writer.write(session.receive(data))
            await writer.drain()
            journal.touch()
            if session.closed:
                break
            data = await reader.read(65536)
            connection.take(data)
            if not data:
                message.failure = "" if session.closed else "connection eof"
                break
    except (ConnectionError, OSError):
        message.failure = "connection reset"
    message.complete = session.closed
    journal.touch()
    writer.close()


class _Session:
    """The protocol machine: bytes in, bytes out."""

    def __init__(self, message: Message, talk: Talk) -> None:
        self.message = message
        self._talk = talk
        self.closed = False
        self._ws = WSConnection(ConnectionType.SERVER)
        self._parts: list[Any] = []
        parts = urlsplit(message.target)
        self._path = parts.path
        self._query = {name: values[0] for name, values in parse_qs(parts.query).items()}

    def receive(self, data: bytes) -> bytes:
        self._ws.receive_data(data)
        return b"".join(self._ws.send(reply) for event in self._ws.events() for reply in self._react(event))

    def _react(self, event: Event) -> list[Event]:
        match event:
            case Request():
                wanted = event.subprotocols[0] if event.subprotocols else None
                opening: list[Event] = [AcceptConnection(subprotocol=wanted, extensions=[PerMessageDeflate()])]
                size = int(self._query.get("size", "16"))
                count = int(self._query.get("count", "0")) if self._path == "/ws/push" else 0
                opening += [TextMessage(data=text) for text in self._talk(self.message, "") or ()]
                return opening + [TextMessage(data=f"{number:08d}".ljust(size, ".")) for number in range(count)]
            case TextMessage() | BytesMessage():
                return self._collect(event)
            case Ping():
                return [event.response()]
            case CloseConnection():
                self.closed = True
                self.message.closing = (event.code, event.reason or "")
                return [event.response()] if self._ws.state is ConnectionState.REMOTE_CLOSING else []
        return []

    def _collect(self, event: TextMessage | BytesMessage) -> list[Event]:
        self._parts.append(event.data)
        self.message.take(event.data.encode() if isinstance(event, TextMessage) else bytes(event.data))
        if not event.message_finished:
            return []
        if isinstance(event, TextMessage):
            text = "".join(self._parts)
            self.message.frames.append(("text", text.encode()))
            if not self._path.startswith("/ws"):
                self._parts = []
                return [TextMessage(data=said) for said in self._talk(self.message, text) or ()]
            reply: Event = TextMessage(data=text)
        else:
            payload = b"".join(bytes(part) for part in self._parts)
            self.message.frames.append(("binary", payload))
            reply = BytesMessage(data=payload)
        self._parts = []
        if self._path == "/ws/close":
            return [CloseConnection(code=int(self._query.get("code", "1000")), reason="as asked")]
        return [reply]
