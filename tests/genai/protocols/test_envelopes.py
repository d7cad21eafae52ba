"""Events that hold their JSON text in an envelope: another text goes in, and a client's own decoder reads it."""

from __future__ import annotations

import base64
import json

import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.inspection import TextEdit
from clyra_proxy.genai.protocols.aws_events import MessageEnvelope, write_message
from clyra_proxy.genai.protocols.bedrock import ConverseReading
from clyra_proxy.genai.protocols.bedrock_invoke import ChunkEnvelope, InvokeReading
from clyra_proxy.genai.protocols.reading import DeltaKind, StreamEvent
from clyra_proxy.genai.rewrite import rewrite

HEADERS = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
MEDIA = "application/vnd.amazon.eventstream"


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_sealed_is_read_by_the_clients_decoder(before: str, after: str) -> None:
    event = write_message(HEADERS, json.dumps({"delta": before}).encode())
    changed = MessageEnvelope().sealed(event, json.dumps({"delta": after}).encode())
    buffer = EventStreamBuffer()
    buffer.add_data(changed)
    (message,) = buffer
    assert message.headers == HEADERS
    assert json.loads(message.payload) == {"delta": after}
    assert json.loads(MessageEnvelope().opened(changed)) == {"delta": after}


def test_what_stands_beside_a_chunk_stays() -> None:
    payload = {"bytes": base64.b64encode(b'{"generation":"a"}').decode(), "p": "abcd"}
    event = write_message(HEADERS, json.dumps(payload).encode())
    assert ChunkEnvelope().opened(event) == b'{"generation":"a"}'
    changed = MessageEnvelope().opened(ChunkEnvelope().sealed(event, b'{"generation":"b"}'))
    assert json.loads(changed) == {"bytes": base64.b64encode(b'{"generation":"b"}').decode(), "p": "abcd"}


BEFORE: dict[str, list[dict[str, object]]] = {
    "anthropic": [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
}
INNER: dict[str, dict[str, object]] = {
    "llama": {"generation": "SECRET"},
    "mistral": {"outputs": [{"text": "SECRET"}]},
    "nova": {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "SECRET"}}},
    "anthropic": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "SECRET"}},
    "openai": {"choices": [{"index": 0, "delta": {"content": "SECRET"}}]},
}


@pytest.mark.parametrize("name", INNER)
def test_the_path_of_a_piece_leads_to_it_in_the_chunk(name: str) -> None:
    reader = InvokeReading("m", streamed=True).stream(MEDIA, None)
    assert reader is not None
    before = [_chunk(value) for value in BEFORE.get(name, ())]
    assert len(reader.feed(b"".join(before))) == len(before)
    body = _chunk(INNER[name])
    (event,) = reader.feed(body)
    assert event.data == (sum(map(len, before)), sum(map(len, before)) + len(body))
    _is_edited(body, event)


def _chunk(value: dict[str, object]) -> bytes:
    coded = base64.b64encode(json.dumps(value).encode()).decode()
    return write_message(HEADERS, json.dumps({"bytes": coded}).encode())


def test_the_path_of_a_piece_leads_to_it_in_an_event() -> None:
    value = {"contentBlockIndex": 0, "delta": {"text": "SECRET"}, "p": "abc"}
    body = write_message({**HEADERS, ":event-type": "contentBlockDelta"}, json.dumps(value).encode())
    reader = ConverseReading("m", streamed=True).stream(MEDIA, None)
    assert reader is not None
    _is_edited(body, *reader.feed(body))


def _is_edited(body: bytes, event: StreamEvent) -> None:
    (delta,) = [delta for delta in event.deltas if delta.kind is DeltaKind.TEXT]
    assert event.envelope is not None
    text = event.envelope.opened(body)
    changed = rewrite(text, [TextEdit(delta.path, 0, len("SECRET"), "gone")])
    assert changed == text.replace(b"SECRET", b"gone")
    assert event.envelope.opened(event.envelope.sealed(body, changed)) == changed
