"""One server that is every provider: it answers a scripted `Said` in the format the request's path asks for.

    with ModelUpstream(authority.leaf()) as upstream:
        upstream.said = Said("Hello", (Use("weather", {"city": "Bergen"}),))
        upstream.delivery = Delivery(cut=1, coding="gzip")
        ...
        assert upstream.asked("/v1/messages")[0]["messages"]

Rule: formats are those the providers document; official SDKs are what proves them (tests/e2e/genai/test_sdks.py).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import brotli  # type: ignore[import-untyped]

from tests.support.certificates import Leaf
from tests.support.genai import anthropic_wire, bedrock_wire, cohere_wire, gemini_wire, ollama_wire, openai_wire
from tests.support.genai.said import Said, dump
from tests.support.journal import Message
from tests.support.replies import Pause, Reply, Step, WaitUntil, json_reply, split
from tests.support.upstream import Upstream

SSE, NDJSON, AWS = "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer goes out. cut: bytes per write, 0 for one event (or the whole body) per write. coding: content
    coding. chunked: for whole answers; streams always are. gap: seconds before each write but the first.
    gate: waited for before the last event of a stream."""

    cut: int = 0
    coding: str = ""
    chunked: bool = False
    gap: float = 0.0
    gate: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """whole, events: of one answer. media: of the stream."""

    whole: Callable[[Said, dict[str, Any]], dict[str, Any]]
    events: Callable[[Said, dict[str, Any]], tuple[bytes, ...]] | None = None
    media: str = SSE


def _simple(
    whole: Callable[[Said], dict[str, Any]], events: Callable[[Said], tuple[bytes, ...]], media: str = SSE
) -> Format:
    return Format(lambda said, _: whole(said), lambda said, _: events(said), media)


def _embedding(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Format:
    return Format(lambda _, request: answer(request))


def _wants_usage(request: dict[str, Any]) -> bool:
    return bool((request.get("stream_options") or {}).get("include_usage"))


_CHAT = Format(
    lambda said, _: openai_wire.chat(said),
    lambda said, request: openai_wire.chat_events(said, _wants_usage(request)),
)
_CONVERSE = _simple(bedrock_wire.converse, bedrock_wire.converse_events, AWS)
_INVOKE = _simple(bedrock_wire.invoke, bedrock_wire.invoke_events, AWS)
_GEMINI = _simple(gemini_wire.generated, gemini_wire.events)

FORMATS: tuple[tuple[str, Format], ...] = (
    (r"/chat/completions$", _CHAT),
    (r"/v1/completions$", _simple(openai_wire.completion, openai_wire.completion_events)),
    (r"/v1/responses$", _simple(openai_wire.response, openai_wire.response_events)),
    (r"/v1/embeddings$", _embedding(openai_wire.embeddings)),
    (r"/v1/messages$", _simple(anthropic_wire.message, anthropic_wire.events)),
    (r":(generateContent|streamGenerateContent)$", _GEMINI),
    (r":(embedContent|batchEmbedContents)$", _embedding(gemini_wire.embedded)),
    (r"^/model/[^/]+/converse(-stream)?$", _CONVERSE),
    (r"^/model/[^/]+/invoke(-with-response-stream)?$", _INVOKE),
    (r"^/v2/chat$", _simple(cohere_wire.chat, cohere_wire.events)),
    (r"^/v2/embed$", _embedding(cohere_wire.embed)),
    (r"^/api/chat$", _simple(ollama_wire.chat, ollama_wire.chat_events, NDJSON)),
    (r"^/api/generate$", _simple(ollama_wire.generate, ollama_wire.generate_events, NDJSON)),
    (r"^/api/embed$", _embedding(ollama_wire.embed)),
)
"""Path (a pattern) -> format, first match."""

_STREAMED_PATHS = re.compile(r":streamGenerateContent$|/converse-stream$|/invoke-with-response-stream$")
_OLLAMA = re.compile(r"^/api/(chat|generate)$")
REALTIME = re.compile(r"/realtime$")


class ModelUpstream(Upstream):
    """The fake upstream with models behind it. said: what they answer next. delivery: how it is sent."""

    def __init__(self, leaf: Leaf | None = None, **options: Any) -> None:
        super().__init__(leaf, **options)
        self.said = Said()
        self.delivery = Delivery()

    def begin_anew(self) -> None:
        """Forget what was asked, routed and scripted."""
        self.journal.clear()
        self.routes.table.clear()
        self.said, self.delivery = Said(), Delivery()

    def asked(self, path: str = "") -> list[dict[str, Any]]:
        """The JSON bodies of the requests that arrived whole, oldest first; of one path or of all."""
        return [json.loads(body_of(m)) for m in self.arrived(path) if m.body]

    def arrived(self, path: str = "") -> list[Message]:
        return [m for m in list(self.journal.messages) if m.complete and path in ("", m.path)]

    def when_read(self, message: Message) -> Reply:
        form = format_of(message.path)
        if message.path in self.routes.table or form is None or message.method != "POST":
            return super().when_read(message)
        request = json.loads(body_of(message) or b"{}")
        if form.events is not None and is_streamed(message.path, request):
            return streamed(form.events(self.said, request), form.media, self.delivery)
        return whole(dump(form.whole(self.said, request)).encode(), self.delivery)

    def talk(self, message: Message, text: str) -> Iterable[str] | None:
        if not REALTIME.search(message.path):
            return super().talk(message, text)
        if not text:
            return [dump({"type": "session.created", "event_id": "ev_0", "session": {"object": "realtime.session"}})]
        return [dump(event) for event in openai_wire.realtime(self.said, json.loads(text))]


def body_of(message: Message) -> bytes:
    """The request's body without its content coding."""
    match message.header("content-encoding"):
        case "gzip":
            return gzip.decompress(bytes(message.body))
        case "br":
            return bytes(brotli.decompress(bytes(message.body)))
    return bytes(message.body)


def format_of(path: str) -> Format | None:
    return next((form for pattern, form in FORMATS if re.search(pattern, path)), None)


def is_streamed(path: str, request: dict[str, Any]) -> bool:
    if _OLLAMA.search(path):
        return bool(request.get("stream", True))
    return bool(_STREAMED_PATHS.search(path)) or bool(request.get("stream"))


def streamed(events: Iterable[bytes], media: str, delivery: Delivery) -> Reply:
    """A chunked answer of events."""
    *first, last = events
    body = [*_steps(first, delivery)]
    if delivery.gate is not None:
        body.append(WaitUntil(delivery.gate))
    body += _steps([last], delivery)
    return Reply(headers=(("content-type", media),), body=body, framing="chunked", coding=delivery.coding)


def whole(document: bytes, delivery: Delivery) -> Reply:
    framing = "chunked" if delivery.chunked or delivery.cut or delivery.coding else "auto"
    return json_reply(b"", body=_steps([document], delivery), framing=framing, coding=delivery.coding)


def _steps(parts: Iterable[bytes], delivery: Delivery) -> list[Step]:
    steps: list[Step] = []
    pieces = split(b"".join(parts), delivery.cut) if delivery.cut else tuple(parts)
    for piece in pieces:
        if delivery.gap:
            steps.append(Pause(delivery.gap))
        steps.append(piece)
    return steps
