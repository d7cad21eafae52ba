"""Which protocol a client speaks, judged from the request head and policy's word, so that a denial can speak it too.

Sources: MCP 2025-06-18 "Streamable HTTP" (POST accepts both JSON and an event stream; the session and protocol
headers), A2A 1.0 "HTTP headers", and the public API references of OpenAI, Anthropic, Google Gemini, Amazon Bedrock,
Cohere and Ollama.
"""

from __future__ import annotations

import re
from enum import StrEnum

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination, Exchange, RequestHead


class Protocol(StrEnum):
    """What a client speaks, as far as a refusal must be told in it."""

    HTTP = "http"
    MCP = "mcp"
    A2A = "a2a"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    COHERE = "cohere"
    OLLAMA = "ollama"


_GEMINI_HOSTS = ("generativelanguage.googleapis.com", "aiplatform.googleapis.com")
_GEMINI_PATH = re.compile(
    r":(?:streamGenerateContent|generateContent|countTokens|computeTokens|embedContent|batchEmbedContents)\Z"
)
_ANTHROPIC_PATH = re.compile(r"/v1/(?:messages|complete)(?:/|\Z)|/publishers/anthropic/models/[^/]+:\w*[rR]awPredict\Z")
_OPENAI_HOSTS = ("api.openai.com", "openai.azure.com", "api.mistral.ai", "api.groq.com", "openrouter.ai")
_OPENAI_PATH = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings|moderations|images/generations|audio/[a-z]+|realtime)"
    r"(?:/|\Z)"
)
_BEDROCK_HOST = re.compile(r"\Abedrock(?:-agent)?-runtime(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com|api\.aws)")
_BEDROCK_PATH = re.compile(r"/model/[^/]+/(?:converse|converse-stream|invoke|invoke-with-response-stream)\Z")
_COHERE_HOSTS = ("api.cohere.com", "api.cohere.ai")
_COHERE_PATH = re.compile(r"/v[12]/(?:chat|embed|rerank)\Z")
_OLLAMA_PATH = re.compile(r"/api/(?:chat|generate|embed|embeddings)\Z")
_MCP_FIELDS = frozenset((b"mcp-session-id", b"mcp-protocol-version"))
_A2A_FIELDS = frozenset((b"a2a-version", b"a2a-extensions", b"x-a2a-extensions"))
_A2A_PATH = re.compile(r"/message:(?:send|stream)\Z")
_A2A_CARD = re.compile(r"/\.well-known/agent(?:-card)?\.json\Z")
_OTHER_PROVIDERS = ("api.anthropic.com", "api.deepseek.com", "api.x.ai", "api.together.xyz", "api.fireworks.ai",
                    "api.perplexity.ai", "api.ai21.com")  # fmt: skip

_OF_READING = {
    "mcp": Protocol.MCP,
    "a2a": Protocol.A2A,
    "anthropic-messages": Protocol.ANTHROPIC,
    "anthropic-complete": Protocol.ANTHROPIC,
    "gemini": Protocol.GEMINI,
    "bedrock-converse": Protocol.BEDROCK,
    "bedrock-invoke": Protocol.BEDROCK,
    "cohere": Protocol.COHERE,
    "cohere-embeddings": Protocol.COHERE,
    "cohere-generate": Protocol.COHERE,
    "ollama": Protocol.OLLAMA,
    "mistral": Protocol.OPENAI,
    "vllm": Protocol.OPENAI,
}


SPOKEN = "protocol-spoken"
"""Key in `Exchange.extensions`: the reading that a request's body turned out to be of, where its head does not say."""


def spoken_in(exchange: Exchange) -> Protocol:
    """The protocol whose error shape the client of an exchange expects, as far as it is known by now."""
    declared: str = exchange.extensions.get(SPOKEN, exchange.route.genai)
    return protocol_of(exchange.request, exchange.destination, declared)


def protocol_of(request: RequestHead, destination: Destination, declared: str = "auto") -> Protocol:
    """The protocol whose error shape the client expects. declared: policy's word for the route, an id of a reading."""
    if declared in _OF_READING:
        return _OF_READING[declared]
    if declared.startswith("openai-"):
        return Protocol.OPENAI
    path = request.path.partition("?")[0]
    return _by_agreement(request, path) or _by_provider(request, path, named_host(destination))


