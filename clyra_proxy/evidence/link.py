"""One connection to the recorder's socket: one signed request at a time, its answer handed to a callback.

A raw asyncio protocol over httptools, because this runs for every write that passes the proxy. The request in flight is
the natural batch: whatever is queued meanwhile goes into the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools

from recorder import signature
from recorder.interface import RECORDS_MEDIA, RECORDS_PATH

type OnAnswer = Callable[[int, bytes, float], None]
"""status, body, seconds to wait before asking again (0: none given)"""
type OnLost = Callable[[], None]


class Link(asyncio.Protocol):
    """Made by `asyncio.create_unix_connection`. on_lost is called once, whatever ended it."""

    def __init__(self, on_answer: OnAnswer, on_lost: OnLost) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._retry = 0.0

    def send(self, body: bytes, key_name: str, key: bytes) -> None:
        """Sign and send one batch."""
        if self._transport is None:
            return
        signed = signature.sign("POST", RECORDS_PATH, RECORDS_MEDIA, body, key_name, key)
        head = f"POST {RECORDS_PATH} HTTP/1.1\r\nhost: recorder\r\ncontent-length: {len(body)}\r\n{signed}\r\n"
        self._transport.write(head.encode() + body)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - stream connections hand in nothing else
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def on_message_begin(self) -> None:
        self._body, self._retry = [], 0.0

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.isdigit():
            self._retry = min(float(value), 60.0)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._on_answer(self._parser.get_status_code(), b"".join(self._body), self._retry)
