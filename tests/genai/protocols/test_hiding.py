"""Places where a text could hide from a reading while a client or a model sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.protocols.bedrock import ConverseAssembler
from clyra_proxy.genai.protocols.mcp import McpMessages
from clyra_proxy.genai.protocols.reading import DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.recognise import READINGS
from tests.genai.protocols.answers import ENCODERS, SSE, Answer, responses
from tests.genai.protocols.reading_examples import read_stream, reader_of, said
from tests.genai.protocols.test_parity import at

ORDER = "do as I say"


def all_texts(name: str, stream: bytes) -> list[str]:
    """Everything read of a stream: the conversation, and messages in it."""
    reader = reader_of(READINGS[name], SSE)
    events = read_stream(reader, stream)
    found: list[Conversation] = [reader.conversation()]
    found += [delta.conversation for event in events for delta in event.deltas if delta.conversation is not None]
    return [text for conversation in found for _, text in said(conversation)]


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize(
    "line", [": hello{}data: {}\n", "id: 1{}data: {}\n", "event: x{}data: {}\n", "foo{}data: {}\n"]
)
@pytest.mark.parametrize("name", ["gemini", "a2a", "mcp", "openai-chat"])
def test_lines_within_lines(name: str, line: str, odd: str) -> None:
    """A client that ends lines at U+2028 and the like finds data in what is a comment to others."""
    hidden = json.dumps({"result": {"message": {"parts": [{"text": ORDER}]}}})
    stream = (line.format(odd, hidden) + "\n").encode()
    assert ORDER in all_texts(name, stream)


def test_a_text_may_hold_such_characters() -> None:
    text = "one\u2028two\x85"
    stream = "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}, ensure_ascii=False) + "\n\n"
    assert all_texts("openai-chat", stream.encode()) == [text]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai-chat", {"messages": [], "new_member": {"deep": [ORDER]}}),
        ("openai-chat", {"messages": [{"role": "user", "content": "x", "new_member": ORDER}]}),
        ("openai-chat", {"messages": [{"role": "user", "content": [[{"t": ORDER}]]}]}),
        ("openai-chat", {"messages": [{"role": "user", "content": {"type": "text", "text": ORDER}}]}),
        ("openai-chat", {"messages": [{"role": "strange", "content": ORDER}]}),
        ("openai-chat", {"messages": [], "chat_template": ORDER}),
        ("openai-chat", {"messages": [], "documents": [{"title": "t", "text": ORDER}]}),
        ("openai-responses", {"input": [{"type": "new_item", "x": ORDER}]}),
        ("openai-responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"x": ORDER}]}]}),
        ("openai-responses", {"input": [{"type": "new_call_output", "results": {"x": ORDER}}]}),
        ("openai-responses", {"input": "x", "prompt": {"id": "p", "variables": {"a": ORDER}}}),
        ("anthropic-messages", {"messages": [], "system": [{"type": "text", "text": ORDER}]}),
        ("anthropic-messages", {"messages": [], "context_management": {"edits": [{"instructions": ORDER}]}}),
        (
            "anthropic-messages",
            {"messages": [{"role": "user", "content": [{"type": "new_tool_result", "content": [{"x": ORDER}]}]}]},
        ),
        ("gemini", {"contents": {"parts": {"text": ORDER}}}),
        ("gemini", {"contents": [], "system_instruction": ORDER}),
        ("gemini", {"contents": [{"parts": [{"function_response": {"name": "f", "response": {"x": ORDER}}}]}]}),
        ("bedrock-converse", {"messages": [{"role": "user", "content": [{"newKind": {"x": ORDER}}]}]}),
        ("bedrock-converse", {"messages": [], "additionalModelRequestFields": {"x": ORDER}}),
        ("bedrock-invoke", {"something": {"else": ORDER}}),
        ("cohere", {"message": "x", "tool_results": [{"call": {"name": "f"}, "outputs": [{"x": ORDER}]}]}),
        ("ollama", {"messages": [], "template": ORDER}),
        ("mcp", {"method": "new/method", "params": {"x": [{"y": ORDER}]}}),
        ("a2a", {"method": "new/method", "params": {"message": {"parts": [{"data": {"x": ORDER}}]}}}),
    ],
)
def test_odd_places_of_requests(name: str, body: dict[str, Any]) -> None:
    assert ORDER in [text for _, text in said(READINGS[name].request(json.dumps(body).encode()))]


@pytest.mark.parametrize(
    "result",
    [
        {"tools": [{"name": "x", "inputSchema": {"properties": {"a": {"description": ORDER}}}}]},
        {"tools": [{"name": "x", "inputSchema": {"properties": {ORDER: {}}}}]},
        {"tools": [{"name": "x", "outputSchema": {"anyOf": [{"default": ORDER}]}, "annotations": {"title": ORDER}}]},
        {"tools": {"name": "x", "description": ORDER}},
        {
            "content": [
                {"type": "resource", "resource": {"uri": "x", "mimeType": "text/html", "blob": "ZG8gYXMgSSBzYXk"}}
            ]
        },
        {"content": {"type": "text", "text": ORDER}},
        {"structuredContent": {"a": [{"b": ORDER}]}},
        {"contents": [{"uri": "x", "text": ORDER}]},
        {"prompts": [{"name": "p", "arguments": [{"name": "a", "description": ORDER}]}]},
        {"resourceTemplates": [{"uriTemplate": "x://{a}", "name": "t", "description": ORDER}]},
        {"messages": [{"role": "assistant", "content": {"type": "text", "text": ORDER}}]},
        {"instructions": ORDER, "serverInfo": {"name": "s"}},
        {"new_member": {"x": ORDER}},
        {"_meta": {"note": ORDER}},
        {"nextCursor": ORDER},
        [ORDER],
        ORDER,
    ],
)
def test_odd_places_of_answers_of_mcp_servers(result: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    conversation = READINGS["mcp"].response(200, "application/json", body, None)
    found = {(segment.provenance.foreign, segment.text) for segment in conversation.segments}
    assert (True, ORDER) in found


def test_an_answer_that_is_streamed_twice_and_differently_counts_twice() -> None:
    stream = responses(Answer(ORDER))[1]
    deltas, done = stream.split(b"event: response.output_text.done")
    shown = deltas + b"event: response.output_text.done" + done.replace(ORDER.encode(), b"all is well")
    texts = all_texts("openai-responses", shown)
    assert ORDER in texts
    assert "all is well" in texts


def test_every_repetition_in_a_stream_can_be_edited() -> None:
    """A secret stands in deltas, in `done` events, in finished items and in the finished response."""
    stream = responses(Answer("a secret"))[1]
    reader = reader_of(READINGS["openai-responses"], SSE)
    placed = 0
    for event in read_stream(reader, stream):
        for delta in event.deltas:
            if delta.kind is DeltaKind.TEXT and delta.text == "a secret":
                assert delta.path
                assert event.data is not None
                placed += 1
    assert placed == stream.count(b"a secret")


def test_kinds_from_a_body_are_not_told_unless_they_are_plain() -> None:
    for kind, told in (("hologram_2", "hologram_2"), ("sk-live 123", "odd"), ("x" * 80, "odd"), (ORDER, "odd")):
        body = json.dumps({"messages": [{"role": "user", "content": [{"type": kind}]}]}).encode()
        assert READINGS["openai-chat"].request(body).unread == (f"unknown_block:{told}",)


def test_a_clients_answers_to_its_server_are_its_own() -> None:
    session = McpMessages()
    sampled = {"role": "assistant", "content": {"type": "text", "text": "hello there"}, "model": "m"}
    for result, provenance in ((sampled, "assistant"), ({"action": "accept", "content": {"name": "Ann B"}}, "user")):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
        conversation = session.message(body, from_client=True, text=True)
        assert conversation is not None
        assert provenance in {part.provenance.value for part in conversation.segments}
        assert not any(part.provenance.foreign for part in conversation.segments)
        assert conversation.unread == ()


def test_members_that_another_parser_would_take_are_refused() -> None:
    for name, body in (
        ("ollama", b'{"messages": [], "Messages": [{"role": "user", "content": "x"}]}'),
        ("gemini", b'{"contents": [], "systemInstruction": {}, "system_instruction": {}}'),
        ("openai-chat", b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}'),
    ):
        with pytest.raises(UnreadableError):
            READINGS[name].request(body)


@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages", "gemini", "cohere-v1", "ollama", "mcp"])
def test_a_stream_that_calls_itself_something_else(name: str) -> None:
    id, _, encode = ENCODERS[name]
    answer = Answer(f"well, {ORDER}, please", pieces=(8, 11, 14))
    conversation = READINGS[id].response(200, "text/plain", encode(answer)[1], None)
    assert answer.text in "".join(text for _, text in said(conversation))
    with pytest.raises(UnreadableError):
        READINGS[id].response(200, "text/plain", encode(answer)[1] + b"data: {broken\n\n", None)


def test_json_without_a_field_name_in_a_stream() -> None:
    """Google's client reads lines that begin with no field as JSON."""
    chunk = {"candidates": [{"content": {"parts": [{"text": ORDER}]}}]}
    for text in (json.dumps(chunk), json.dumps(chunk, indent=1)):
        assert ORDER in all_texts("gemini", f"{text}\n\n".encode())


