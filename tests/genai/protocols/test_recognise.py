"""Requests are known by their heads: paths, headers, hosts, and policy's word."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.genai.protocols.names import READING_IDS
from clyra_proxy.genai.protocols.recognise import READINGS, message_reading, reading_of, recognise
from clyra_proxy.verdict.protocol import Protocol, is_mcp, protocol_of, speaks_jsonrpc

OPENAI, GEMINI = "https://api.openai.com/v1", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3%3A0"
LOCAL = "http://localhost:8000"
MCP = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
SOCKET = {"upgrade": "websocket", "connection": "Upgrade"}


def asked(url: str, method: str = "POST", headers: dict[str, str] | None = None) -> tuple[RequestHead, Destination]:
    parts = urlsplit(url)
    fields = tuple((name.encode(), value.encode()) for name, value in (headers or {}).items())
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or ""
    return RequestHead(fields, method, path, "HTTP/1.1"), Destination(host, parts.port or 443, parts.scheme, host)


@pytest.mark.parametrize(
    ("url", "headers", "reading", "protocol"),
    [
        (f"{OPENAI}/chat/completions", {}, "openai-chat", Protocol.OPENAI),
        (f"{LOCAL}/v1/chat/completions", {}, "openai-chat", Protocol.OPENAI),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1",
            {},
            "openai-chat",
            Protocol.OPENAI,
        ),
        ("https://api.mistral.ai/v1/chat/completions", {}, "mistral", Protocol.OPENAI),
        (f"{OPENAI}/completions", {}, "openai-completions", Protocol.OPENAI),
        (f"{OPENAI}/responses", {}, "openai-responses", Protocol.OPENAI),
        (f"{OPENAI}/embeddings", {}, "openai-embeddings", Protocol.OPENAI),
        (f"{OPENAI}/some/new/operation", {"content-type": "application/json"}, "generic", Protocol.OPENAI),
        ("https://api.anthropic.com/v1/messages", {}, "anthropic-messages", Protocol.ANTHROPIC),
        (f"{LOCAL}/v1/messages?beta=true", {}, "anthropic-messages", Protocol.ANTHROPIC),
        (f"{LOCAL}/v1/messages/count_tokens", {}, "anthropic-messages", Protocol.ANTHROPIC),
        (f"{VERTEX}/anthropic/models/claude:streamRawPredict", {}, "anthropic-messages", Protocol.ANTHROPIC),
        (f"{GEMINI}:generateContent", {}, "gemini", Protocol.GEMINI),
        (f"{GEMINI}:streamGenerateContent?alt=sse", {}, "gemini", Protocol.GEMINI),
        (f"{VERTEX}/google/models/gemini:streamGenerateContent", {}, "gemini", Protocol.GEMINI),
        (f"{BEDROCK}/converse", {}, "bedrock-converse", Protocol.BEDROCK),
        (f"{BEDROCK}/converse-stream", {}, "bedrock-converse", Protocol.BEDROCK),
        (f"{LOCAL}/model/m/invoke", {}, "bedrock-invoke", Protocol.BEDROCK),
        (f"{BEDROCK}/invoke-with-response-stream", {}, "bedrock-invoke", Protocol.BEDROCK),
        (f"{LOCAL}/v2/chat", {}, "cohere", Protocol.COHERE),
        ("https://api.cohere.com/v1/chat", {}, "cohere", Protocol.COHERE),
        (f"{LOCAL}/v1/messages/batches", {"anthropic-version": "2023-06-01"}, "generic", Protocol.ANTHROPIC),
        (f"{LOCAL}/v1/threads/runs", {"openai-beta": "assistants=v2"}, "generic", Protocol.OPENAI),
        (f"{LOCAL}/v1beta/cachedContents", {"x-goog-api-key": "k"}, "generic", Protocol.GEMINI),
        (f"{LOCAL}/api/chat", {}, "ollama", Protocol.OLLAMA),
        (f"{LOCAL}/api/generate", {}, "ollama", Protocol.OLLAMA),
        (f"{LOCAL}/mcp", MCP, "mcp", Protocol.MCP),
        (f"{LOCAL}/v1/messages", {"mcp-session-id": "s"}, "mcp", Protocol.MCP),
        (f"{LOCAL}/messages/?session_id=abc", {}, "mcp", Protocol.MCP),
        (f"{LOCAL}/message?x=1&sessionId=abc", {}, "mcp", Protocol.MCP),
        (f"{LOCAL}/agent", {"a2a-version": "1.0", **MCP}, "a2a", Protocol.A2A),
        (f"{LOCAL}/message:send", {}, "a2a", Protocol.A2A),
        (f"{LOCAL}/tenant/message:stream", {"a2a-version": "1.0"}, "a2a", Protocol.A2A),
    ],
)
def test_posted(url: str, headers: dict[str, str], reading: str, protocol: Protocol) -> None:
    request, destination = asked(url, headers=headers)
    found = recognise(request, destination)
    assert found is not None
    assert found.id == reading
    assert protocol_of(request, destination) is protocol


@pytest.mark.parametrize(
    ("url", "headers", "reading"),
    [
        ("wss://api.openai.com/v1/realtime?model=gpt-realtime", SOCKET, "openai-realtime"),
        ("wss://api.openai.com/v1/responses", SOCKET, "openai-responses"),
        (
            "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            SOCKET,
            "gemini",
        ),
        (f"{LOCAL}/anything", {**SOCKET, "sec-websocket-protocol": "mcp"}, "mcp"),
    ],
)
def test_sessions_over_websocket(url: str, headers: dict[str, str], reading: str) -> None:
    found = recognise(*asked(url, "GET", headers))
    assert found is not None
    assert found.id == reading
    assert message_reading(found) is not None


@pytest.mark.parametrize(
    ("url", "headers", "reading"),
    [
        (f"{LOCAL}/mcp", {"mcp-session-id": "s", "accept": "text/event-stream"}, "mcp"),
        (f"{LOCAL}/sse", {"accept": "text/event-stream"}, "mcp"),
        (f"{LOCAL}/.well-known/agent-card.json", {}, "a2a"),
    ],
)
def test_opened_by_get(url: str, headers: dict[str, str], reading: str) -> None:
    found = recognise(*asked(url, "GET", headers))
    assert found is not None
    assert found.id == reading


@pytest.mark.parametrize(
    ("url", "method", "headers"),
    [
        ("https://example.com/", "POST", {"content-type": "application/json"}),
        ("https://example.com/v1/generate", "POST", {}),
        ("https://example.com/messages?session=1", "POST", {}),
        ("https://example.com/api/chats", "POST", {}),
        ("https://example.com/events", "GET", {"accept": "text/event-stream"}),
        (f"{OPENAI}/models", "GET", {}),
        (f"{OPENAI}/files", "POST", {"content-type": "application/pdf"}),
        ("https://example.com/chat", "GET", SOCKET),
    ],
)
def test_others_are_let_alone(url: str, method: str, headers: dict[str, str]) -> None:
    assert recognise(*asked(url, method, headers)) is None


def test_the_words_for_policy_are_those_of_the_readings() -> None:
    assert tuple(sorted(READINGS)) == READING_IDS


def test_policy_has_the_last_word() -> None:
    request, destination = asked(f"{LOCAL}/anything")
    for id in READINGS:
        found = recognise(request, destination, id)
        assert found is not None
        assert found.id == id
        assert reading_of(id).id == id
    assert recognise(*asked(f"{OPENAI}/chat/completions"), "off") is None
    assert protocol_of(request, destination, "mistral") is Protocol.OPENAI
    assert protocol_of(request, destination, "ollama") is Protocol.OLLAMA
    assert protocol_of(request, destination, "auto") is Protocol.HTTP
    assert speaks_jsonrpc(request, "a2a")
    assert not speaks_jsonrpc(request)


def test_model_and_method_come_from_the_path() -> None:
    gemini = recognise(*asked(f"{GEMINI}:streamGenerateContent"))
    bedrock = recognise(*asked(f"{BEDROCK}/converse-stream"))
    assert gemini is not None
    assert bedrock is not None
    said = gemini.request(json.dumps({"contents": [{"parts": [{"text": "x"}]}]}).encode())
    assert (said.model, said.operation, said.stream) == ("gemini-2.5-pro", "streamGenerateContent", True)
    said = bedrock.request(json.dumps({"messages": [{"role": "user", "content": [{"text": "x"}]}]}).encode())
    assert (said.model, said.stream) == ("anthropic.claude-3:0", True)
    assert gemini.stream("application/json; charset=UTF-8", None) is not None
    whole = recognise(*asked(f"{GEMINI}:generateContent"))
    assert whole is not None
    assert whole.stream("application/json", None) is None


@pytest.mark.parametrize(
    "path", ["/messages?" * 6000, "/models/a:" * 6000, "/models/" + ":a" * 30_000, "/model/" * 9000, "?&" * 30_000]
)
def test_a_hostile_path_is_nobodys(path: str) -> None:
    """Patterns that went back over such a path would outlive the test's timeout when asked so often."""
    request, destination = asked(LOCAL)
    request.path = path
    for _ in range(50):
        assert recognise(request, destination) is None
        assert protocol_of(request, destination) is Protocol.HTTP


def test_an_agent_is_no_tool_server() -> None:
    request, _ = asked(f"{LOCAL}/agent", headers={"a2a-version": "1.0", **MCP})
    assert not is_mcp(request)
    assert speaks_jsonrpc(request)