def is_mcp(request: RequestHead) -> bool:
    """True for a JSON-RPC message posted to an MCP server."""
    return request.method == "POST" and not is_a2a(request) and _is_posted_to_mcp(request)


def _is_posted_to_mcp(request: RequestHead) -> bool:
    """The same for a POST that is not meant for an agent."""
    if is_mcp_session(request) or is_mcp_endpoint(request):
        return True
    accept = (request.get("accept") or "").lower()
    return "application/json" in accept and "text/event-stream" in accept


def is_mcp_stream(request: RequestHead) -> bool:
    """True for the stream that a client of MCP's first transport opens (2024-11-05 "HTTP with SSE")."""
    wants_events = "text/event-stream" in (request.get("accept") or "").lower()
    return request.method == "GET" and wants_events and request.path.partition("?")[0].rstrip("/").endswith("/sse")


def is_mcp_session(request: RequestHead) -> bool:
    """True for whatever belongs to an MCP session by its headers: messages, and the stream of the server's own."""
    return request.has_any(_MCP_FIELDS)


def is_a2a(request: RequestHead) -> bool:
    """True for a message to an agent, by its headers (A2A 1.0 wants the version in each)."""
    return request.has_any(_A2A_FIELDS)


def a2a_card(path: str) -> bool:
    """Whether a path is where agents publish their cards."""
    return _A2A_CARD.search(path) is not None


def speaks_jsonrpc(request: RequestHead, declared: str = "auto") -> bool:
    """Whether the body is a JSON-RPC message, whose id an answer must repeat."""
    if request.method != "POST" or declared in ("mcp", "a2a"):
        return request.method == "POST"
    return not is_rest(request) if is_a2a(request) else _is_posted_to_mcp(request)


def is_provider(host: str) -> bool:
    """Whether a host is a known provider of models."""
    known = (*_GEMINI_HOSTS, *_OPENAI_HOSTS, *_COHERE_HOSTS, *_OTHER_PROVIDERS)
    return _below(host, known) or _BEDROCK_HOST.match(host.lower()) is not None


def is_mcp_endpoint(request: RequestHead) -> bool:
    """Whether the path is where MCP's first transport posts, as the official servers name it."""
    place, _, query = request.path.partition("?")
    if not place.rstrip("/").endswith(("/messages", "/message")):
        return False
    return any(pair.startswith(("session_id=", "sessionId=")) for pair in query.split("&"))


def _by_agreement(request: RequestHead, path: str) -> Protocol | None:
    """Protocols between agents and tools: any host may speak them."""
    if is_mcp(request):
        return Protocol.MCP
    if is_a2a(request) or _A2A_PATH.search(path):
        return Protocol.HTTP if a2a_card(path) else Protocol.A2A
    return None


def _by_provider(request: RequestHead, path: str, host: str) -> Protocol:
    if _BEDROCK_PATH.search(path) or _BEDROCK_HOST.match(host.lower()):
        return Protocol.BEDROCK
    if request.get("anthropic-version") is not None or _below(host, ("api.anthropic.com",)):
        return Protocol.ANTHROPIC
    if _ANTHROPIC_PATH.search(path):
        return Protocol.ANTHROPIC
    if _below(host, _GEMINI_HOSTS) or _GEMINI_PATH.search(path) or request.get("x-goog-api-key") is not None:
        return Protocol.GEMINI
    if _below(host, _COHERE_HOSTS) or _COHERE_PATH.search(path):
        return Protocol.COHERE
    if _OLLAMA_PATH.search(path):
        return Protocol.OLLAMA
    if _below(host, _OPENAI_HOSTS) or _OPENAI_PATH.search(path) or request.get("openai-beta") is not None:
        return Protocol.OPENAI
    return Protocol.HTTP


def is_rest(request: RequestHead) -> bool:
    """Whether an A2A client expects errors as HTTP+JSON has them, and not as JSON-RPC does."""
    return _A2A_PATH.search(request.path.partition("?")[0]) is not None


def _below(host: str, names: tuple[str, ...]) -> bool:
    host = host.lower().removesuffix(".")
    return any(host == name or host.endswith(f".{name}") or host.endswith(f"-{name}") for name in names)
