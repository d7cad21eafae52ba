"""Keeps one connection to the recorder: opens it, says when it is up and when it is gone, and opens it again.

The key that batches are signed with is read anew with every connection, so that a key that was replaced is found by
trying once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from clyra_proxy.evidence.link import Link, OnAnswer
from clyra_proxy.home import Home
from recorder.errors import KeyFileError
from recorder.keys import read_source_key

KEY_NAME: Final = "source"
CONNECT_S = 2.0
RECONNECT_S = (0.05, 0.1, 0.25, 0.5, 1.0)


class Line:
    """Lives on one event loop. why: what ended the last connection, or kept it from being made.

    on_answer: see Link. on_up, on_down: called after each connection was made, and after it was lost.
    """

    def __init__(self, home: Home, on_answer: OnAnswer, on_up: Callable[[], None], on_down: Callable[[], None]) -> None:
        self.why = "the recorder has not been reached yet"
        self._home = home
        self._on_answer = on_answer
        self._on_up = on_up
        self._on_down = on_down
        self._key = b""
        self._link: Link | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._link is not None

    @property
    def trusted(self) -> bool:
        """Whether there is one, and a key the recorder has not refused."""
        return self._link is not None and bool(self._key)

    async def open(self) -> None:
        """Connect if the recorder is there; go on trying in the background if it is not."""
        await self._connect()
        self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    def send(self, body: bytes) -> None:
        """Sign and send one batch, where there is a connection."""
        if self._link is not None:
            self._link.send(body, KEY_NAME, self._key)

    def abort(self) -> None:
        """End this connection; another is made."""
        if self._link is not None:
            self._link.abort()

    def distrust(self) -> None:
        """The recorder refused the key: read it again, for another connection."""
        self._key = b""
        self.abort()

    def close(self) -> None:
        """End it for good."""
        if self._task is not None:
            self._task.cancel()
        self.abort()
        self._gone()

    async def _connect(self) -> bool:
        try:
            self._key = read_source_key(self._home.source_key)
            path = str(self._home.recorder_socket)
            _, link = await asyncio.wait_for(
                asyncio.get_running_loop().create_unix_connection(lambda: Link(self._on_answer, self._gone), path),
                CONNECT_S,
            )
        except (OSError, TimeoutError, KeyFileError) as error:
            self.why = f"{type(error).__name__}"
            return False
        self._link = link
        self._lost.clear()
        self._on_up()
        return True

    def _gone(self) -> None:
        self._link = None
        self._lost.set()
        self.why = "the connection was lost"
        self._on_down()

    async def _keep_connected(self) -> None:
        attempt = 0
        while True:
            if self._link is not None or await self._connect():
                attempt = 0
                await self._lost.wait()
            await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
            attempt += 1
