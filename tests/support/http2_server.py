"""The HTTP/2 side of the fake upstream (RFC 9113): every stream is one message, answered by its own task."""

from __future__ import annotations

import asyncio

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from tests.support.http1_server import Answers, ConnectionEnded, Wire, perform
from tests.support.journal import Journal, Message
from tests.support.replies import Die, Reply, Step


class Http2Session:
    """One HTTP/2 connection."""

    def __init__(self, wire: Wire, journal: Journal, answers: Answers) -> None:
        self._wire = wire
        self._journal = journal
        self._answers = answers
        self._h2 = H2Connection(
            H2Configuration(client_side=False, header_encoding=None, validate_inbound_headers=False)
        )
        self._messages: dict[int, Message] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._window = asyncio.Event()

    async def serve(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        try:
            while True:
                if self._wire.buffer:
                    data = bytes(self._wire.buffer)
                    self._wire.buffer.clear()
                    for event in self._h2.receive_data(data):
                        self._react(event)
                    self._flush()
                    self._journal.touch()
                await self._wire.more()
        except ConnectionEnded as ended:
            self._fail_open(f"connection {ended}")
        except ProtocolError as error:
            self._fail_open(f"protocol error: {error}")
            self._flush()
            self._wire.die("close")
        finally:
            for task in self._tasks.values():
                task.cancel()
            self._journal.touch()

    def _react(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._open(event)
        elif isinstance(event, DataReceived):
            self._messages[event.stream_id].take(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            self._messages[event.stream_id].trailers += [(bytes(k), bytes(v)) for k, v in event.headers]
        elif isinstance(event, StreamEnded):
            message = self._messages[event.stream_id]
            message.complete = True
            if event.stream_id not in self._tasks:
                self._start(event.stream_id, self._answers.when_read(message))
        elif isinstance(event, StreamReset):
            self._reset(event)
        elif isinstance(event, WindowUpdated):
            self._window.set()
        elif isinstance(event, ConnectionTerminated):
            self._fail_open(f"goaway {event.error_code}")

    def _open(self, event: RequestReceived) -> None:
        fields = [(bytes(key), bytes(value)) for key, value in event.headers]
        pseudo = {key: value.decode("latin-1") for key, value in fields if key.startswith(b":")}
        message = self._journal.open_message(
            self._wire.connection,
            "HTTP/2.0",
            method=pseudo.get(b":method", ""),
            target=pseudo.get(b":path", ""),
            authority=pseudo.get(b":authority", ""),
            fields=[(key, value) for key, value in fields if not key.startswith(b":")],
            framing="stream",
            stream=event.stream_id,
        )
        self._messages[event.stream_id] = message
        early = self._answers.at_head(message) if event.stream_ended is None else None
        if early is not None and not early.read_first:
            self._start(event.stream_id, early)

    def _reset(self, event: StreamReset) -> None:
        message = self._messages.get(event.stream_id)
        if message is not None and not message.complete:
            message.failure = f"RST_STREAM {int(event.error_code or 0)}"
        if task := self._tasks.get(event.stream_id):
            task.cancel()

    def _fail_open(self, why: str) -> None:
        for message in self._messages.values():
            if not message.complete and not message.failure:
                message.failure = why

    def _start(self, stream: int, reply: Reply) -> None:
        self._tasks[stream] = asyncio.create_task(self._send(stream, reply.prepared()))

    async def _send(self, stream: int, reply: Reply) -> None:
        try:
            for status, headers in reply.informational:
                self._headers(stream, status, headers, end=False)
            bodiless = self._messages[stream].method == "HEAD" or reply.status in (204, 304)
            self._headers(stream, reply.status, reply.headers, end=bodiless)
            if not bodiless:
                await self._send_body(stream, reply)
            self._flush()
        except (ProtocolError, ConnectionError):
            return  # the stream was reset or the connection went away: nobody is left to answer

    async def _send_body(self, stream: int, reply: Reply) -> None:
        for step in reply.body:
            if isinstance(step, bytes):
                await self._data(stream, step)
            elif isinstance(step, Die):
                self._die(stream, step)
                return
            else:
                await self._perform(step)
        if reply.trailers:
            self._h2.send_headers(stream, list(reply.trailers), end_stream=True)
        else:
            self._h2.end_stream(stream)

    async def _perform(self, step: Step) -> None:
        self._flush()
        await perform(step)

    async def _data(self, stream: int, data: bytes) -> None:
        while data:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._window.clear()
                await self._window.wait()
                continue
            self._h2.send_data(stream, data[:room])
            data = data[room:]
            self._flush()
            await self._wire.writer.drain()

    def _die(self, stream: int, step: Die) -> None:
        if step.how == "stream":
            self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
            self._flush()
        else:
            self._wire.die(step.how)

    def _headers(self, stream: int, status: int, headers: tuple[tuple[str, str], ...], *, end: bool) -> None:
        block = [(":status", str(status)), *((name.lower(), value) for name, value in headers)]
        self._h2.send_headers(stream, block, end_stream=end)
        self._flush()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._wire.writer.write(data)
