"""OpenAI chat completions, Anthropic messages and MCP: their documented examples, whole and streamed."""

from __future__ import annotations

import itertools
import json

import pytest

from clyra_proxy.genai.model import Provenance, Usage
from clyra_proxy.genai.protocols.reading import DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.recognise import READINGS
from tests.genai.protocols.reading_examples import bare, example, read_stream, reader_of, said

CHAT, MESSAGES, MCP = READINGS["openai-chat"], READINGS["anthropic-messages"], READINGS["mcp"]
SSE = "text/event-stream; charset=utf-8"


def test_a_chat_request() -> None:
    conversation = CHAT.request(example("openai-chat/request.json"))
    assert [part for part in said(conversation) if part[0] != "tool_description"] == [
        ("system", "You are a weather assistant."),
        ("user", "What is the weather in Paris?"),
        ("user", "https://example.com/map.png"),
        ("document", "Notes about Paris"),
        ("arguments", "Paris"),
        ("arguments", "c"),
        ("tool_result", '{"temperature": 21}'),
        ("user", "And tomorrow?"),
    ]
    assert (conversation.model, conversation.stream, conversation.max_output_tokens) == ("gpt-4o", True, 300)
    assert conversation.structured == {"type": "object", "properties": {"sky": {"type": "string"}}}
    (tool,) = conversation.tools
    assert (tool.name, tool.path, tool.schema is not None) == ("get_weather", "/tools/0", True)
    (call,) = conversation.calls
    assert (call.name, call.arguments, call.id, call.history) == (
        "get_weather",
        {"city": "Paris", "unit": "c"},
        "call_abc",
        True,
    )
    assert call.path == "/messages/2/tool_calls/0/function/arguments"
    assert conversation.unread == ("image",)
    result = next(part for part in conversation.segments if part.provenance is Provenance.TOOL_RESULT)
    assert (result.name, result.history, result.path) == ("get_weather", False, "/messages/3/content")
    history = {part.text for part in conversation.segments if part.history}
    assert history == {
        "What is the weather in Paris?",
        "https://example.com/map.png",
        "Notes about Paris",
        "Paris",
        "c",
    }


def test_a_messages_request() -> None:
    conversation = MESSAGES.request(example("anthropic-messages/request.json"))
    assert [part for part in said(conversation) if part[0] != "tool_description"] == [
        ("system", "Answer from the documents."),
        ("user", "What is the weather in Paris?"),
        ("assistant", "I should ask the tool."),
        ("arguments", "Paris"),
        ("tool_result", "21 degrees"),
        ("document", "station"),
        ("document", "Measured at noon."),
        ("document", "log.csv"),
        ("document", "From the archive"),
        ("document", "day,t\n1,21\n"),
        ("document", "Weather"),
        ("document", "https://example.com/w"),
        ("document", "Sunny."),
        ("user", "And tomorrow?"),
    ]
    assert [(tool.name, tool.kind) for tool in conversation.tools] == [
        ("get_weather", "function"),
        ("web_search", "web_search_20250305"),
    ]
    assert conversation.unread == ("image",)
    assert [medium.media_type for medium in conversation.media] == ["image/png"]
    result = next(part for part in conversation.segments if part.text == "21 degrees")
    assert (result.name, result.path) == ("get_weather", "/messages/2/content/0/content/0/text")
    assert [part.text for part in conversation.segments if part.history] == [
        "What is the weather in Paris?",
        "I should ask the tool.",
        "Paris",
    ]


@pytest.mark.parametrize(
    ("name", "texts", "usage", "finish"),
    [
        (
            "openai-chat",
            [("assistant", "Let me look."), ("arguments", "Paris")],
            Usage(19, 10),
            "tool_calls",
        ),
        (
            "anthropic-messages",
            [
                ("assistant", "The user wants the weather."),
                ("assistant", "Okay, let's check the weather."),
                ("arguments", "San Francisco, CA"),
                ("arguments", "fahrenheit"),
            ],
            Usage(472, 89),
            "tool_use",
        ),
    ],
)
def test_an_answer_reads_alike_whole_and_streamed(
    name: str, texts: list[tuple[str, str]], usage: Usage, finish: str
) -> None:
    reading = READINGS[name]
    whole = reading.response(200, "application/json", example(f"{name}/response.json"), None)
    assert said(whole) == texts
    assert (whole.usage, whole.finish_reason, whole.unread) == (usage, finish, ())
    body = example(f"{name}/stream.sse")
    reader = reader_of(reading, SSE)
    events = read_stream(reader, body)
    assert bare(reader.conversation()) == bare(whole)
    assert reader.conversation().stream
    assert (events[0].start, events[-1].end) == (0, len(body))
    assert all(left.end == right.start for left, right in itertools.pairwise(events))
    for event in events:
        for delta in event.deltas:
            if delta.path and event.data is not None:
                value = json.loads(body[slice(*event.data)])
                for token in delta.path.split("/")[1:]:
                    value = value[int(token)] if isinstance(value, list) else value[token]
                assert value == delta.text
    assert any(delta.kind is DeltaKind.FINISH for event in events for delta in event.deltas)


@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages", "mcp"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_split_of_a_stream_gives_the_same_events(name: str, ending: bytes) -> None:
    body = example(f"{name}/stream.sse").replace(b"\n", ending)
    reading = READINGS[name]
    whole = reader_of(reading, SSE)
    expected = read_stream(whole, body)
    for at in range(0, len(body), 3):
        reader = reader_of(reading, SSE)
        assert read_stream(reader, body, [at]) == expected
    byte_by_byte = reader_of(reading, SSE)
    assert read_stream(byte_by_byte, body, range(1, len(body))) == expected
    assert byte_by_byte.conversation() == whole.conversation()


