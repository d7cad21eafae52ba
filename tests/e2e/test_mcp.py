"""The official MCP client and server with the proxy between: a refused call fails alone, the session lives on."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.fastmcp import FastMCP

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy

CALL = {
    "type": "object",
    "required": ["jsonrpc", "method"],
    "if": {"properties": {"method": {"const": "tools/call"}}},
    "then": {
        "properties": {
            "params": {"properties": {"arguments": {"properties": {"city": {"type": "string", "maxLength": 2000}}}}}
        }
    },
}
"""Refuses one thing: a call whose city is no text of at most 2000 characters."""


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """What the tool was asked."""
    return []


@pytest.fixture(scope="module")
def server_url(asked: list[str]) -> Iterator[str]:
    server = FastMCP("weather", json_response=False)

    @server.tool()
    def weather(city: str) -> str:
        asked.append(city)
        return f"rain in {city}"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="warning"))
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        serving.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def mcp_proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("mcp")
    schema = folder / "call.json"
    schema.write_text(json.dumps(CALL))
    rules = [{"name": "calls", "paths": ["/mcp"], "methods": ["POST"], "schema": {"request": str(schema)}}]
    with RunningProxy.start(folder, local_policy(authority, destinations={"local": {"rules": rules}})) as running:
        yield running


@asynccontextmanager
async def session_through(proxy: RunningProxy, url: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(proxy=proxy.url, trust_env=False, timeout=20) as web,
        streamable_http_client(url, http_client=web) as (reads, writes, _),
        ClientSession(reads, writes) as session,
    ):
        await session.initialize()
        yield session


async def call(session: ClientSession, city: object) -> str:
    answer = await session.call_tool("weather", {"city": city})
    return answer.content[0].text  # type: ignore[union-attr]


async def test_a_refused_call_is_an_error_of_that_call(
    mcp_proxy: RunningProxy, server_url: str, asked: list[str]
) -> None:
    async with session_through(mcp_proxy, server_url) as session:
        assert await call(session, "Bergen") == "rain in Bergen"
        for bad in (7, "x" * 2001, "x" * 50_000):
            with pytest.raises(McpError) as refused:
                await call(session, bad)
            assert refused.value.error.code == -32600
            assert refused.value.error.data["code"] == "schema_violation"
            assert refused.value.error.data["pointer"] == "/params/arguments/city"
        assert await call(session, "Oslo") == "rain in Oslo"
        assert [tool.name for tool in (await session.list_tools()).tools] == ["weather"]
    assert asked == ["Bergen", "Oslo"]
