"""The local upstream of a rehearsal: answers each trial as the trial says, and remembers what reached it whole.

Plain HTTP/1.1 on loopback. A trial is known by the request header `x-clyra-trial`. Rule: a request counts as arrived
only when its own framing said that it was over.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from clyra_proxy.genai.rehearsal.wires import Trial

TRIAL_HEADER = "x-clyra-trial"
_CLIENT_TIMEOUT_S = 60.0


class RehearsalUpstream:
    """Serves inside a `with`. arrived: trial id -> the body that arrived whole."""

    def __init__(self) -> None:
        self.arrived: dict[str, bytes] = {}
        self._trials: dict[str, Trial] = {}
        handler = type("Handler", (_Handler,), {"trials": self._trials, "arrived": self.arrived})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="rehearsal-upstream", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def expect(self, trial: Trial) -> None:
        """Be ready to answer it."""
        self._trials[trial.id] = trial

    def __enter__(self) -> RehearsalUpstream:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _CLIENT_TIMEOUT_S
    disable_nagle_algorithm = True
    trials: dict[str, Trial]
    arrived: dict[str, bytes]

    def do_POST(self) -> None:
        try:
            body = self._read()
        except (OSError, ValueError):
            self.close_connection = True
            return
        name = self.headers.get(TRIAL_HEADER, "")
        trial = self.trials.get(name)
        if trial is None:
            self._answer_whole(404, "application/json", b'{"error":{"message":"no such trial"}}')
            return
        self.arrived[name] = body
        if len(trial.pieces) == 1:
            self._answer_whole(200, trial.media, trial.pieces[0])
        else:
            self._answer_in_pieces(trial)

    def _read(self) -> bytes:
        """The whole body. Raises ValueError when it ends before its framing says so."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while (size := int(self.rfile.readline().strip() or b"x", 16)) > 0:
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        size = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(size)
        if len(body) != size:
            raise ValueError("cut short")
        return body

    def _answer_whole(self, status: int, media: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer_in_pieces(self, trial: Trial) -> None:
        self.send_response(200)
        self.send_header("Content-Type", trial.media)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in trial.pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """The scorecard says what happened."""
