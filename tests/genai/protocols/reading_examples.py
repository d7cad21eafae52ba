"""The wire examples of `vectors/genai/protocols`, and short words for what a reading made of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.protocols.reading import Reading, StreamEvent, StreamReader
from clyra_proxy.genai.protocols.streams import without_paths

EXAMPLES = Path(__file__).resolve().parents[3] / "vectors" / "genai" / "protocols"


def example(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


def said(conversation: Conversation) -> list[tuple[str, str]]:
    """(provenance, text) of every segment, in order."""
    return [(segment.provenance.value, segment.text) for segment in conversation.segments]


def reader_of(reading: Reading, media: str, request: Conversation | None = None) -> StreamReader:
    reader = reading.stream(media, request)
    assert reader is not None
    return reader


def read_stream(reader: StreamReader, body: bytes, cuts: Sequence[int] = ()) -> list[StreamEvent]:
    """Feed `body` cut at the given offsets."""
    events: list[StreamEvent] = []
    places = [0, *sorted(cuts), len(body)]
    for start, end in itertools.pairwise(places):
        events.extend(reader.feed(body[start:end]))
    events.extend(reader.finish())
    return events


def bare(conversation: Conversation, *, stream: bool = False) -> Conversation:
    """Without paths and the `stream` mark, as both forms of an answer must be alike."""
    return replace(without_paths(conversation, stream=False), stream=stream)
