"""Clients that keep connections alive and count, strictly, what goes wrong.

A client reconnects only when an answer said `Connection: close` or after a failure; a connection that just ends
between two requests is a failure, because nothing announced it. Every failure keeps when its connection was opened,
so that a test can tell requests that were cut with a killed process from a port that did not serve.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from tests.support.raw import Address, Http1Client, SocketEnded, dial


@dataclass(frozen=True, slots=True)
class Failure:
    """opened, at: time.monotonic() of the connection's and the failure's moment."""

    opened: float
    at: float
    what: str


class KeepaliveLoad:
    """`clients` threads that request `url_path` of `upstream` through `proxy` until the block is left."""

    def __init__(self, proxy: Address, upstream: Address, path: str, clients: int = 8, requests: int = 0) -> None:
        """requests: how many a connection carries before the client closes it itself; 0 for no end."""
        self._proxy = proxy
        self._target = f"http://{upstream[0]}:{upstream[1]}{path}"
        self._host = f"{upstream[0]}:{upstream[1]}"
        self._requests = requests
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        self._counting = threading.Lock()
        self._done = 0
        self.failures: list[Failure] = []

    def __enter__(self) -> KeepaliveLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def done(self) -> int:
        """Requests answered 200 so far."""
        return self._done

    def go_on(self, requests: int, seconds: float = 30.0) -> None:
        """Return when that many more requests were answered; fails when they are not."""
        wanted = self.done + requests
        deadline = time.monotonic() + seconds
        while self.done < wanted:
            assert time.monotonic() < deadline, f"{self.done} of {wanted} requests were answered"
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stop.is_set():
            opened = time.monotonic()
            try:
                self._use_one_connection()
            except (OSError, SocketEnded, AssertionError) as error:
                self.failures.append(Failure(opened, time.monotonic(), repr(error)))

    def _use_one_connection(self) -> None:
        with Http1Client(dial(self._proxy, timeout=20.0)) as client:
            sent = 0
            while not self._stop.is_set() and (not self._requests or sent < self._requests):
                answer = client.request("GET", self._target, self._host)
                assert answer.complete, "the connection ended before the answer"
                assert answer.status == 200, f"status {answer.status}"
                sent += 1
                with self._counting:
                    self._done += 1
                if (answer.header("connection") or "").lower() == "close":
                    return
