"""Which messages ask a model for an answer, and which end one.

Rule: over HTTP each request asks and each response ends. A WebSocket session is one exchange with many messages, of
which few ask (`response.create`, a turn of the client, results of tools) and few end (`response.done`,
`turnComplete`); the others are pieces. Requests to tool servers and to other agents are no calls of a model.
"""

from __future__ import annotations

from clyra_proxy.genai.model import Conversation, Direction

_TOOL_PROTOCOLS = ("mcp", "a2a")
_LIVE = frozenset({"setup", "clientContent", "realtimeInput", "toolResponse", "setupComplete", "serverContent"}) | {
    "toolCall",
    "toolCallCancellation",
    "usageMetadata",
    "goAway",
    "sessionResumptionUpdate",
}
_ASKING = frozenset({"response.create", "clientContent", "toolResponse"})
_ENDING = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})


def is_model_traffic(conversation: Conversation) -> bool:
    """Whether this is traffic with a model, not with a tool server or another agent."""
    return not conversation.protocol.startswith(_TOOL_PROTOCOLS)


def is_message(conversation: Conversation) -> bool:
    """Whether this is one message of a WebSocket session with a model."""
    operation = conversation.operation
    if conversation.protocol.startswith("openai-"):
        return "." in operation
    return conversation.protocol.startswith("gemini") and operation in _LIVE


def asks(conversation: Conversation) -> bool:
    """Whether a model begins to work because of this."""
    if conversation.direction is not Direction.REQUEST or not is_model_traffic(conversation):
        return False
    return not is_message(conversation) or conversation.operation in _ASKING


def ends(conversation: Conversation) -> bool:
    """Whether this message ends an answer inside a session that goes on."""
    if conversation.direction is not Direction.RESPONSE or not is_message(conversation):
        return False
    return conversation.operation in _ENDING or conversation.usage.output_tokens >= 0