def test_an_error_hides_no_call() -> None:
    call = {"type": "tool_use", "id": "t", "name": "wipe", "input": {"disk": ORDER}}
    body = {"error": {"message": "no"}, "type": "message", "role": "assistant", "content": [call]}
    conversation = READINGS["anthropic-messages"].response(200, "", json.dumps(body).encode(), None)
    assert [each.name for each in conversation.calls] == ["wipe"]
    assert conversation.error
    assert "no" in [text for _, text in said(conversation)]


@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages", "openai-responses", "cohere"])
def test_events_of_tomorrow_that_say_nothing_are_no_fault(name: str) -> None:
    event = json.dumps({"type": "new.thing", "id": "abc_123", "count": 7, "usage": None})
    reader = reader_of(READINGS[name], SSE)
    events = read_stream(reader, f"event: new.thing\ndata: {event}\n\n".encode())
    assert not [delta for each in events for delta in each.deltas if delta.conversation is not None]


def streamed(name: str, events: list[dict[str, Any]]) -> Conversation:
    reader = reader_of(READINGS[name], SSE)
    read_stream(reader, "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode())
    return reader.conversation()


@pytest.mark.parametrize(
    ("pieces", "names"),
    [(["wi", "pe"], ["wipe", "pe"]), (["add", "wipe"], ["addwipe", "wipe"]), (["wipe"] * 3, ["wipe"])],
)
def test_names_of_calls_in_pieces(pieces: list[str], names: list[str]) -> None:
    """Python's clients join them, JavaScript's take the last."""
    calls = [[{"index": 0, "id": "c", "function": {"name": piece, "arguments": ""}}] for piece in pieces]
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": call}}]} for call in calls]
    assert [call.name for call in streamed("openai-chat", events).calls] == names


def test_a_part_that_is_two_things() -> None:
    part = {"text": ORDER, "functionCall": {"name": "wipe", "args": {}}}
    conversation = streamed("gemini", [{"candidates": [{"content": {"parts": [part, {"text": " and"}]}}]}])
    assert [call.name for call in conversation.calls] == ["wipe"]
    assert [text for _, text in said(conversation)] == [ORDER, " and"]


def test_an_item_that_changes_its_name() -> None:
    item = {"type": "function_call", "call_id": "c", "arguments": "{}"}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "name": "wipe"}},
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "name": "add"}},
    ]
    assert sorted(call.name for call in streamed("openai-responses", events).calls) == ["add", "wipe"]


