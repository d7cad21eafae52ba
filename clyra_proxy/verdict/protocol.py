"""Which protocol a client speaks, judged from the request head alone, so that a denial can speak it too.

Sources: MCP 2025-06-18 "Streamable HTTP" (POST accepts both JSON and an event stream; the session and protocol
headers), and the public API references of OpenAI, Anthropic and Google Gemini.
"""

from __future__ import annotations

import re
from enum import StrEnum

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination, RequestHead


class Protocol(StrEnum):
    HTTP = "http"
    MCP = "mcp"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


_GEMINI_HOSTS = ("generativelanguage.googleapis.com", "aiplatform.googleapis.com")
_GEMINI_PATH = re.compile(r":(?:streamGenerateContent|generateContent|countTokens|embedContent|batchEmbedContents)\Z")
_ANTHROPIC_PATH = re.compile(r"/v1/(?:messages|complete)(?:/|\Z)")
_OPENAI_HOSTS = ("api.openai.com", "openai.azure.com", "api.mistral.ai", "api.groq.com", "openrouter.ai")
_OPENAI_PATH = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings|moderations|images/generations|audio/[a-z]+|realtime)"
    r"(?:/|\Z)"
)


def protocol_of(request: RequestHead, destination: Destination) -> Protocol:
    """The protocol whose error shape the client expects."""
    if is_mcp(request):
        return Protocol.MCP
    path = request.path.partition("?")[0]
    host = named_host(destination)
    if request.get("anthropic-version") is not None or _below(host, ("api.anthropic.com",)):
        return Protocol.ANTHROPIC
    if _below(host, _GEMINI_HOSTS) or _GEMINI_PATH.search(path) or request.get("x-goog-api-key") is not None:
        return Protocol.GEMINI
    if _ANTHROPIC_PATH.search(path):
        return Protocol.ANTHROPIC
    if _below(host, _OPENAI_HOSTS) or _OPENAI_PATH.search(path):
        return Protocol.OPENAI
    return Protocol.HTTP


def is_mcp(request: RequestHead) -> bool:
    """True for a JSON-RPC message posted to an MCP server."""
    if request.method != "POST":
        return False
    if request.get("mcp-session-id") is not None or request.get("mcp-protocol-version") is not None:
        return True
    accept = (request.get("accept") or "").lower()
    return "application/json" in accept and "text/event-stream" in accept


def _below(host: str, names: tuple[str, ...]) -> bool:
    host = host.lower().removesuffix(".")
    return any(host == name or host.endswith(f".{name}") or host.endswith(f"-{name}") for name in names)
