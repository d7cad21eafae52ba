"""Policy engines on the data path: real addons on the real engine, real Rego, an upstream that says what reached it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from clyra_proxy.enforcement.engines.body import LARGEST
from clyra_proxy.identity.proxy_auth import new_token
from clyra_proxy.verdict.decide import collect_findings
from tests.support.data_path import House, house
from tests.support.engines.asking import opa, openfga
from tests.support.engines.server import EngineProcess

TOKEN, TOKEN_HASH = new_token()
MCP_CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "shell", "arguments": {}}}
PERMIT = """\
@id("agents") permit(principal is Clyra::Agent, action, resource);
@id("guests-read") permit(principal, action == Clyra::Action::"read", resource);
@id("no-mass-delete") forbid(principal, action, resource)
  when { context has rows && context.rows.operations has delete && context.rows.operations.delete > 1 };
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("engines") / "server.log") as running:
        yield running


@asynccontextmanager
async def guarded(folder: Path, mode: str = "enforce", **kinds: Any) -> AsyncIterator[House]:
    """A data path whose policy asks engines. kinds: as `enforcement.engines` has them."""
    (folder / "home").mkdir()
    (folder / "home" / "rules.cedar").write_text(PERMIT)
    agents = {"billing": {"token": TOKEN_HASH}, "other": {"token": TOKEN_HASH}}
    section = {"budget_ms": 8000, **kinds}
    async with house(folder, mode, identity={"agents": agents}, enforcement={"engines": section}) as running:
        yield running


async def send(running: House, method: str = "POST", agent: str = "billing", path: str = "/x", **body: Any) -> int:
    """The status. agent: "" sends no credentials."""
    who = f"{agent}:{TOKEN}@" if agent else ""
    async with httpx.AsyncClient(proxy=f"http://{who}127.0.0.1:{running.port}", trust_env=False, timeout=60) as client:
        response = await client.request(method, f"http://{running.authority}{path}", **body)
    return response.status_code


def rules(running: House, number: int = -1) -> list[str]:
    return [finding.rule for finding in collect_findings(running.ends.exchanges[number])]


async def test_opa_is_asked_who_where_and_what(tmp_path: Path, server: EngineProcess) -> None:
    async with guarded(tmp_path, opa=[opa(server.url, values=["/amount"])]) as running:
        assert await send(running, "GET") == 200
        assert await send(running, json={"amount": 10}) == 200
        assert await send(running, json={"amount": 5000}) == 403
        assert await send(running, "GET", agent="") == 403, "a guess is not billing"
        assert await send(running, content=b"no json", headers={"content-type": "text/plain"}) == 503
        reached = [message.method for message in running.upstream.journal.messages]
    assert reached == ["GET", "POST"]


async def test_a_tool_that_is_called_is_told(tmp_path: Path, server: EngineProcess) -> None:
    async with guarded(tmp_path, opa=[opa(server.url)]) as running:
        headers = {"accept": "application/json, text/event-stream"}
        fine = {**MCP_CALL, "params": {"name": "weather", "arguments": {}}}
        assert await send(running, path="/mcp", json=fine, headers=headers) == 200
        before = len(running.upstream.journal.messages)
        await send(running, path="/mcp", json=MCP_CALL, headers=headers)
        assert len(running.upstream.journal.messages) == before
    denied = running.ends.exchanges[-1].denial
    assert denied is not None
    assert json.loads(denied.body)["id"] == 7, "refused in the protocol's own shape"


async def test_cedar_judges_in_process(tmp_path: Path) -> None:
    async with guarded(tmp_path, cedar=[{"name": "rules", "policies": ["rules.cedar"]}]) as running:
        assert await send(running, json={}) == 200
        assert await send(running, "GET", agent="") == 200
        assert await send(running, json={}, agent="") == 403
        finding = next(f for f in collect_findings(running.ends.exchanges[-1]) if f.rule == "engine.denied")
    assert finding.detail == {"engine": "rules", "kind": "cedar", "reasons": "no-permit"}


async def test_openfga_is_asked_before_the_first_byte_of_a_stream_leaves(tmp_path: Path, server: EngineProcess) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * (LARGEST // 32)

    async with guarded(tmp_path, openfga=[openfga(server.url)]) as running:
        headers = {"content-type": "application/octet-stream"}
        assert await send(running, content=endless(), headers=headers) == 200
        assert await send(running, content=b"x" * 100_000, agent="other", headers=headers) == 403
        assert len(running.upstream.journal.messages) == 1


async def test_in_shadow_nothing_is_held_or_refused_and_all_is_said(tmp_path: Path, server: EngineProcess) -> None:
    bad = opa(f"{server.url}/fault/hang", "plain/yes", name="hangs", timeout_ms=100)
    async with guarded(tmp_path, "shadow", opa=[opa(server.url, values=["/amount"]), bad]) as running:
        assert await send(running, json={"amount": 5000}) == 200
        assert rules(running) == ["engine.denied", "engine.unavailable"]
        exchange = running.ends.exchanges[-1]
    assert exchange.verdict is not None
    assert (exchange.verdict.action.word, exchange.verdict.would_action.word) == ("allow", "block")


async def test_what_is_refused_already_is_not_asked_about_and_not_freed(tmp_path: Path, server: EngineProcess) -> None:
    yes, no = opa(server.url, "plain/yes"), opa(server.url, "plain/no", name="two")
    async with guarded(tmp_path, opa=[yes, no]) as running:
        headers = {"content-type": "application/json"}
        assert await send(running, content=b'{"a": 1, "a": 2}', headers=headers) == 422
        assert rules(running) == ["json.duplicate_key"]


@pytest.mark.parametrize(("outcome", "status"), [("block", 503), ("mark", 200)])
async def test_an_engine_that_is_gone_has_the_declared_outcome(tmp_path: Path, outcome: str, status: int) -> None:
    async with guarded(tmp_path, opa=[opa("http://127.0.0.1:1", on_unavailable=outcome)]) as running:
        assert await send(running, json={}) == status
        assert rules(running) == ["engine.unavailable"]


async def test_an_answer_may_hold_for_a_person_and_nobody_to_ask_is_no_yes(
    tmp_path: Path, server: EngineProcess
) -> None:
    """There is no recorder here, so that nobody can be asked."""
    async with guarded(tmp_path, opa=[opa(server.url, "plain/no", on_denied="approve")]) as running:
        assert await send(running, json={}) >= 400
        assert not running.upstream.journal.messages
        assert rules(running) == ["engine.denied", "approval.unreachable"]
