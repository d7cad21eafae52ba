"""A real recorder process on a data folder of its own, and a plain client that signs what it hands in."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from recorder import signature
from recorder.interface import RECORDS_MEDIA, RECORDS_PATH
from recorder.keys import read_source_key
from recorder.layout import Layout

READY_LIMIT_S = 20.0


class RecorderProcess:
    """Started by the constructor; `kill` is a kill -9."""

    def __init__(self, home: Path, *options: str, log: Path | None = None) -> None:
        self.layout = Layout(home)
        command = [sys.executable, "-P", "-m", "recorder.main", "serve", "--home", str(home), *options]
        self.log = (log or home.parent / f"{home.name}.recorder.log").open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=Path(__file__).parents[2]
        )

    def wait_ready(self) -> RecorderProcess:
        deadline = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, Path(self.log.name).read_text()
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.layout.socket))
                return self
            time.sleep(0.01)
        raise AssertionError("the recorder did not become ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        code = self.process.wait(30)
        self.log.close()
        return code


@contextlib.contextmanager
def running_recorder(home: Path, *options: str) -> Iterator[RecorderProcess]:
    """A ready recorder that is gone when the block ends."""
    recorder = RecorderProcess(home, *options)
    try:
        yield recorder.wait_ready()
    finally:
        recorder.kill()


class UnixHttp(http.client.HTTPConnection):
    """http.client over the recorder's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("recorder", timeout=20)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def batch_body(source: str, first: int, events: Sequence[dict[str, Any]], **header: Any) -> bytes:
    lines = [orjson.dumps({"source": source, "first": first, **header}), *(orjson.dumps(event) for event in events)]
    return b"\n".join(lines)


def signed_headers(layout: Layout, body: bytes, now: float | None = None) -> dict[str, str]:
    key = read_source_key(layout.keys.path("source"))
    text = signature.sign("POST", RECORDS_PATH, RECORDS_MEDIA, body, "source", key, now)
    return dict(line.split(": ", 1) for line in text.strip().split("\r\n"))


def post(layout: Layout, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Hand in one batch; (status, document). Raises OSError when the recorder goes away."""
    connection = UnixHttp(layout.socket)
    try:
        connection.request("POST", RECORDS_PATH, body, headers or signed_headers(layout, body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


VERDICT = {
    "decision": "allow",
    "reason": "none",
    "policy_sha256": "c" * 64,
    "engine": "clyra/test",
    "mode": "enforce",
    "eval_us": 7,
}


def intent(exchange: str, **data: Any) -> dict[str, Any]:
    """A valid intent event."""
    return {
        "typ": "pef.http_call",
        "agent": {"uid": "agent-1", "auth": "proxy"},
        "act": {"op": "http.request", "proto": "HTTP/1.1", "method": "POST", "target": "/v1/rows"},
        "verdict": VERDICT,
        "data": {"phase": "intent", "exchange": exchange, **data},
    }


def outcome(exchange: str, **data: Any) -> dict[str, Any]:
    """A valid outcome event."""
    found = {"phase": "outcome", "exchange": exchange, "result": "completed", **data}
    return {"typ": "pef.http_call", "verdict": VERDICT, "data": found}
