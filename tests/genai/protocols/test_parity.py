"""An answer reads alike however it comes: whole or streamed, in whatever pieces, in every format."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.gemini import GeminiReading
from clyra_proxy.genai.protocols.reading import DeltaKind, Reading, StreamEvent
from clyra_proxy.genai.protocols.recognise import READINGS
from tests.genai.protocols.answers import ANSWERS, ENCODERS, JSON, Answer, Call
from tests.genai.protocols.reading_examples import bare, read_stream, reader_of

NAMES = sorted(ENCODERS)
EXAMPLE = Answer(
    'Grüße aus Köln 🏙, \\ and "quotes"\nand [brackets] {too}.',
    "Let me think…",
    (Call("send_mail", {"to": "ann@example.com", "body": 'a "quoted"\n line'}, "call_1"), Call("stop", {}, "call_2")),
    (3, 4, 17),
)


def reading_for(name: str) -> Reading:
    id, media, _ = ENCODERS[name]
    return GeminiReading("m", "streamGenerateContent") if media == JSON else READINGS[id]


@pytest.mark.parametrize("name", NAMES)
@given(answer=ANSWERS, cuts=st.lists(st.integers(0, 4000), max_size=6))
@settings(max_examples=40)
def test_streamed_is_whole(name: str, answer: Answer, cuts: list[int]) -> None:
    _, media, encode = ENCODERS[name]
    whole_body, stream_body = encode(answer)
    reading = reading_for(name)
    whole = reading.response(200, JSON, whole_body, None)
    reader = reader_of(reading, media)
    events = read_stream(reader, stream_body, [cut % (len(stream_body) + 1) for cut in cuts])
    assert bare(reader.conversation()) == bare(whole)
    assert_covering(events, stream_body)


@pytest.mark.parametrize("name", NAMES)
def test_every_split_gives_the_same_events(name: str) -> None:
    _, media, encode = ENCODERS[name]
    body = encode(EXAMPLE)[1]
    reading = reading_for(name)
    whole = reader_of(reading, media)
    expected = read_stream(whole, body)
    for at in range(0, len(body), 1 + len(body) // 700):  # a stride that is no multiple of anything in a long body
        reader = reader_of(reading, media)
        assert read_stream(reader, body, [at]) == expected
    assert reader.conversation() == whole.conversation()
    single = reader_of(reading, media)
    assert read_stream(single, body, range(1, len(body))) == expected


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_an_answer_is_missing(name: str) -> None:
    _, media, encode = ENCODERS[name]
    reader = reader_of(reading_for(name), media)
    events = read_stream(reader, encode(EXAMPLE)[1])
    conversation = reader.conversation()
    spoken = "".join(part.text for part in conversation.segments if part.provenance is not Provenance.ARGUMENTS)
    assert EXAMPLE.text in spoken
    if conversation.calls:
        assert [(call.name, call.arguments) for call in conversation.calls] == [
            (call.name, call.arguments) for call in EXAMPLE.calls
        ]
        assert "ann@example.com" in [part.text for part in conversation.segments]
    if name not in ("mcp", "a2a"):
        streamed = "".join(
            delta.text
            for event in events
            for delta in event.deltas
            if delta.kind is DeltaKind.TEXT and not delta.block.startswith("copy")
        )
        assert EXAMPLE.text in streamed
        assert any(delta.kind is DeltaKind.FINISH for event in events for delta in event.deltas)


@pytest.mark.parametrize("name", NAMES)
def test_a_delta_is_where_it_says(name: str) -> None:
    _, media, encode = ENCODERS[name]
    body = encode(EXAMPLE)[1]
    placed = 0
    for event in read_stream(reader_of(reading_for(name), media), body):
        for delta in event.deltas:
            if delta.path and event.data is not None:
                placed += 1
                raw = body[slice(*event.data)]
                text = raw if event.envelope is None else event.envelope.opened(raw)
                assert at(json.loads(text), delta.path) == delta.text
    assert placed or name in ("mcp", "a2a")


@pytest.mark.parametrize("name", NAMES)
def test_a_segment_is_where_it_says(name: str) -> None:
    body = ENCODERS[name][2](EXAMPLE)[0]
    value = json.loads(body)
    conversation = reading_for(name).response(200, JSON, body, None)
    for segment in conversation.segments:
        if segment.path:
            assert at(value, segment.path) == segment.text


def at(value: Any, path: str) -> Any:
    for token in path.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, str):
            assert token == "#"
            value = json.loads(value)
        else:
            value = value[int(token)] if isinstance(value, list) else value[token]
    return value


def assert_covering(events: list[StreamEvent], body: bytes) -> None:
    if events:
        assert events[0].start == 0
        assert events[-1].end == len(body)
        assert all(left.end == right.start for left, right in pairwise(events))
