"""`/healthz`, `/readyz`, `/metrics` and signed orders: answered by threads of the supervisor, so load cannot fail them.

healthz: the supervisor's loop and at least one worker's loop are alive; restart us when this fails. readyz: traffic
is welcome; the policy and the authority are loaded, a worker has passed its self-test and the test was recorded, the
recorder takes records, and we are not draining. The supervisor publishes an immutable snapshot; the thread only
reads it, and distrusts one that is too old.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from clyra_proxy.errors import StartupError

STALE_S = 10.0
LARGEST_ORDER = 8192
CLIENT_TIMEOUT_S = 5.0


type Orders = Callable[[str, Mapping[str, str], bytes], tuple[int, dict[str, Any]]]
"""Answers a POST: path, headers with names in lower case, body -> status and document."""


def refuse_orders(path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """What a listener without orders answers."""
    return 404, {"try": ["/healthz", "/readyz", "/metrics"]}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The supervisor's view at one moment. obstacles: why we are not ready, empty when we are."""

    alive: bool = False
    obstacles: tuple[str, ...] = ("starting",)
    detail: dict[str, object] = field(default_factory=dict)
    taken: float = field(default_factory=time.monotonic)

    @property
    def stale(self) -> bool:
        return time.monotonic() - self.taken > STALE_S


class Board:
    """Holds the latest snapshot; one writer, any number of readers."""

    def __init__(self) -> None:
        self.latest = Snapshot()

    def publish(self, snapshot: Snapshot) -> None:
        self.latest = snapshot

    def healthz(self) -> tuple[int, dict[str, object]]:
        latest = self.latest
        if latest.stale:
            return 503, {"alive": False, "why": "the supervisor's event loop does not answer"}
        return (200 if latest.alive else 503), {"alive": latest.alive}

    def readyz(self) -> tuple[int, dict[str, object]]:
        latest = self.latest
        obstacles = ("the supervisor's event loop does not answer",) if latest.stale else latest.obstacles
        return (503 if obstacles else 200), {"ready": not obstacles, "waiting_for": list(obstacles), **latest.detail}


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_TIMEOUT_S
    server_version = "clyra"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    board: Board
    metrics: Callable[[], bytes]
    orders: Orders

    def do_POST(self) -> None:
        """Signed orders. What has no plain length is not read."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST_ORDER:
            self.close_connection = True
            return self._answer(413 if length.isdigit() else 411, "application/json", b"{}\n")
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, document = type(self).orders(self.path, headers, body)
        self._answer(status, "application/json", json.dumps(document).encode() + b"\n")

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            return self._answer(200, CONTENT_TYPE_LATEST, type(self).metrics())
        probe = {"/healthz": self.board.healthz, "/readyz": self.board.readyz}.get(path)
        status, body = probe() if probe else (404, {"try": ["/healthz", "/readyz", "/metrics"]})
        self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

    do_HEAD = do_GET  # noqa: N815 - the name the base class looks for

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds; they are not news."""


class HealthServer:
    """Serves the probes from construction until `close`."""

    def __init__(
        self, host: str, port: int, board: Board, metrics: Callable[[], bytes], orders: Orders = refuse_orders
    ) -> None:
        said = {"board": board, "metrics": staticmethod(metrics), "orders": staticmethod(orders)}
        handler = type("Handler", (_Handler,), said)
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise StartupError(
                f"Cannot serve health probes on {host} port {port}.",
                f"The system says: {error.strerror or error}.",
                "Choose another address with `telemetry.health_port` or --health, or 0 for any free port.",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
