"""OpenAI's Responses API, whole and streamed.

Source: OpenAI API reference "Responses", "Streaming events". Rule: what an answer merely repeats of its request
(`instructions`, `tools`) is not read again; output items keep their places, `item/0` onwards, in both forms.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.answers import error_of
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.event_reading import EventReading
from clyra_proxy.genai.protocols.json_text import ROOT, parse_object
from clyra_proxy.genai.protocols.openai_items import read_item, read_tool, written_by_model
from clyra_proxy.genai.protocols.openai_responses_stream import ResponsesAssembler
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.turns import CallNames, first_new

_READ = frozenset({"input", "instructions", "prompt", "tools", "text", "model"})


class ResponsesReading(EventReading):
    """`POST .../responses`."""

    id = "openai-responses"

    def request(self, body: bytes) -> Conversation:
        return self.request_of(parse_object(body))

    def request_of(self, value: dict[str, Any]) -> Conversation:
        """A request from its JSON; also what a client sends over WebSocket."""
        if not ({"input", "prompt", "previous_response_id", "conversation", "instructions"} & value.keys()):
            raise UnreadableError("unknown_shape")
        draft = Draft(self.id, Direction.REQUEST, "responses", model=word(value.get("model")))
        draft.stream = value.get("stream") is True
        draft.max_output_tokens = whole(value.get("max_output_tokens"))
        read_context(draft, value)
        read_input(draft, value.get("input"), "/input")
        draft.others(value, _READ, Provenance.UNKNOWN, ROOT)
        return draft.conversation()

    def _assembler(self) -> ResponsesAssembler:
        return ResponsesAssembler()

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        if isinstance(value, dict) and value.get("error") and not value.get("output"):
            return error_of(self.id, {"error": value["error"]}, request)
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "responses")
        read_output(draft, value)
        return draft.conversation()


def read_context(draft: Draft, value: dict[str, Any], path: str = "") -> None:
    """Add instructions, prompt variables, tools and the schema of the answer."""
    instructions = value.get("instructions")
    if isinstance(instructions, list):
        read_input(draft, instructions, f"{path}/instructions", whole_history=False)
    else:
        draft.text(instructions, Provenance.SYSTEM, f"{path}/instructions")
    prompt = value.get("prompt")
    if isinstance(prompt, dict):
        draft.texts(prompt.get("variables"), Provenance.USER, f"{path}/prompt/variables")
        draft.unread("stored_prompt")
    tools = value.get("tools")
    for at, tool in enumerate(tools if isinstance(tools, list) else ()):
        read_tool(draft, tool, f"{path}/tools/{at}")
    text = value.get("text")
    shape = text.get("format") if isinstance(text, dict) else None
    if isinstance(shape, dict):
        schema = shape.get("schema")
        draft.structured = schema if isinstance(schema, dict) else None
        draft.declaration(shape, f"{path}/text/format", "")


def read_input(draft: Draft, items: object, path: str, *, whole_history: bool = True) -> None:
    """Add `input`: a text, or items, of which those before the last of the model's are history."""
    if not isinstance(items, list):
        draft.text(items, Provenance.USER, path, block="item/0")
        return
    new, names = first_new(items, written_by_model) if whole_history else 0, CallNames()
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            draft.text(item, Provenance.USER, f"{path}/{at}", block=f"item/{at}")
            continue
        draft.history = at < new and item.get("role") not in ("system", "developer")
        read_item(draft, item, f"{path}/{at}", f"item/{at}", names)
    draft.history = False


def read_output(draft: Draft, value: Any, path: str = "") -> None:
    """Add an answer: its items, usage and how it ended."""
    if not isinstance(value, dict) or not isinstance(value.get("output"), list):
        raise UnreadableError("unknown_shape")
    draft.model = word(value.get("model"))
    usage = value.get("usage")
    if isinstance(usage, dict):
        draft.usage = Usage(whole(usage.get("input_tokens")), whole(usage.get("output_tokens")))
    why = value.get("incomplete_details")
    draft.finish_reason = (word(why.get("reason")) if isinstance(why, dict) else "") or word(value.get("status"))
    names = CallNames()
    for at, item in enumerate(value["output"]):
        if not isinstance(item, dict):
            raise UnreadableError("unknown_shape")
        read_item(draft, item, f"{path}/output/{at}", f"item/{at}", names)
    if value.get("error"):
        draft.error = True
        draft.texts(value["error"], Provenance.UNKNOWN, f"{path}/error")
