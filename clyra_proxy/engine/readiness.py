"""`/healthz`, `/readyz` and `/metrics`, answered by a thread of the supervisor so that load cannot fail them.

healthz: the supervisor's loop and at least one worker's loop are alive; restart us when this fails. readyz: traffic
is welcome; the policy and the authority are loaded, a worker has passed its self-test and the test was recorded, the
recorder takes records, and we are not draining. The supervisor publishes an immutable snapshot; the thread only
reads it, and distrusts one that is too old.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST

from clyra_proxy.errors import StartupError

STALE_S = 10.0
CLIENT_TIMEOUT_S = 5.0


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

    def __init__(self, host: str, port: int, board: Board, metrics: Callable[[], bytes]) -> None:
        handler = type("Handler", (_Handler,), {"board": board, "metrics": staticmethod(metrics)})
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
