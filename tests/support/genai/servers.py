"""Servers made with the official SDKs of MCP and A2A, on loopback, for the length of a `with`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent

from tests.support.certificates import Leaf

WEATHER = "Looks up the weather of a city."


@contextmanager
def serving(app: Any, leaf: Leaf | None = None) -> Iterator[str]:
    """Serve an ASGI application; yields its base URL. With a leaf: over TLS, for `localhost`."""
    options = {} if leaf is None else {"ssl_certfile": str(leaf.certificate), "ssl_keyfile": str(leaf.key)}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))  # type: ignore[arg-type]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield f"http://127.0.0.1:{port}" if leaf is None else f"https://localhost:{port}"
        server.should_exit = True
        thread.join(10)


class Tools:
    """An MCP server whose answers a test scripts. weather: what the tool returns. asked: every city asked for.

    described: the description of the tool `weather`; `declare` puts it into force.
    """

    def __init__(self, *, json_response: bool = False) -> None:
        self.asked: list[str] = []
        self.weather = "rain in {city}"
        self.page = "Opening hours: 9 to 17."
        self.server = FastMCP("weather", json_response=json_response)
        self.declare(WEATHER)
        self.server.add_tool(self._think, name="think", description="Asks the client's model.")
        self.server.resource("notes://opening", name="opening")(lambda: self.page)
        self.server.prompt(name="greet", description="A greeting.")(lambda name: f"Say hello to {name}.")

    def declare(self, description: str) -> None:
        self.server._tool_manager._tools.pop("weather", None)
        self.server.add_tool(self._weather, name="weather", description=description)

    def begin_anew(self) -> None:
        self.asked.clear()
        self.weather, self.page = "rain in {city}", "Opening hours: 9 to 17."
        self.declare(WEATHER)

    def _weather(self, city: str) -> str:
        self.asked.append(city)
        return self.weather.replace("{city}", city)

    async def _think(self, about: str, context: Context) -> str:  # type: ignore[type-arg]
        message = SamplingMessage(role="user", content=TextContent(type="text", text=about))
        made = await context.session.create_message(messages=[message], max_tokens=50)
        return made.content.text  # type: ignore[union-attr]
