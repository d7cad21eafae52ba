"""Which API a request speaks to, judged from its head and from policy's word.

Rule: policy's word wins (`declared`: "off", or the id of a reading); else the headers of MCP and A2A sessions, then the
endings of paths that the APIs have, then the provider's host. Nothing is guessed from a body. An operation of a
known provider that has no reading of its own is read as `generic`: every text, of unknown origin; a form with files, as
`upload`. Sources: the API
references of the providers; MCP 2025-06-18 "Streamable HTTP"; A2A 1.0 "HTTP headers".
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.genai.protocols.a2a import A2aReading
from clyra_proxy.genai.protocols.anthropic_messages import MessagesReading
from clyra_proxy.genai.protocols.bedrock import ConverseReading
from clyra_proxy.genai.protocols.bedrock_invoke import InvokeReading
from clyra_proxy.genai.protocols.cohere import CohereReading
from clyra_proxy.genai.protocols.gemini import GeminiReading
from clyra_proxy.genai.protocols.gemini_live import GeminiMessages
from clyra_proxy.genai.protocols.generic import GenericReading
from clyra_proxy.genai.protocols.mcp import McpMessages, McpReading
from clyra_proxy.genai.protocols.ollama import OllamaReading
from clyra_proxy.genai.protocols.openai_chat import ChatReading
from clyra_proxy.genai.protocols.openai_responses import ResponsesReading
from clyra_proxy.genai.protocols.prompts import PROMPT_READINGS
from clyra_proxy.genai.protocols.reading import MessageReading, Reading
from clyra_proxy.genai.protocols.realtime import OpenAiMessages
from clyra_proxy.genai.protocols.upload import MEDIA as UPLOAD
from clyra_proxy.genai.protocols.upload import UploadReading
from clyra_proxy.verdict.protocol import (
    a2a_card,
    is_a2a,
    is_mcp,
    is_mcp_endpoint,
    is_mcp_session,
    is_mcp_stream,
    is_provider,
)

_ALL: tuple[Reading, ...] = (
    ChatReading(),
    ChatReading("mistral"),
    ChatReading("vllm"),
    ResponsesReading(),
    GenericReading("openai-realtime"),
    *PROMPT_READINGS,
    MessagesReading(),
    GeminiReading(),
    ConverseReading(),
    InvokeReading(),
    CohereReading(),
    OllamaReading(),
    McpReading(),
    A2aReading(),
    UploadReading(),
    GenericReading(),
)
READINGS: dict[str, Reading] = {reading.id: reading for reading in _ALL}
"""Every reading by its id."""

_ENDINGS: tuple[tuple[str, str], ...] = (
    ("/chat/completions", "openai-chat"),
    ("/agents/completions", "mistral"),
    ("/fim/completions", "openai-completions"),
    ("/completions", "openai-completions"),
    ("/responses", "openai-responses"),
    ("/responses/compact", "openai-responses"),
    ("/responses/input_tokens", "openai-responses"),
    ("/moderations", "openai-moderations"),
    ("/images/generations", "openai-images"),
    ("/audio/speech", "openai-speech"),
    ("/v1/messages", "anthropic-messages"),
    ("/messages/count_tokens", "anthropic-messages"),
    ("/v1/complete", "anthropic-complete"),
    ("/v2/chat", "cohere"),
    ("/v1/chat", "cohere"),
    ("/v2/embed", "cohere-embeddings"),
    ("/v1/embed", "cohere-embeddings"),
    ("/v2/rerank", "rerank"),
    ("/v1/rerank", "rerank"),
    ("/rerank", "rerank"),
    ("/v1/score", "rerank"),
    ("/api/chat", "ollama"),
    ("/api/generate", "ollama"),
    ("/api/embed", "ollama"),
    ("/api/embeddings", "ollama"),
    ("/embeddings", "openai-embeddings"),
    ("/message:send", "a2a"),
    ("/message:stream", "a2a"),
)
_COHERE_ONLY = ("/v1/generate", "/v1/summarize", "/v1/classify")  # too plain to mean anything elsewhere
_PROVIDER_HEADERS = ("anthropic-version", "openai-beta", "x-goog-api-key")
"""Sent with each request of an API, so that an operation nobody knows (batches, threads, caches) is read behind a
gateway as at the provider's own host."""
_GEMINI = re.compile(
    r"/(?:models|tunedModels|endpoints)/([^/]+):"
    r"(generateContent|streamGenerateContent|countTokens|computeTokens|embedContent|batchEmbedContents)\Z"
)
_VERTEX_ANTHROPIC = re.compile(r"/publishers/anthropic/models/[^/]+:(?:streamRawPredict|rawPredict)\Z")
_VERTEX_RAW = re.compile(r"/publishers/[^/]+/models/[^/]+:(?:streamRawPredict|rawPredict)\Z")
_BEDROCK = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream)\Z")
_SOCKETS = (("/realtime", "openai-realtime"), ("/responses", "openai-responses"))