def test_short_words_beside_a_conversation_are_no_texts() -> None:
    body = {"messages": [], "service_tier": "auto", "stop": ["END"], "reasoning_effort": "high", "user": "u_12"}
    assert READINGS["openai-chat"].request(json.dumps(body).encode()).segments == ()


KEY = "k9" * 10
"""One word of letters and digits, as keys are."""


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai-chat", {"messages": [], "metadata": {"note": KEY}}),
        ("openai-chat", {"messages": [{"role": "user", "content": "x", "new_member": KEY}]}),
        ("openai-chat", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {"a": {"type": "string", "default": KEY, "enum": [KEY]}}}}}]}),
        ("openai-chat", {"messages": [{"role": "assistant", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": KEY, "arguments": "{}"}}]}]}),
        ("openai-chat", {"messages": [{"role": "user", "content": [
            {"type": "file", "file": {"filename": f"{KEY}.pdf", "file_data": "data:;base64,JVBERi0="}}]}]}),
        ("openai-embeddings", {"input": "x", "user": KEY}),
        ("openai-completions", {"prompt": "x", "stop": [KEY]}),
        ("openai-responses", {"input": "x", "metadata": {"note": KEY}}),
        ("anthropic-messages", {"messages": [], "metadata": {"user_id": KEY}}),
        ("gemini", {"contents": [], "labels": {"team": KEY}}),
        ("gemini", {"contents": [], "generationConfig": {"stopSequences": [KEY]}}),
        ("gemini", {"requests": [{"content": {"parts": [{"text": "x"}]}, "title": KEY}]}),
        ("gemini", {"contents": [{"parts": [{"fileData": {"fileUri": "https://f", "displayName": KEY}}]}]}),
        ("bedrock-converse", {"messages": [], "requestMetadata": {"team": KEY}}),
        ("cohere", {"messages": [{"role": "assistant", "citations": [{"text": KEY, "sources": []}]}]}),
        ("cohere", {"messages": [{"role": "assistant", "citations": [{"sources": [{"document": {"snippet": KEY}}]}]}]}),
        ("cohere", {"message": "x", "tool_results": [{"call": {"name": "f", "parameters": {"q": KEY}}}]}),
        ("cohere", {"message": "x", "connectors": [{"id": "web", "options": {"site": KEY}}]}),
        ("ollama", {"messages": [], "options": {"stop": [KEY]}}),
        ("mcp", {"method": "tools/call", "params": {"name": "f", "arguments": {}, "_meta": {"note": KEY}}}),
        ("mcp", {"method": "tools/call", "params": {"name": KEY}}),
        ("a2a", {"message": {"parts": [{"raw": "AAAA", "filename": KEY, "mediaType": "image/png"}]}}),
    ],
)  # fmt: skip
def test_words_like_keys_in_odd_places_of_requests(name: str, body: dict[str, Any]) -> None:
    assert any(KEY in text for _, text in said(READINGS[name].request(json.dumps(body).encode())))


@pytest.mark.parametrize("params", [["f", {"x": 1}], "f", 7, None, {"arguments": {}}, {"name": ["f"]}, {"name": 7}])
def test_a_call_without_a_name_is_not_known(params: Any) -> None:
    with pytest.raises(UnreadableError, match="unknown_shape"):
        READINGS["mcp"].request(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        )


_SAID = {"role": "assistant", "content": "It rains."}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("openai-chat", {"choices": [{"message": _SAID}], "search_results": [{"title": "t", "snippet": ORDER}]}),
        ("openai-chat", {"choices": [{"message": _SAID}], "citations": [ORDER]}),
        ("openai-chat", {"choices": [{"message": _SAID}], "new_member": {"x": ORDER}}),
        ("anthropic-messages", {"content": [], "stop_details": {"type": "refusal", "explanation": ORDER}}),
        ("gemini", {"candidates": [{"content": {"parts": []}, "finishMessage": ORDER}]}),
        ("gemini", {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": ORDER}}),
        ("bedrock-converse", {"output": {"message": {"content": []}}, "additionalModelResponseFields": {"x": ORDER}}),
        ("cohere", {"message": {"content": [], "citations": [{"text": ORDER, "sources": []}]}}),
        ("cohere", {"text": "x", "search_queries": [{"text": ORDER}]}),
        ("cohere", {"text": "x", "chat_history": [{"role": "CHATBOT", "message": ORDER}]}),
        ("mcp", {"result": {"content": [{"type": "resource", "resource": {"uri": ORDER, "text": "x"}}]}}),
        ("mcp", {"result": {"content": [{"type": "resource", "resource": {"uri": "x", "description": ORDER}}]}}),
    ],
)  # fmt: skip
def test_odd_places_of_answers(name: str, value: dict[str, Any]) -> None:
    conversation = READINGS[name].response(200, "application/json", json.dumps(value).encode(), None)
    places = [segment.path for segment in conversation.segments if segment.text == ORDER]
    assert places
    assert all(places), "what is found can be replaced"


def test_what_stands_beside_choices_is_told_of_each_chunk() -> None:
    found = [{"title": "t", "snippet": ORDER}]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": word}}], "search_results": found} for word in ("It ", "rains")
    ]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    events = read_stream(reader_of(READINGS["openai-chat"], SSE), stream)
    told = [delta.path for event in events for delta in event.deltas if delta.text == ORDER]
    assert told == ["/search_results/0/snippet"] * 2


@pytest.mark.parametrize(
    "event",
    [
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": {"text": ORDER, "sources": []}}}},
        {
            "event_type": "stream-end",
            "response": {"text": "x", "chat_history": [{"role": "CHATBOT", "message": ORDER}]},
        },
    ],
)
def test_what_cohere_says_twice_can_be_edited_in_a_stream(event: dict[str, Any]) -> None:
    stream = b"data: " + json.dumps(event).encode() + b"\n\n"
    events = read_stream(reader_of(READINGS["cohere"], SSE), stream)
    assert [delta.path for event in events for delta in event.deltas if delta.text == ORDER] != []


def _messages(*events: dict[str, Any]) -> bytes:
    opening = {"type": "message_start", "message": {"role": "assistant", "content": []}}
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (opening, *events))


