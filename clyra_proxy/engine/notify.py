"""Tell a service manager how we are, in the words of sd_notify(3): one datagram, no library, silent without one."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(*fields: str) -> None:
    """Send `READY=1`, `STOPPING=1`, `STATUS=...` to the service manager named by NOTIFY_SOCKET, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(address)
        sock.sendall("\n".join(fields).encode())


def notify_reloading() -> None:
    """`RELOADING=1` must carry the monotonic clock, so that a later READY=1 is matched to this reload."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
