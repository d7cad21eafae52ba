"""Which API a request speaks to, judged from its head and from policy's word.

Rule: policy's word wins (`declared`: "off", or the id of a reading); otherwise a path that only one API has, then the
headers that a client of one API always sends, then the provider's host. Nothing is guessed from a body. Sources: the
API references of the providers; MCP 2025-06-18 "Streamable HTTP".
"""

from __future__ import annotations

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.genai.protocols.anthropic_messages import MessagesReading
from clyra_proxy.genai.protocols.generic import GenericReading
from clyra_proxy.genai.protocols.mcp import McpReading
from clyra_proxy.genai.protocols.openai_chat import ChatReading
from clyra_proxy.genai.protocols.reading import MessageReading, Reading

_ALL: tuple[Reading, ...] = (ChatReading(), MessagesReading(), McpReading(), GenericReading())
READINGS: dict[str, Reading] = {reading.id: reading for reading in _ALL}
"""Every reading by its id."""


def reading_of(id: str) -> Reading:
    """The reading with this id. Raises KeyError."""
    return READINGS[id]


def recognise(request: RequestHead, destination: Destination, declared: str = "auto") -> Reading | None:
    """The reading of the API that `request` speaks to; None when it speaks to none that is known."""
    if declared == "off":
        return None
    if declared != "auto":
        return READINGS[declared]
    path = request.path.partition("?")[0].rstrip("/")
    host = named_host(destination)
    if _speaks_mcp(request):
        return READINGS["mcp"]
    if request.method != "POST":
        return None
    if path.endswith("/chat/completions"):
        return READINGS["openai-chat"]
    if request.get("anthropic-version") is not None or path.endswith("/v1/messages") or host == "api.anthropic.com":
        return READINGS["anthropic-messages"]
    return None


def message_reading(reading: Reading) -> MessageReading | None:
    """A reader of one WebSocket session of this API; None when it has none."""
    return None


def _speaks_mcp(request: RequestHead) -> bool:
    """A message posted to an MCP server, or the stream a client opens for the server's own messages."""
    if request.get("mcp-session-id") is not None or request.get("mcp-protocol-version") is not None:
        return request.method in ("POST", "GET")
    accept = (request.get("accept") or "").lower()
    return request.method == "POST" and "application/json" in accept and "text/event-stream" in accept
