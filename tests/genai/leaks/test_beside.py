"""What stands beside a conversation: a key there is found, an identifier and a credential in its own place are not."""

from __future__ import annotations

import base64
import json
import random
import uuid
from typing import Any

import pytest

from clyra_proxy.genai.inspection import Caller, Inspection, Signal, Workshop
from clyra_proxy.genai.leaks.inspector import LeakInspector
from clyra_proxy.genai.leaks.templates import Template
from clyra_proxy.genai.protocols.recognise import READINGS
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.state.memory import MemoryState

CHANCE = random.Random(17)
CANARY = "cny-7f3a91c0-northern-lights"
LOOK = LeakInspector(
    Leaks.model_validate({"canaries": [{"name": "planted", "value": CANARY}]}),
    Workshop(MemoryState(), bytes(range(32))),
)


def drawn(shape: str) -> str:
    return Template.parse(shape).make(CHANCE)


def some_uuid() -> str:
    return str(uuid.UUID(int=CHANCE.getrandbits(128), version=4))


def found(name: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    conversation = READINGS[name].request(json.dumps(body).encode())
    signals = LOOK.inspect(Inspection(conversation, Caller("bot"), "api.example.net:443"))
    return [(signal.rule, signal.path) for signal in signals if isinstance(signal, Signal)]


CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}
IDENTIFIERS: dict[str, Any] = {
    "safety_identifier": drawn("{hex:64}"),
    "prompt_cache_key": f"conv-{some_uuid()}",
    "user": f"auth0|{drawn('{hex:24}')}",
    "previous_response_id": f"resp_{drawn('{hex:48}')}",
    "container": f"container_01{drawn('{alnum:22}')}",
    "model_version": "claude-sonnet-4-5-20250929",
    "anthropic_beta": ["computer-use-2025-01-24", "interleaved-thinking-2025-05-14"],
    "metadata": {
        "user_id": f"user_{drawn('{hex:64}')}_account_{some_uuid()}_session_{some_uuid()}",
        "langfuse_session_id": some_uuid(),
        "trace_id": drawn("{hex:32}"),
        "traceparent": f"00-{drawn('{hex:32}')}-{drawn('{hex:16}')}-01",
        "commit": drawn("{hex:40}"),
        "etag": drawn("{hex:32}"),
        "started": "2026-11-23T05:34:19.123456Z",
        "image": f"sha256:{drawn('{hex:64}')}",
        "tool_call_id": f"toolu_01{drawn('{alnum:22}')}",
        "idempotency_key": some_uuid(),
        "cursor": base64.b64encode(CHANCE.randbytes(40)).decode(),
        "build": f"v2.14.0-rc.3+{drawn('{hex:12}')}",
    },
}


@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages", "cohere", "ollama"])
def test_identifiers_are_no_keys(name: str) -> None:
    assert found(name, {**CHAT, **IDENTIFIERS}) == []


@pytest.mark.parametrize(
    ("name", "body", "path"),
    [
        ("openai-chat", {**CHAT, "metadata": {"note": "{key}"}}, "/metadata/note"),
        ("openai-chat", {**CHAT, "user": "{key}"}, "/user"),
        ("openai-chat", {**CHAT, "metadata": {"api_key": "{plain}"}}, "/metadata/api_key"),
        ("openai-embeddings", {"input": "x", "user": "{key}"}, "/user"),
        ("anthropic-messages", {**CHAT, "metadata": {"user_id": "{key}"}}, "/metadata/user_id"),
        ("gemini", {"contents": [{"parts": [{"text": "x"}]}], "labels": {"team": "{key}"}}, "/labels/team"),
        ("bedrock-converse", {"messages": [], "requestMetadata": {"team": "{key}"}}, "/requestMetadata/team"),
        ("openai-chat", {**CHAT, "tools": [{"function": {"name": "f", "parameters": {"default": "{key}"}}}]},
         "/tools/0/function/parameters/default"),
        ("mcp", {"method": "tools/call", "params": {"name": "f", "_meta": {"note": "{key}"}}}, "/params/_meta/note"),
    ],
)  # fmt: skip
def test_keys_are_found(name: str, body: dict[str, Any], path: str) -> None:
    text = json.dumps(body).replace("{key}", drawn("ghp_{alnum:36}")).replace("{plain}", drawn("{alnum:32}"))
    assert found(name, json.loads(text)) == [("leak.secret", path)]


SLOTS = [
    ("openai-responses", {"input": "x", "tools": [{"type": "mcp", "server_label": "s", "authorization": "{key}"}]}),
    ("openai-responses", {"input": "x", "tools": [
        {"type": "mcp", "server_label": "s", "headers": {"Authorization": "Bearer {key}"}}]}),
    ("openai-responses", {"input": "x", "tools": [{"type": "mcp", "server_url": "https://s.site/mcp?api_key={key}"}]}),
    ("anthropic-messages", {**CHAT, "mcp_servers": [{"type": "url", "name": "s", "authorization_token": "{key}"}]}),
    ("anthropic-messages", {**CHAT, "mcp_servers": [{"type": "url", "url": "https://s.site/mcp?api_key={key}"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body"), SLOTS)
def test_a_credential_in_its_own_place_is_where_it_belongs(name: str, body: dict[str, Any]) -> None:
    assert found(name, json.loads(json.dumps(body).replace("{key}", drawn("ghp_{alnum:36}")))) == []
    assert [rule for rule, _ in found(name, json.loads(json.dumps(body).replace("{key}", CANARY)))] == ["leak.canary"]
