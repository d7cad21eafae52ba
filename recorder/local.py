"""Ask the recorder on this machine, over its Unix socket: its status, to seal a window, to change a key."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from recorder.errors import RecorderError, SocketError
from recorder.interface import (
    ANCHOR_PATH,
    APPROVAL_DESK_PATH,
    APPROVALS_PATH,
    CHECKPOINT_PATH,
    ERASURES_PATH,
    KEYS_PATH,
    SEAL_PATH,
    SNAPSHOTS_PATH,
    STATUS_PATH,
)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("recorder", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def get_status(path: Path, timeout: float = 10.0) -> dict[str, Any]:
    """The status document. Raises SocketError when nobody answers."""
    return _ask(path, "GET", STATUS_PATH, b"", timeout)


def request_snapshot(path: Path, data: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
    """Write a `def.snapshot` record; its number, when it is durable. Raises RecorderError."""
    return _ask(path, "POST", SNAPSHOTS_PATH, json.dumps(data).encode(), timeout)


def request_anchor(path: Path, timeout: float = 90.0) -> dict[str, Any]:
    """Ask for the newest checkpoint to be anchored everywhere now; what came of it. Raises RecorderError."""
    return _ask(path, "POST", ANCHOR_PATH, b"", timeout)


def request_seal(path: Path, start: int | None, end: int | None, timeout: float = 600.0) -> dict[str, Any]:
    """Ask for a bundle of [start, end); None means: after the last bundle, up to now. Raises RecorderError."""
    words = " ".join("-" if bound is None else str(bound) for bound in (start, end))
    return _ask(path, "POST", SEAL_PATH, words.encode(), timeout)


def request_checkpoint(path: Path, size: int, timeout: float = 30.0) -> bytes:
    """The log's checkpoint of an earlier size, signed now. Raises SocketError, RecorderError."""
    found = _ask(path, "POST", CHECKPOINT_PATH, str(size).encode(), timeout)
    return str(found["checkpoint"]).encode()


def request_key_change(path: Path, order: dict[str, Any], timeout: float = 120.0) -> dict[str, Any]:
    """Ask the recorder to change a key, see `recorder.keychange`. Raises SocketError, RecorderError."""
    return _ask(path, "POST", KEYS_PATH, json.dumps(order).encode(), timeout)


def request_approval(path: Path, predicate: dict[str, Any], timeout: float = 30.0) -> str:
    """Have an approval certificate signed and kept; its digest. Raises SocketError, RecorderError."""
    return str(_ask(path, "POST", APPROVALS_PATH, json.dumps(predicate).encode(), timeout)["cert_sha256"])


def request_desk(path: Path, order: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
    """Ask the approvals desk, see `recorder.approvals.operator`. Raises SocketError, RecorderError."""
    return _ask(path, "POST", APPROVAL_DESK_PATH, json.dumps(order).encode(), timeout)


def request_erasure(path: Path, data: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
    """Have a `sys.erasure` record written. Raises SocketError, RecorderError."""
    return _ask(path, "POST", ERASURES_PATH, json.dumps(data).encode(), timeout)


def _ask(path: Path, method: str, target: str, body: bytes, timeout: float) -> dict[str, Any]:
    connection = _UnixConnection(path, timeout)
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        document: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SocketError(
            f"No recorder answers on {path}.", f"{type(error).__name__}: {error}.", "Start it, or check --home."
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise RecorderError(f"The recorder refused: {document.get('title', response.status)}")
    return document
