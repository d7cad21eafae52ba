"""What is not as its API says: nothing of it is lost, nothing of it is taken for read, nothing else is lost with it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.model import Direction
from clyra_proxy.genai.protocols.reading import DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.recognise import READINGS, message_reading
from clyra_proxy.genai.protocols.salvage import UNREADABLE, salvage
from tests.genai.protocols.answers import AWS, ENCODERS, SSE, Answer, aws_message, openai_chat
from tests.genai.protocols.reading_examples import read_stream, reader_of, said

ORDER = "hidden order"
IDS = sorted(READINGS)
MEDIA = [SSE, AWS, "application/x-ndjson", "application/json", "application/stream+json"]


@pytest.mark.parametrize(
    "event",
    [
        f'{{"a": "{ORDER}", "a": "nothing"}}',
        f'{{"broken": "{ORDER}"',
        f'["{ORDER}"]',
        f'{{"type": "never heard of", "x": "{ORDER}"}}',
        ORDER,
    ],
)
@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages", "openai-responses", "gemini", "mcp", "a2a"])
def test_an_unreadable_event_is_a_message_and_the_stream_goes_on(name: str, event: str) -> None:
    id, media, encode = ENCODERS[name]
    good = encode(Answer("the rest of it"))[1]
    reader = reader_of(READINGS[id], media)
    events = read_stream(reader, f"data: {event}\n\n".encode() + good)
    everything = [text for message in (reader.conversation(), *messages(events)) for _, text in said(message)]
    assert any(ORDER in text for text in everything)
    assert any("the rest of it" in text for text in everything)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.code_interpreter_call.interpreting", "item_id": "ci_1", "output_index": 1},
        {"type": "response.web_search_call.searching", "item_id": f"ws_{'68a1b0c2f0d48191' * 3}", "output_index": 1},
    ],
)
def test_a_long_name_of_an_event_says_nothing(event: dict) -> None:
    reader = reader_of(READINGS["openai-responses"], SSE)
    assert not messages(read_stream(reader, b"data: " + json.dumps(event).encode() + b"\n\n"))
    hidden = {**event, "item_id": f"{event['item_id']} {ORDER}"}
    assert messages(read_stream(reader, b"data: " + json.dumps(hidden).encode() + b"\n\n"))


def messages(events: list) -> list:
    found = [delta.conversation for event in events for delta in event.deltas if delta.kind is DeltaKind.MESSAGE]
    return [conversation for conversation in found if conversation is not None]


def test_what_came_before_a_broken_frame_is_given_first() -> None:
    good = aws_message("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"said"}}')
    reader = reader_of(READINGS["bedrock-converse"], AWS)
    events = reader.feed(good + good[:-1] + b"\x00" + good)
    assert [delta.text for event in events for delta in event.deltas] == ["said"]
    with pytest.raises(UnreadableError, match="bad_framing"):
        reader.feed(b"")
    assert said(reader.conversation()) == [("assistant", "said")]


@pytest.mark.parametrize("at", [0, 5, 9, 20, 60])
def test_a_flipped_byte_of_an_amazon_message_is_noticed(at: int) -> None:
    good = bytearray(aws_message("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"said"}}'))
    good[at] ^= 1
    reader = reader_of(READINGS["bedrock-converse"], AWS)
    with pytest.raises(UnreadableError):
        read_stream(reader, bytes(good))


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for id in IDS:
        reading = READINGS[id]
        for read in (reading.request, lambda data, reading=reading: reading.response(200, "", data, None)):
            with suppress(UnreadableError):
                read(body)
        reading_error = salvage(body, id, Direction.RESPONSE, "x")
        assert reading_error.unread == (UNREADABLE + "x",)


MEMBERS = (
    "type role content parts text messages contents input output item delta index choices message tool_calls function "
    "name arguments functionCall args candidates result params method id error tools toolUse toolResult event_type "
    "contentBlockIndex document source data media_type response chat_history documents inlineData fileData prompt "
    "systemInstruction system instructions jsonrpc artifact file skills usage"
)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["text", "user", "tool", "function", "x" * 50]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(MEMBERS.split()),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(SHAPES)
@settings(max_examples=150)
def test_no_shape_raises_anything_else(value: object) -> None:
    body = json.dumps(value).encode()
    for id in IDS:
        reading = READINGS[id]
        for read in (
            reading.request,
            lambda data, reading=reading: reading.response(200, "application/json", data, None),
        ):
            with suppress(UnreadableError):
                read(body)
        for media in MEDIA:
            reader = reading.stream(media, None)
            if reader is None:
                continue
            stream = aws_message("contentBlockDelta", body) if media == AWS else b"data: " + body + b"\n\n"
            with suppress(UnreadableError):
                read_stream(reader, stream if media in (SSE, AWS) else body + b"\n")
                reader.conversation()
        session = message_reading(reading)
        for from_client in (True, False):
            with suppress(UnreadableError):
                if session is not None:
                    session.message(body, from_client=from_client, text=True)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b'{"a": "x", "a": "y"} tail', ["a", "x", "a", "y", "} tail"]),
        (b"plain words", ["plain words"]),
        (b'{"a": "cut \\u00e', ["a", "cut \\u00e"]),
        (b'["\\ud83d", "\\n"]', ["?", "\n", "]"]),
        (b'"line\nbreak"', ["line\nbreak"]),
        (b"\xff\xfe", ["\ufffd\ufffd"]),
        (b"", []),
    ],
)
def test_salvage(data: bytes, texts: list[str]) -> None:
    found = [segment.text for segment in salvage(data, "x", Direction.REQUEST, "y").segments]
    assert found == texts


@pytest.mark.parametrize(
    "body",
    [
        b'"' * 400_000,
        b'"\\' * 200_000,
        b"[" * 400_000,
        b'{"a":[' * 60_000,
        b'["x",' * 80_000,
        json.dumps({"messages": [{"role": "user", "content": "x"}] * 30_000}).encode(),
        json.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 40_000}]}).encode(),
        json.dumps({"k" * 400_000: ["v"] * 40_000}).encode(),
        json.dumps({"contents": [{"k" * 200_000: ["v" * 50] * 20_000}]}).encode(),
    ],
    ids=["quotes", "escapes", "brackets", "nested", "open", "messages", "parts", "long key", "long unknown key"],
)
def test_a_hostile_body_is_answered(body: bytes) -> None:
    """Quadratic work on these would outlive the test's timeout."""
    for id in ("openai-chat", "openai-responses", "anthropic-messages", "gemini", "mcp", "a2a", "generic"):
        try:
            READINGS[id].request(body)
        except UnreadableError as refusal:
            salvage(body, id, Direction.REQUEST, refusal.reason)


def test_a_stream_of_small_pieces_is_read() -> None:
    body = openai_chat(Answer("word " * 4000, pieces=tuple(range(0, 20_000, 400))))[1]
    reader = reader_of(READINGS["openai-chat"], SSE)
    for at in range(0, len(body), 3):
        reader.feed(body[at : at + 3])
    assert said(reader.conversation()) == [("assistant", "word " * 4000)]
    reader = reader_of(READINGS["openai-chat"], SSE)
    piece = b"data: " + b"x" * 1000
    for _ in range(20_000):  # 20 MB of one line: quadratic work would copy 200 GB
        reader.feed(piece)
