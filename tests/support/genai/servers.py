"""Servers made with the official SDKs of MCP and A2A, on loopback, for the length of a `with`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from a2a.helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from starlette.applications import Starlette

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
        self.server.add_tool(self._wipe, name="wipe_disk", description="Erases a disk.")
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

    def _wipe(self, disk: str) -> str:
        self.asked.append(disk)
        return f"{disk} is empty"

    async def _think(self, about: str, context: Context) -> str:  # type: ignore[type-arg]
        message = SamplingMessage(role="user", content=TextContent(type="text", text=about))
        made = await context.session.create_message(messages=[message], max_tokens=50)
        return made.content.text  # type: ignore[union-attr]


class _Echo(AgentExecutor):
    """Answers with the agent's text, as one artifact in two pieces when streaming."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self._agent.asked.append(context.get_user_input())
        await event_queue.enqueue_event(new_text_message(self._agent.text, context_id=context.context_id))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


class Agent:
    """An A2A agent (protocol 1.0, and 0.3 on the same endpoint). text: what it answers. asked: what it was told."""

    def __init__(self) -> None:
        self.text = "It rains in Bergen."
        self.asked: list[str] = []

    def card(self, url: str, version: str) -> AgentCard:
        interface = AgentInterface(protocol_binding="JSONRPC", url=f"{url}/a2a", protocol_version=version)
        skill = AgentSkill(id="weather", name="weather", description=WEATHER, tags=["weather"])
        return AgentCard(
            name="weather",
            description=WEATHER,
            version="1",
            supported_interfaces=[interface],
            capabilities=AgentCapabilities(streaming=True),
            default_input_modes=["text/plain"],
            default_output_modes=["text/plain"],
            skills=[skill],
        )

    def application(self) -> Starlette:
        card = self.card("http://placeholder.invalid", "1.0")
        handler = DefaultRequestHandler(_Echo(self), InMemoryTaskStore(), card)
        return Starlette(routes=create_jsonrpc_routes(handler, "/a2a", enable_v0_3_compat=True))