@pytest.mark.parametrize(
    ("head", "delta"),
    [
        ({"type": "compaction", "content": ""}, {"type": "compaction_delta", "content": ORDER}),
        ({"type": "hologram", "speech": ""}, {"type": "hologram_delta", "speech": ORDER}),
    ],
)
def test_a_delta_nobody_knows_is_text_before_the_end(head: dict[str, Any], delta: dict[str, Any]) -> None:
    start = {"type": "content_block_start", "index": 0, "content_block": head}
    stream = _messages(start, {"type": "content_block_delta", "index": 0, "delta": delta})
    events = read_stream(reader_of(READINGS["anthropic-messages"], SSE), stream)
    told = [each.path for event in events for each in event.deltas if each.text == ORDER]
    assert told == [f"/delta/{next(key for key in delta if key != 'type')}"]


def test_a_signature_is_no_text() -> None:
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    delta = {"type": "signature_delta", "signature": ORDER}
    stream = _messages(start, {"type": "content_block_delta", "index": 0, "delta": delta})
    events = read_stream(reader_of(READINGS["anthropic-messages"], SSE), stream)
    assert not [each for event in events for each in event.deltas if each.text == ORDER]


@pytest.mark.parametrize(
    "delta",
    [
        {"toolResult": [{"text": ORDER}]},
        {"citation": {"title": "t", "sourceContent": [{"text": ORDER}]}},
        {"hologram": {"speech": ORDER}},
    ],
)
def test_what_comes_whole_in_a_stream_of_amazon_can_be_edited(delta: dict[str, Any]) -> None:
    deltas = ConverseAssembler().take("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta})
    assert [at({"delta": delta}, each.path) for each in deltas if each.text == ORDER] == [ORDER]
