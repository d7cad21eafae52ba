"""HTTP/2 over a socket, with the flow in the test's hand."""

from __future__ import annotations

import socket
from collections.abc import Callable

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.support.raw_answer import Answer


class Http2Client:
    """HTTP/2 over a connected socket (TLS with ALPN h2, or prior knowledge). Use as a context manager."""

    def __init__(self, connection: socket.socket, scheme: str = "https") -> None:
        self.socket = connection
        self.scheme = scheme
        self.goaway: int | None = None
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.h2.initiate_connection()
        self._answers: dict[int, Answer] = {}
        self.ended = ""
        self._flush()

    def __enter__(self) -> Http2Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def open(
        self, method: str, path: str, authority: str, headers: list[tuple[str, str]] | None = None, *, end: bool = True
    ) -> int:
        """Send a request head; returns the stream id. `end=False` when a body follows."""
        stream = self.h2.get_next_available_stream_id()
        block = [(":method", method), (":scheme", self.scheme), (":authority", authority), (":path", path)]
        self._answers[stream] = Answer()
        self.h2.send_headers(stream, block + (headers or []), end_stream=end)
        self._flush()
        return stream

    def data(self, stream: int, body: bytes, *, end: bool = True, piece: int = 16384) -> bool:
        """Send body bytes, honouring flow control. Returns False when the peer ended the stream meanwhile."""
        answer = self._answers[stream]
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, piece)
            if room <= 0:
                if not self._receive():
                    return False
            else:
                self.h2.send_data(stream, body[:room])
                body = body[room:]
                self._flush()
            if answer.complete or answer.reset is not None or self.ended:
                return False
        if end:
            self.h2.end_stream(stream)
            self._flush()
        return True

    def reset(self, stream: int, code: int = 8) -> None:
        self.h2.reset_stream(stream, code)
        self._flush()

    def answer(self, stream: int, watch: Callable[[Answer], object] = lambda answer: None) -> Answer:
        """Read until the stream is over (or the connection is). watch: is shown what has come, after each read."""
        answer = self._answers[stream]
        while not answer.complete and answer.reset is None and self._receive():
            watch(answer)
        return answer

    def request(
        self, method: str, path: str, authority: str, body: bytes = b"", headers: list[tuple[str, str]] | None = None
    ) -> Answer:
        stream = self.open(method, path, authority, headers, end=not body)
        if body:
            self.data(stream, body)
        return self.answer(stream)

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            self.ended = type(error).__name__
            return False
        if not data:
            self.ended = "eof"
            return False
        for event in self.h2.receive_data(data):
            self._react(event)
        self._flush()
        return True

    def _react(self, event: object) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        answer = self._answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        if isinstance(event, InformationalResponseReceived):
            answer.informational.append(int(dict(_text(event.headers))[":status"]))
        elif isinstance(event, ResponseReceived):
            answer.fields = _text(event.headers)
            answer.status = int(dict(answer.fields)[":status"])
        elif isinstance(event, DataReceived):
            answer.body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            answer.trailers = _text(event.headers)
        elif isinstance(event, StreamEnded):
            answer.complete = True
        elif isinstance(event, StreamReset):
            answer.reset = int(event.error_code or 0)

    def _flush(self) -> None:
        if data := self.h2.data_to_send():
            try:
                self.socket.sendall(data)
            except OSError as error:
                self.ended = type(error).__name__


def _text(headers: object) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1")) if isinstance(name, bytes) else (name, value)
        for name, value in headers  # type: ignore[attr-defined]
    ]
