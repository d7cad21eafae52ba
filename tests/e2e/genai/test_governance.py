"""Governance over a proxy of two workers: budgets, loops, chains, pins and drift hold across both."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

from tests.support.certificates import Authority
from tests.support.genai.said import Said, Use
from tests.support.genai.servers import Tools, serving
from tests.support.genai.upstream import Delivery, ModelUpstream
from tests.support.proxy import RunningProxy, local_policy

SECURITY: dict[str, Any] = {
    "budget_ms": 4000,
    "tools": {
        "rules": [{"name": "mail", "tools": ["send_*"], "arguments": [{"path": "/to", "hosts": ["corp.test"]}]}],
    },
    "output": {"contexts": [{"name": "page", "into": ["html"], "agents": ["web"]}]},
    "budgets": {
        "limits": [
            {"name": "spender", "agents": ["spender"], "tokens": 2000, "output_tokens": 1000},
            {"name": "places", "agents": ["slow"], "concurrent": 2},
        ],
        "models": [{"agents": ["intern"], "allow": ["fake-small*"]}],
        "loops": {"agents": [{"agents": ["looper"], "repeated_calls": 3, "cool_off_s": 300}]},
    },
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    policy = local_policy(authority, genai_security=SECURITY)
    with RunningProxy.start(tmp_path_factory.mktemp("governance"), policy, workers=2) as running:
        yield running


class Agent:
    """A client of the proxy under a name. Each request is a connection of its own, so that any worker may get it."""

    def __init__(self, proxy: RunningProxy, models: ModelUpstream, name: str) -> None:
        host, port = proxy.address
        self.proxy = f"http://{name}:x@{host}:{port}"
        self.url = f"{models.tls_url}/v1/chat/completions"
        self.trust = proxy.trust()

    def ask(self, text: str = "What is the weather?", **members: Any) -> httpx.Response:
        said = [{"role": "user", "content": text}]
        body = {"model": "fake-model-1", "messages": said, "max_tokens": 100, **members}
        return httpx.post(self.url, json=body, proxy=self.proxy, verify=self.trust, timeout=30)


def rule(answer: httpx.Response) -> str:
    """The rule that refused a request."""
    assert answer.status_code >= 400, answer.text
    found: str = answer.json()["error"]["clyra"]["rule"]
    return found


def findings(proxy: RunningProxy, where: str, count: int = 1) -> list[dict[str, Any]]:
    """Findings of one rule in the verdict log, once there are `count`."""

    def of(line: dict[str, Any]) -> list[dict[str, Any]]:
        every: list[dict[str, Any]] = line["unmapped"]["clyra"].get("findings", [])
        return [finding for finding in every if finding["rule"] == where]

    lines = proxy.wait_for_verdicts(count, where=lambda line: bool(of(line)))
    return [finding for line in lines for finding in of(line)]


def test_parallel_calls_of_two_workers_stay_within_the_budget(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "spender")
    models.said = Said("fine", input_tokens=5, output_tokens=395)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: agent.ask(f"question {number}", max_tokens=395), range(16)))
    passed = [answer for answer in answers if answer.status_code == 200]
    assert 1 <= len(passed) <= 5
    assert {rule(answer) for answer in answers if answer.status_code != 200} == {"budget.tokens"}
    assert len(models.arrived("/v1/chat/completions")) == len(passed)
    assert rule(agent.ask("too much", max_tokens=1001)) == "budget.tokens"


def test_models_that_are_not_listed_are_refused(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "intern")
    assert rule(agent.ask()) == "budget.model"
    assert agent.ask(model="fake-small-2").status_code == 200


def test_places_are_limited_over_both_workers_and_given_back(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "slow")
    models.delivery = Delivery(cut=64, gap=0.3)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: agent.ask(f"question {number}"), range(6)))
    refused = [rule(answer) for answer in answers if answer.status_code != 200]
    assert len(refused) in range(1, 5)
    assert set(refused) == {"budget.concurrency"}
    models.delivery = Delivery()
    for number in range(4):
        assert agent.ask(f"later {number}").status_code == 200
    assert stat.S_IMODE((proxy.home.root / "state.sqlite").stat().st_mode) == 0o600


def test_a_loop_is_broken_and_cools_off(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "looper")
    models.said = Said("", (Use("search", {"q": "same"}),))
    answers = [agent.ask("look for it") for _ in range(5)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert rule(answers[3]) == "loop.repeat"
    assert rule(answers[4]) == "loop.limit"
    models.said = Said("fine")
    assert agent.ask("something else").status_code == 200, "another conversation is another run"


def test_a_secret_read_is_not_sent(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "courier")
    models.said = Said("", (Use("get_secret", {"name": "db"}),))
    assert agent.ask("read").status_code == 200
    models.said = Said("", (Use("send_mail", {"to": "a@corp.test"}),))
    refused = agent.ask("send")
    assert rule(refused) == "tools.chain", refused.text
    assert Agent(proxy, models, "another").ask("send").status_code == 200


def test_arguments_against_a_condition_are_refused(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "clerk")
    models.said = Said("", (Use("send_mail", {"to": "a@corp.test, b@evil.test"}),))
    assert rule(agent.ask()) == "tools.arguments"
    streamed = agent.ask(stream=True).text
    assert "tools.arguments" in streamed
    assert "evil" not in streamed


def test_active_content_is_refused_where_it_would_act(proxy: RunningProxy, models: ModelUpstream) -> None:
    models.said = Said("Hello <img src=x onerror=steal()>")
    assert rule(Agent(proxy, models, "web").ask()) == "output.unsafe"
    assert Agent(proxy, models, "terminal").ask().status_code == 200


def test_answers_keep_to_the_schema_that_was_asked_for(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "planner")
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    models.said = Said('{"city": "Bergen"}')
    assert agent.ask(response_format=shape).status_code == 200
    models.said = Said('{"town": "Bergen"}')
    assert rule(agent.ask(response_format=shape)) == "output.schema"


def test_drift_is_marked_until_it_is_accepted(proxy: RunningProxy, models: ModelUpstream) -> None:
    agent = Agent(proxy, models, "drifter")
    proxy.begin_anew()

    def ask(system: str) -> None:
        told = [{"role": "system", "content": system}, {"role": "user", "content": "hi"}]
        assert agent.ask(messages=told).status_code == 200

    ask("You are kind.")
    ask("You are kind. And mean.")
    assert len(findings(proxy, "drift.prompt")) == 1
    proxy.clyra("genai", "drift", "accept", "--all", "--agent", "drifter", "--yes", check=True)
    proxy.begin_anew()
    ask("You are kind. And mean.")
    ask("You are something else.")
    assert len(findings(proxy, "drift.prompt", 2)) == 1


async def test_a_tool_that_changed_is_refused_until_it_is_approved(proxy: RunningProxy) -> None:
    tools = Tools()
    with serving(tools.server.streamable_http_app()) as url:
        async with (
            httpx.AsyncClient(proxy=proxy.url, trust_env=False, timeout=20) as web,
            streamable_http_client(f"{url}/mcp", http_client=web) as (reads, writes, _),
            ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            await session.list_tools()
            await session.call_tool("weather", {"city": "Bergen"})
            tools.declare("Looks up the weather of a city, and its mayor.")
            for ask in (session.list_tools(), session.call_tool("weather", {"city": "Bergen"})):
                with pytest.raises(McpError) as refused:
                    await ask
                assert refused.value.error.data["rule"] == "tools.changed"
            proxy.clyra("genai", "tools", "approve", "weather", "--yes", check=True)
            assert len((await session.list_tools()).tools) == 3
            await session.call_tool("weather", {"city": "Bergen"})
            with pytest.raises(McpError) as refused:
                await session.call_tool("weather", {"city": 5})
            assert refused.value.error.data["rule"] == "tools.arguments"
