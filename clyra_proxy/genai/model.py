"""One model of every conversation with a model or a tool server, whatever protocol carries it.

Rule: protocols parse into these values and nothing else; detectors read these values and nothing else. A text keeps
where it came from (`Provenance`), because the same words are judged differently in a user's message, in a tool result
and in code, and where it stands in the body (`path`, RFC 6901), so that a finding can point at it and an edit can
replace it. Values are immutable; none of them is ever logged or recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Provenance(StrEnum):
    """Who wrote a text, as the protocol tells it. The strongest feature a proxy has and a text classifier lacks."""

    SYSTEM = "system"  # system and developer prompts: the operator's
    USER = "user"
    ASSISTANT = "assistant"  # what the model said, now or in an earlier turn
    TOOL_RESULT = "tool_result"  # what a tool, function or MCP server returned
    DOCUMENT = "document"  # attached, retrieved or fetched content, resources
    TOOL_DESCRIPTION = "tool_description"  # names, descriptions and schemas that a tool server declares
    ARGUMENTS = "arguments"  # what the model wants to call a tool with
    UNKNOWN = "unknown"  # text without a place: `clyra check --text`, a body read as generic JSON

    @property
    def foreign(self) -> bool:
        """True for text that nobody in the conversation wrote, so that an order in it is abnormal in itself."""
        return self in _FOREIGN


_FOREIGN = frozenset({Provenance.TOOL_RESULT, Provenance.DOCUMENT, Provenance.TOOL_DESCRIPTION})


class Direction(StrEnum):
    """Whether a text is on its way to a model or tool server, or comes from one."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Segment:
    """One text of a conversation.

    path: JSON pointer of the string that holds it in the body (of the event or message, in streams); "" when it is not
    exactly one JSON string there, and then it cannot be edited. name: the tool a result or description belongs to, or
    the file name of a document. block: stable key of the content block ("message/3", "choice/0"), for streams.
    history: true for an earlier turn of this conversation that the client merely repeats.
    """

    text: str
    provenance: Provenance
    path: str = ""
    name: str = ""
    block: str = ""
    history: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a sound, a film or a file that a conversation carries or points at.

    kind: `image`, `audio`, `video` or `file`. url: where it is, when it is not inline. base64: the content as the body
    has it (RFC 4648, without the `data:` prefix), when it is inline. path: JSON pointer of the string that holds it.
    """

    kind: str
    provenance: Provenance
    media_type: str = ""
    url: str = ""
    base64: str = ""
    path: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as declared to the model or by a server. schema: JSON Schema of the arguments, None when not given.

    kind: `function`, `mcp_tool`, `mcp_resource`, `mcp_prompt`, or a provider's built-in (`web_search`, ...).
    path: pointer of the definition (an element of an array) in the body. declared: the whole definition as JSON.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] | bool | None = None
    kind: str = "function"
    path: str = ""
    declared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool. arguments: the parsed JSON value, None when it is not JSON (`raw` has the text then).

    kind: `function`, `mcp_tool` (tools/call), `mcp_resource` (resources/read), `mcp_prompt` (prompts/get),
    `mcp_sampling`, `mcp_elicitation` (asked by a server), or a provider's built-in.
    history: an earlier turn repeats it.
    """

    name: str
    arguments: Any = None
    raw: str = ""
    id: str = ""
    kind: str = "function"
    path: str = ""
    block: str = ""
    history: bool = False


@dataclass(frozen=True, slots=True)
class Echo:
    """A value that repeats texts token by token (`logprobs`). path: its pointer. of: that of what holds the texts."""

    path: str
    of: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; -1 when it did not say."""

    input_tokens: int = -1
    output_tokens: int = -1


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one body, message or stream says.

    protocol: id of the reading (`openai-chat`, `anthropic-messages`, `mcp`, ...). operation: what is asked of it
    (`chat`, `embeddings`, `tools/list`, ...). unread: why parts could not be read, as words for coverage
    (`image`, `audio`, `unknown_block:foo`, `ciphertext`); empty when all of it was. structured: JSON Schema the answer
    must satisfy, when the request asks for structured output. error: true for a provider's error answer. echoes: what
    goes when a text that it repeats is edited.
    """

    protocol: str
    direction: Direction
    operation: str = ""
    model: str = ""
    stream: bool = False
    segments: tuple[Segment, ...] = ()
    tools: tuple[ToolDefinition, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    max_output_tokens: int = -1
    finish_reason: str = ""
    structured: Mapping[str, Any] | None = None
    unread: tuple[str, ...] = ()
    error: bool = False
    media: tuple[Media, ...] = ()
    echoes: tuple[Echo, ...] = ()
