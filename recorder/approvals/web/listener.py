"""The page's own listener: loopback only, bounded, each request answered by `site` on the service's event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from recorder.approvals.office import Office
from recorder.approvals.settings import PageSettings
from recorder.approvals.web.sessions import Sessions
from recorder.approvals.web.site import answer
from recorder.approvals.web.visit import Site
from recorder.errors import SocketError
from recorder.http import Connection, Request

MAX_CONNECTIONS = 64
MAX_TARGET = 8192


@dataclass(eq=False)
class PageListener:
    """url: how browsers reach the page, "" while it is not open."""

    office: Office
    url: str = ""
    _site: Site | None = None
    _server: asyncio.Server | None = None
    _connections: set[Connection] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, settings: PageSettings) -> None:
        """Listen where settings say; nothing when they say nowhere. Raises SocketError."""
        if not settings.listen:
            return
        host, _, port = settings.listen.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connection, host.strip("[]"), int(port))
        except OSError as error:
            raise SocketError(
                f"The approvals page cannot listen on {settings.listen}: {error.strerror}.",
                "",
                "Choose another `page.listen` in approvals.json.",
            ) from None
        bound = self._server.sockets[0].getsockname()[1]
        self.url = settings.url or f"http://localhost:{bound}"
        parts = urlsplit(self.url)
        sessions = Sessions(secure=parts.scheme == "https")
        self._site = Site(self.office, self.url, parts.hostname or "localhost", sessions, {})

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.shut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connection(self) -> Connection:
        return Connection(
            self._handle, self._connections, local=False, max_connections=MAX_CONNECTIONS, max_target=MAX_TARGET
        )

    def _handle(self, request: Request, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(request, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, connection: Connection) -> None:
        assert self._site is not None  # noqa: S101 - nobody connects before it is open
        connection.reply(await answer(self._site, request))
