"""Requests of the other APIs: their documented examples, and sessions over WebSocket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.genai.protocols.reading import MessageReading
from clyra_proxy.genai.protocols.recognise import READINGS, message_reading
from tests.genai.protocols.reading_examples import example, said
from tests.genai.protocols.test_parity import at


def read(name: str, file: str = "request.json") -> Conversation:
    conversation = READINGS[name].request(example(f"{name}/{file}"))
    value = json.loads(example(f"{name}/{file}"))
    for segment in conversation.segments:
        if segment.path:
            assert at(value, segment.path) == segment.text
    for tool in conversation.tools:
        assert isinstance(at(value, tool.path), (dict, list))
    return conversation


def spoken(conversation: Conversation) -> list[tuple[str, str]]:
    return [part for part in said(conversation) if part[0] != "tool_description"]


def history(conversation: Conversation) -> list[str]:
    return [segment.text for segment in conversation.segments if segment.history]


def test_responses() -> None:
    conversation = read("openai-responses")
    assert spoken(conversation) == [
        ("system", "You are a helpful assistant."),
        ("system", "Answer briefly."),
        ("user", "What is in this file?"),
        ("document", "day,t\n1,21\n"),
        ("assistant", "Look it up."),
        ("arguments", "weather"),
        ("tool_result", "It rains."),
        ("arguments", "search"),
        ("arguments", "paris"),
        ("arguments", "x"),
        ("document", "doc.txt"),
        ("document", "From the archive."),
        ("tool_result", "7"),
        ("user", "Thanks. And now?"),
    ]
    assert history(conversation)[-1] == "7"
    assert [(call.name, call.kind) for call in conversation.calls] == [
        ("search_web", "function"),
        ("web_search", "web_search"),
        ("file_search", "file_search"),
        ("roll", "mcp_tool"),
    ]
    assert [(tool.name, tool.kind) for tool in conversation.tools] == [
        ("search_web", "function"),
        ("web_search", "web_search"),
        ("dice", "mcp"),
        ("roll", "mcp_tool"),
    ]
    result = next(segment for segment in conversation.segments if segment.text == "It rains.")
    assert result.name == "search_web"
    assert (conversation.max_output_tokens, conversation.structured) == (500, {"type": "object"})
    assert conversation.unread == ("image",)
    assert [(medium.kind, medium.media_type) for medium in conversation.media] == [("image", "image/png")]


def test_gemini() -> None:
    conversation = read("gemini")
    assert spoken(conversation) == [
        ("system", "You are a cat."),
        ("user", "What is the weather?"),
        ("document", "notes"),
        ("arguments", "Paris"),
        ("tool_result", "It rains."),
        ("user", "https://example.com/a.pdf"),
    ]
    assert history(conversation) == ["What is the weather?", "notes", "Paris"]
    assert [(tool.name, tool.kind) for tool in conversation.tools] == [
        ("get_weather", "function"),
        ("googleSearch", "googleSearch"),
    ]
    assert set(conversation.unread) == {"image", "file"}
    assert (conversation.max_output_tokens, conversation.structured) == (800, {"type": "OBJECT"})


def test_bedrock_converse() -> None:
    conversation = read("bedrock-converse")
    assert spoken(conversation) == [
        ("system", "You are an economist."),
        ("user", "Summarise."),
        ("document", "report"),
        ("document", "Growth is slow."),
        ("arguments", "gdp"),
        ("tool_result", "Two percent."),
        ("tool_result", "the office"),
        ("user", "And next year?"),
    ]
    (tool,) = conversation.tools
    assert (tool.name, tool.schema) == ("lookup", {"type": "object", "properties": {"term": {"type": "string"}}})
    assert [segment.name for segment in conversation.segments if segment.text == "Two percent."] == ["lookup"]
    assert (conversation.unread, conversation.max_output_tokens) == (("image",), 512)


def test_cohere() -> None:
    conversation = read("cohere")
    assert spoken(conversation) == [
        ("document", "d1"),
        ("document", "Penguins"),
        ("document", "They are tall."),
        ("document", "A plain document."),
        ("system", "Answer from the documents."),
        ("user", "Who is tall?"),
        ("assistant", "I will query."),
        ("arguments", "tall"),
        ("document", "r1"),
        ("document", "Emperor penguins."),
    ]
    assert history(conversation) == ["Who is tall?", "I will query.", "tall"]


def test_ollama() -> None:
    conversation = read("ollama")
    assert spoken(conversation) == [
        ("system", "You are terse."),
        ("user", "What is in this picture?"),
        ("arguments", "corner"),
        ("tool_result", "A cat."),
    ]
    assert conversation.segments[-1].name == "look"
    assert (conversation.stream, conversation.max_output_tokens, conversation.unread) == (True, 42, ("image",))


def test_a2a() -> None:
    conversation = read("a2a")
    assert spoken(conversation) == [
        ("user", "Book a flight."),
        ("user", "Paris airport"),
        ("document", "seat by the window"),
        ("user", "https://example.com/p.png"),
    ]
    card = READINGS["a2a"].response(200, "application/json", example("a2a/agent-card.json"), None)
    assert [(tool.name, tool.kind) for tool in card.tools] == [("book", "a2a_skill")]
    assert {"Books journeys for you.", "Book a flight or a train.", "Book me to Rome"} <= {
        text for provenance, text in said(card) if provenance == "tool_description"
    }


@pytest.mark.parametrize(
    ("name", "body", "texts"),
    [
        ("openai-completions", {"model": "m", "prompt": ["one", "two"]}, [("user", "one"), ("user", "two")]),
        ("openai-embeddings", {"model": "m", "input": "one"}, [("unknown", "one")]),
        ("openai-moderations", {"input": [{"type": "text", "text": "one"}]}, [("user", "one")]),
        ("rerank", {"query": "q", "documents": ["one", {"text": "two"}]},
         [("user", "q"), ("document", "one"), ("document", "two")]),
        ("cohere-embeddings", {"texts": ["one"]}, [("unknown", "one")]),
        ("anthropic-complete", {"prompt": "\n\nHuman: hi"}, [("user", "\n\nHuman: hi")]),
    ],
)  # fmt: skip
def test_texts_without_a_conversation(name: str, body: dict[str, Any], texts: list[tuple[str, str]]) -> None:
    assert said(READINGS[name].request(json.dumps(body).encode())) == texts


def test_token_ids_are_no_text() -> None:
    for prompt in ([1, 2, 3], [[1, 2], [3]]):
        assert READINGS["openai-completions"].request(json.dumps({"prompt": prompt}).encode()).unread == ("tokens",)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{"role": "user", "content": "one"}]},
         [("user", "one")]),
        ({"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "one"}]}]},
         [("user", "one")]),
        ({"messages": [{"role": "user", "content": "one"}], "max_tokens": 5}, [("user", "one")]),
        ({"inputText": "one", "textGenerationConfig": {"maxTokenCount": 5}}, [("user", "one")]),
        ({"prompt": "one", "max_gen_len": 5}, [("user", "one")]),
        ({"message": "one", "chat_history": [{"role": "USER", "message": "zero"}]},
         [("user", "zero"), ("user", "one")]),
    ],
)  # fmt: skip
def test_bedrock_knows_formats_by_their_members(body: dict[str, Any], texts: list[tuple[str, str]]) -> None:
    assert said(READINGS["bedrock-invoke"].request(json.dumps(body).encode())) == texts


def session_of(name: str) -> MessageReading:
    session = message_reading(READINGS[name])
    assert session is not None
    return session


def tell(session: MessageReading, event: dict[str, Any], *, from_client: bool) -> Conversation | None:
    return session.message(json.dumps(event).encode(), from_client=from_client, text=True)


def test_a_realtime_session() -> None:
    session = session_of("openai-realtime")
    tool = {"type": "function", "name": "look", "description": "Look closer.", "parameters": {}}
    setup = {"type": "session.update", "session": {"instructions": "Be kind.", "tools": [tool]}}
    found = tell(session, setup, from_client=True)
    assert found is not None
    assert found.direction is Direction.REQUEST
    assert ("system", "Be kind.") in said(found)
    assert [each.name for each in found.tools] == ["look"]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    found = tell(session, {"type": "conversation.item.create", "item": item}, from_client=True)
    assert found is not None
    assert said(found) == [("user", "hello")]
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"at": "sky"}'}
    found = tell(session, {"type": "response.output_item.done", "item": call}, from_client=False)
    assert found is not None
    assert [(each.name, each.arguments) for each in found.calls] == [("look", {"at": "sky"})]
    result = {"type": "function_call_output", "call_id": "c", "output": "It is blue."}
    found = tell(session, {"type": "conversation.item.create", "item": result}, from_client=True)
    assert found is not None
    assert [(part.provenance, part.text, part.name) for part in found.segments] == [
        ("tool_result", "It is blue.", "look")
    ]
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "hi there"}
    found = tell(session, heard, from_client=False)
    assert found is not None
    assert said(found) == [("user", "hi there")]
    found = tell(session, {"type": "input_audio_buffer.append", "audio": "AAAA"}, from_client=True)
    assert found is not None
    assert found.unread == ("audio",)
    assert tell(session, {"type": "rate_limits.updated", "rate_limits": []}, from_client=False) is None


@pytest.mark.parametrize(
    ("event", "from_client"),
    [
        ({"type": "response.create", "response": {"metadata": {"note": "do as I say"}}}, True),
        ({"type": "response.create", "metadata": {"note": "do as I say"}, "input": "x"}, True),
        ({"type": "session.update", "session": {"new_member": {"x": "do as I say"}}}, True),
        ({"type": "conversation.item.create", "item": {"type": "message"}, "new_member": "do as I say"}, True),
        ({"type": "response.mcp_call.completed", "item_id": "i", "output": "do as I say"}, False),
        ({"type": "new.event", "x": [{"y": "do as I say"}]}, False),
    ],
)
def test_odd_places_of_realtime_events(event: dict[str, Any], from_client: bool) -> None:
    found = tell(session_of("openai-realtime"), event, from_client=from_client)
    assert found is not None
    assert "do as I say" in [text for _, text in said(found)]


def test_pieces_of_a_realtime_answer_are_read_together() -> None:
    session = session_of("openai-realtime")
    whole = ""
    for piece in ("The sec", "ret is", " out."):
        whole += piece
        event = {"type": "response.output_text.delta", "item_id": "i", "content_index": 0, "delta": piece}
        found = tell(session, event, from_client=False)
        assert found is not None
        assert said(found) == [("assistant", whole)]


def test_a_request_of_the_responses_api_over_websocket() -> None:
    session = session_of("openai-responses")
    asked = {"type": "response.create", "model": "m", "input": "hello", "instructions": "Be kind."}
    found = tell(session, asked, from_client=True)
    assert found is not None
    assert sorted(said(found)) == [("system", "Be kind."), ("user", "hello")]


@pytest.mark.parametrize(
    ("message", "from_client"),
    [
        ({"toolResponse": {"functionResponses": [{"name": "f", "response": {"x": "do as I say"}}]}}, True),
        ({"toolResponse": {"functionResponses": {"name": "f", "response": {"x": "do as I say"}}}}, True),
        ({"setup": {"generationConfig": {"new_member": "do as I say"}}}, True),
        ({"newMessage": {"x": "do as I say"}}, True),
        ({"serverContent": {"groundingMetadata": {"groundingChunks": [{"web": {"title": "do as I say"}}]}}}, False),
        ({"serverContent": {"newMember": ["do as I say"]}}, False),
        ({"goAway": {"reason": "do as I say"}}, False),
    ],
)
def test_odd_places_of_gemini_live_messages(message: dict[str, Any], from_client: bool) -> None:
    found = tell(session_of("gemini"), message, from_client=from_client)
    assert found is not None
    places = [segment.path for segment in found.segments if segment.text == "do as I say"]
    assert places
    assert [at(message, place) for place in places] == ["do as I say"] * len(places)


def test_a_gemini_live_session() -> None:
    session = session_of("gemini")
    setup = {"model": "models/g", "systemInstruction": {"parts": [{"text": "Be kind."}]}}
    found = tell(session, {"setup": setup}, from_client=True)
    assert found is not None
    assert (said(found), found.model) == ([("system", "Be kind.")], "models/g")
    turns = [{"role": "user", "parts": [{"text": "hello"}]}]
    found = tell(session, {"clientContent": {"turns": turns, "turnComplete": True}}, from_client=True)
    assert found is not None
    assert said(found) == [("user", "hello")]
    for piece, together in (("good ", "good "), ("day", "good day")):
        content = {"modelTurn": {"parts": [{"text": piece}]}}
        found = tell(session, {"serverContent": content}, from_client=False)
        assert found is not None
        assert ("assistant", together) in said(found)
    call = {"id": "1", "name": "look", "args": {"at": "sky"}}
    found = tell(session, {"toolCall": {"functionCalls": [call]}}, from_client=False)
    assert found is not None
    assert [(each.name, each.id) for each in found.calls] == [("look", "1")]
    answer = {"id": "1", "name": "look", "response": {"result": "It is blue."}}
    found = tell(session, {"toolResponse": {"functionResponses": [answer]}}, from_client=True)
    assert found is not None
    assert said(found) == [("tool_result", "It is blue.")]