def reading_of(id: str) -> Reading:
    """The reading with this id. Raises KeyError."""
    return READINGS[id]


def recognise(request: RequestHead, destination: Destination, declared: str = "auto") -> Reading | None:
    """The reading of the API that `request` speaks to; None when it speaks to none that is known."""
    if declared == "off":
        return None
    path = request.path.partition("?")[0].rstrip("/")
    bound = _bound(path)
    if declared != "auto":
        return bound if bound is not None and bound.id == declared else READINGS[declared]
    if request.method == "GET":
        return _by_get(request, path)
    if request.method not in ("POST", "PUT", "PATCH"):
        return None
    if is_mcp_session(request) or is_mcp_endpoint(request):
        return READINGS["mcp"]
    if bound is not None:
        return bound
    found = next((id for ending, id in _ENDINGS if path.endswith(ending)), "")
    if found == "openai-chat" and _below(named_host(destination), ("mistral.ai",)):
        return READINGS["mistral"]
    if found:
        return READINGS[found]
    return _by_head(request, destination)


def message_reading(reading: Reading) -> MessageReading | None:
    """A reader of one WebSocket session of this API; None when it has none."""
    if reading.id in ("openai-realtime", "openai-responses"):
        return OpenAiMessages(reading.id)
    if reading.id == "gemini":
        return GeminiMessages()
    return McpMessages() if reading.id == "mcp" else None


def _bound(path: str) -> Reading | None:
    """A reading bound to the model and method that stand in the path."""
    if (found := _GEMINI.search(path)) is not None:
        return GeminiReading(unquote(found[1]), found[2])
    if (found := _BEDROCK.search(path)) is not None:
        model, streamed = unquote(found[1]), found[2].endswith("-stream")
        converse = found[2].startswith("converse")
        return ConverseReading(model, streamed=streamed) if converse else InvokeReading(model, streamed=streamed)
    if _VERTEX_ANTHROPIC.search(path):
        return READINGS["anthropic-messages"]
    return READINGS["openai-chat"] if _VERTEX_RAW.search(path) else None


def _by_get(request: RequestHead, path: str) -> Reading | None:
    """What is opened rather than sent: WebSocket sessions, a server's own messages, an agent's card."""
    if (request.get("upgrade") or "").lower() == "websocket":
        if "BidiGenerateContent" in path:
            return READINGS["gemini"]
        return next((READINGS[id] for ending, id in _SOCKETS if path.endswith(ending)), _mcp_socket(request))
    if is_mcp_session(request) or is_mcp_stream(request):
        return READINGS["mcp"]
    return READINGS["a2a"] if a2a_card(path) else None


def _mcp_socket(request: RequestHead) -> Reading | None:
    return READINGS["mcp"] if (request.get("sec-websocket-protocol") or "").strip().lower() == "mcp" else None


def _by_head(request: RequestHead, destination: Destination) -> Reading | None:
    if is_a2a(request):
        return READINGS["a2a"]
    path, host = request.path.partition("?")[0], named_host(destination)
    if path.endswith(_COHERE_ONLY) and _below(host, ("cohere.com", "cohere.ai")):
        return READINGS["cohere-generate"]
    if is_mcp(request):
        return READINGS["mcp"]
    if request.get("anthropic-version") is not None and path.endswith("/messages"):
        return READINGS["anthropic-messages"]
    media = (request.get("content-type") or "").partition(";")[0].strip().lower()
    speaks = is_provider(host) or any(request.get(name) is not None for name in _PROVIDER_HEADERS)
    if speaks and media in ("", "application/json"):
        return READINGS["generic"]
    return READINGS["upload"] if speaks and media == UPLOAD else None


def _below(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)