SERVER_USE = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
CONNECTOR_USE = {"type": "mcp_tool_use", "id": "s2", "name": "echo", "server_name": "s", "input": {}}
ADDED = "response.output_item.added"
MCP_CALL = {"type": "mcp_call", "id": "m1", "name": "roll", "server_label": "dice", "arguments": "{}"}


@pytest.mark.parametrize(
    ("id", "event", "whole"),
    [
        ("anthropic-messages", {"type": "content_block_start", "index": 0, "content_block": use}, {"content": [use]})
        for use in (SERVER_USE, CONNECTOR_USE, {**SERVER_USE, "type": "tool_use"})
    ]
    + [
        (
            "openai-responses",
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"output": [item]},
        )
        for item in (MCP_CALL, {**MCP_CALL, "type": "function_call"}, {**MCP_CALL, "type": "custom_tool_call"})
    ],
)
def test_a_call_is_of_the_same_kind_of_tool_whole_and_streamed(id: str, event: dict, whole: dict) -> None:
    reading = READINGS[id]
    (call,) = reading.response(200, "application/json", json.dumps(whole).encode(), None).calls
    (read,) = reader_of(reading, "text/event-stream").feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    assert [delta.tool for delta in read.deltas if delta.kind is DeltaKind.CALL] == [call.kind]


def test_an_mcp_call_and_its_answer() -> None:
    request = MCP.request(example("mcp/tools-call.request.json"))
    (call,) = request.calls
    assert (request.operation, call.name, call.kind, call.id) == ("tools/call", "get_weather", "mcp_tool", "2")
    assert said(request) == [("arguments", "New York")]
    answer = MCP.response(200, "application/json", example("mcp/tools-call.response.json"), request)
    assert said(answer) == [
        ("tool_result", "Current weather in New York: 22.5"),
        ("document", "# Notes"),
        ("document", "hello blob"),
        ("tool_result", "main.rs"),
        ("tool_result", "Primary entry point"),
        ("tool_result", "file:///project/src/main.rs"),
        ("tool_result", "Partly cloudy"),
    ]
    assert answer.segments[0].name == "get_weather"
    assert answer.unread == ("image",)


def test_an_mcp_tool_list() -> None:
    answer = MCP.response(200, "application/json", example("mcp/tools-list.response.json"), None)
    assert [(tool.name, tool.kind, tool.path) for tool in answer.tools] == [
        ("get_weather", "mcp_tool", "/result/tools/0"),
        ("send", "mcp_tool", "/result/tools/1"),
    ]
    assert ("tool_description", "City name or zip code") in said(answer)


def test_an_mcp_stream_is_messages() -> None:
    request = MCP.request(example("mcp/tools-call.request.json"))
    reader = reader_of(MCP, SSE, request)
    events = read_stream(reader, example("mcp/stream.sse"))
    messages = [delta.conversation for event in events for delta in event.deltas if delta.conversation is not None]
    assert [said(message) for message in messages] == [
        [("tool_result", "info"), ("tool_result", "db"), ("tool_result", "Connection failed")],
        [("tool_result", "Summarise the page."), ("tool_result", "You are helpful.")],
        [("tool_result", "Current weather")],
    ]
    assert messages[1].calls[0].kind == "mcp_sampling"
    assert messages[1].max_output_tokens == 100
    assert messages[2].segments[0].name == "get_weather"
    everything = reader.conversation()
    assert [part for message in messages for part in said(message)] == said(everything)


def test_an_mcp_batch() -> None:
    batch = [json.loads(example("mcp/tools-call.request.json")), {"jsonrpc": "2.0", "method": "notifications/x"}]
    conversation = MCP.request(json.dumps(batch).encode())
    assert [call.path for call in conversation.calls] == ["/0/params/arguments"]


@pytest.mark.parametrize("reading", [CHAT, MESSAGES, MCP], ids=lambda reading: reading.id)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"\xff\xfe{\x00}\x00", "not_json"),
        (b"[NaN]", "not_json"),
        (b"17", "unknown_shape"),
        (b"{}", "unknown_shape"),
        (b'{"messages": "x"}', "unknown_shape"),
        (b'{"messages": [], "messages": [], "method": "x"}', "duplicate_key"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "too_deep"),
    ],
)
def test_what_cannot_be_read_is_said_to_be(reading: object, body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        reading.request(body)  # type: ignore[attr-defined]
    assert caught.value.reason == reason


def test_an_unknown_block_is_read_and_named() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "hologram", "beam": {"words": "hidden order"}}]}]}
    for reading in (CHAT, MESSAGES):
        conversation = reading.request(json.dumps(body).encode())
        assert ("user", "hidden order") in said(conversation)
        assert conversation.unread == ("unknown_block:hologram",)


def test_half_an_emoji_is_no_obstacle() -> None:
    body = b'{"messages": [{"role": "user", "content": "cut \\ud83d here"}]}'
    assert said(CHAT.request(body)) == [("user", "cut \ufffd here")]


def test_an_error_answer_is_read() -> None:
    for body in (b'{"error": {"message": "too long: your prompt"}}', b"<html>too long: your prompt</html>"):
        conversation = CHAT.response(400, "application/json", body, None)
        assert conversation.error
        assert any("your prompt" in text for _, text in said(conversation))
