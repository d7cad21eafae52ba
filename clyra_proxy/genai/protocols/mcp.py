"""The Model Context Protocol over streamable HTTP, its older SSE transport and stdio: JSON-RPC 2.0 both ways.

Source: MCP 2025-06-18, 2025-11-25 ("Transports", "Server features", "Client features"); JSON-RPC 2.0; batches from MCP
2025-03-26. Rule: a message is read by its own content. What the client asks (`tools/call`, `resources/read`,
`prompts/get`) is a call with arguments; what the server asks of the client (sampling, elicitation) is a call of kind
`mcp_sampling` or `mcp_elicitation`, its texts foreign; answers either way are read as results. A call's `id` is that of
its JSON-RPC request as text, so that an answer finds the name of its tool.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, ToolCall
from clyra_proxy.genai.protocols.answers import read_error, read_unannounced
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.framing import EventFraming, Frame
from clyra_proxy.genai.protocols.json_text import ROOT, parse_json, pointer
from clyra_proxy.genai.protocols.mcp_results import read_client_result, read_content, read_messages, read_result
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamEvent, StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import OTHER, is_event_stream, unreadable_event, without_paths

_CALLS = {"tools/call": ("mcp_tool", "name"), "resources/read": ("mcp_resource", "uri"),
          "prompts/get": ("mcp_prompt", "name"), "resources/subscribe": ("mcp_resource", "uri")}  # fmt: skip
_MOST_ASKED = 1024  # calls of one session that wait for an answer
_MOST_HELD = 1 << 20  # bytes of messages of a stream that are kept after they were judged
_SERVER_ASKS = {"sampling/createMessage": "mcp_sampling", "elicitation/create": "mcp_elicitation"}


class McpReading:
    """Messages of one MCP endpoint, whichever way they go."""

    id = "mcp"

    def request(self, body: bytes) -> Conversation:
        """What a client posts: a message or a batch. Raises UnreadableError."""
        return self.messages(parse_json(body), Direction.REQUEST, None)

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        if not body.strip():
            return self._draft(Direction.RESPONSE, request).conversation()
        if status >= 400:
            return self._refusal(body, request)
        try:
            value = parse_json(body)
        except UnreadableError as refusal:
            streamed = read_unannounced(self, body, request) if refusal.reason == "not_json" else None
            if streamed is None:
                raise
            return streamed
        return self.messages(value, Direction.RESPONSE, request)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        return McpStream(self, request) if is_event_stream(media) else None

    def messages(self, value: Any, direction: Direction, request: Conversation | None) -> Conversation:
        """One message, or a batch, from its JSON."""
        draft = self._draft(direction, request)
        if isinstance(value, list):
            if not value:
                raise UnreadableError("unknown_shape")
            for at, message in enumerate(value):
                self.read(draft, message, f"/{at}", f"message/{at}", request)
        else:
            self.read(draft, value, "", "message/0", request)
        return draft.conversation()

    def read(self, draft: Draft, message: Any, path: str, block: str, request: Conversation | None) -> None:
        """Add one JSON-RPC message."""
        if not isinstance(message, dict) or not ({"method", "result", "error"} & message.keys()):
            raise UnreadableError("unknown_shape")
        if "method" in message:
            method = message["method"]
            if not isinstance(method, str):
                raise UnreadableError("unknown_shape")
            draft.operation = draft.operation or method
            self._ask(draft, method, message, f"{path}/params", block)
        if "result" in message:
            asked = request.calls if request is not None else ()
            name = next((call.name for call in asked if call.id == _id(message)), "")
            if draft.direction is Direction.REQUEST:
                read_client_result(draft, message["result"], f"{path}/result", block)
            else:
                read_result(draft, message["result"], f"{path}/result", name, block)
            draft.finish_reason = draft.finish_reason or word(_member(message["result"], "stopReason"))
            draft.error = draft.error or _member(message["result"], "isError") is True
        if "error" in message:
            draft.error = True
            draft.texts(message["error"], Provenance.TOOL_RESULT, f"{path}/error", block=block)

    def _ask(self, draft: Draft, method: str, message: dict[str, Any], path: str, block: str) -> None:
        params = message.get("params")
        if method in _CALLS and not _is_named(params, _CALLS[method][1]):
            raise UnreadableError("unknown_shape")  # a call by position, or of something that is no name
        held: dict[str, Any] = params if isinstance(params, dict) else {}
        if method in _CALLS:
            kind, member = _CALLS[method]
            draft.call(
                held.get(member),
                held.get("arguments", {}),
                f"{path}/arguments",
                id=_id(message),
                kind=kind,
                block=block,
            )
            draft.text(held.get("uri"), Provenance.ARGUMENTS, f"{path}/uri", block=block)
            _read_rest(draft, held, path, block, ("arguments", "uri", member), Provenance.ARGUMENTS)
        elif method in _SERVER_ASKS:
            self._server_asks(draft, method, message, held, path, block)
        elif not isinstance(params, dict):
            draft.texts(params, Provenance.UNKNOWN, path, block=block)
        else:
            client = draft.direction is Direction.REQUEST
            _read_rest(draft, held, path, block, (), Provenance.ARGUMENTS if client else Provenance.TOOL_RESULT)

    def _server_asks(
        self, draft: Draft, method: str, message: dict[str, Any], held: dict[str, Any], path: str, block: str
    ) -> None:
        """Sampling and elicitation. The arguments are read as the texts they are, not as arguments of a model."""
        before = len(draft.segments)
        draft.call(method, held, path, id=_id(message), kind=_SERVER_ASKS[method], block=block)
        del draft.segments[before:]
        read_messages(draft, held.get("messages"), f"{path}/messages", "", block)
        tools = held.get("tools")
        for at, tool in enumerate(tools if isinstance(tools, list) else ()):
            draft.tool(tool, f"{path}/tools/{at}", kind="mcp_tool", schema="inputSchema")
        draft.max_output_tokens = max(draft.max_output_tokens, _count(held.get("maxTokens")))
        _read_rest(draft, held, path, block, ("messages", "tools"), Provenance.TOOL_RESULT)

    def _refusal(self, body: bytes, request: Conversation | None) -> Conversation:
        """An HTTP error; its body may be a JSON-RPC error, or anything."""
        try:
            return self.messages(parse_json(body), Direction.RESPONSE, request)
        except UnreadableError:
            return read_error(self.id, body, request)

    def _draft(self, direction: Direction, request: Conversation | None) -> Draft:
        return Draft(self.id, direction, request.operation if request is not None else "")


class McpStream:
    """Messages of a server, each an event of its own: answers, notifications and questions to the client."""

    def __init__(self, reading: McpReading, request: Conversation | None) -> None:
        self._reading = reading
        self._request = request
        self._framing = EventFraming()
        self._messages: deque[tuple[Any, int]] = deque()
        self._held = 0
        self._passed = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return [self._event(frame) for frame in self._framing.feed(data)]

    def finish(self) -> Sequence[StreamEvent]:
        return [self._event(frame) for frame in self._framing.finish()]

    def conversation(self) -> Conversation:
        """The latest messages as one (each was judged by itself); a single one reads as if it had come whole."""
        if not self._messages:
            return without_paths(self._reading._draft(Direction.RESPONSE, self._request).conversation(), stream=True)
        messages = [message for message, _ in self._messages]
        value = messages if len(messages) > 1 else messages[0]
        return without_paths(self._reading.messages(value, Direction.RESPONSE, self._request), stream=True)

    def _event(self, frame: Frame) -> StreamEvent:
        data = None if frame.data is None else frame.data.strip(b" \t\r\n")
        if not data or frame.name == "endpoint":  # the older transport tells where to post
            return StreamEvent(frame.start, frame.end, OTHER)
        try:
            value = parse_json(data)
            conversation = self._reading.messages(value, Direction.RESPONSE, self._request)
        except UnreadableError as refusal:
            return unreadable_event(frame, data, self._reading.id, refusal, Provenance.TOOL_RESULT)
        block = f"message/{self._passed + len(self._messages)}"
        self._keep(value if isinstance(value, list) else [value], len(data))
        deltas: list[Delta] = [Delta(DeltaKind.MESSAGE, block, conversation=conversation)]
        return StreamEvent(frame.start, frame.end, tuple(deltas), frame.span)

    def _keep(self, messages: list[Any], size: int) -> None:
        """A stream of a server's own messages has no end, so the oldest go."""
        self._messages.extend((message, size // len(messages)) for message in messages)
        self._held += size
        while self._held > _MOST_HELD and len(self._messages) > 1:
            self._held -= self._messages.popleft()[1]
            self._passed += 1


def _read_rest(
    draft: Draft, held: dict[str, Any], path: str, block: str, known: Iterable[str], provenance: Provenance
) -> None:
    """Add the strings of members that have no reader of their own; of `_meta`, tokens and cursors only what says
    something."""
    for member, value in held.items():
        if member in known:
            continue
        place = pointer(path, member)
        if member == "content":
            read_content(draft, value, provenance, place, "", block)
        elif member in ("_meta", "cursor", "protocolVersion", "requestId", "progressToken"):
            draft.others({member: value}, (), provenance, path or ROOT)
        else:
            draft.texts(value, provenance, place, block=block)


def _is_named(params: object, member: str) -> bool:
    return isinstance(params, dict) and isinstance(params.get(member), str)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _id(message: dict[str, Any]) -> str:
    held = message.get("id")
    return str(held) if isinstance(held, (str, int)) and not isinstance(held, bool) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


class McpMessages:
    """One session over WebSocket, or over the pipes of a local server: messages both ways, calls remembered by id."""

    def __init__(self) -> None:
        self._reading = McpReading()
        self._asked: dict[bool, dict[str, ToolCall]] = {True: {}, False: {}}

    def pieces(self, data: bytes) -> tuple[Delta, ...]:
        return ()

    def message(self, data: bytes, *, from_client: bool, text: bool) -> Conversation | None:
        """One message or batch. Raises UnreadableError."""
        direction = Direction.REQUEST if from_client else Direction.RESPONSE
        other = self._asked[not from_client]
        request = Conversation(self._reading.id, direction, calls=tuple(other.values())) if other else None
        value = parse_json(data)
        conversation = self._reading.messages(value, direction, request)
        asked = self._asked[from_client]
        asked.update((call.id, call) for call in conversation.calls if call.id)
        for message in value if isinstance(value, list) else [value]:
            if "method" not in message:
                other.pop(_id(message), None)
        while len(asked) > _MOST_ASKED:
            asked.pop(next(iter(asked)))
        return conversation
