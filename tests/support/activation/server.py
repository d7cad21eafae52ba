"""A local HTTPS server that is one destination: its rows, its answers, everything it was asked.

Rule: answers have the format of the destination's public documentation; what a destination would keep is kept, so that
a test can say which rows arrived, and how often.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.support.certificates import Leaf


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. headers: lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Told:
    """An answer. body: JSON value, or bytes as they are."""

    status: int = 200
    body: Any = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Destination(Protocol):
    """rows: what arrived, in order."""

    rows: list[Any]

    def answer(self, asked: Asked) -> Told: ...


class DestinationServer:
    """A destination behind TLS on a port of its own. journal: every request that arrived."""

    def __init__(self, destination: Destination, leaf: Leaf) -> None:
        self.destination = destination
        self.journal: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self._server.socket = leaf.server_context(("http/1.1",)).wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> DestinationServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, method: str, ending: str) -> list[Asked]:
        """Requests of a method to paths that end so."""
        return [one for one in self.journal if one.method == method and one.path.endswith(ending)]

    def _answer(self, asked: Asked) -> Told:
        self.journal.append(asked)
        return self.destination.answer(asked)


def _handler(answer: Callable[[Asked], Told]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            parts = urlsplit(self.path)
            told = answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            made = told.body if isinstance(told.body, bytes) else orjson.dumps(told.body)
            self.send_response(told.status)
            if made:
                self.send_header("Content-Type", told.media_type)
            for name, value in told.headers.items():
                self.send_header(name, value)
            if told.status != 204:
                self.send_header("Content-Length", str(len(made)))
            self.end_headers()
            self.wfile.write(made)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the journal has it."""

    return Handler
