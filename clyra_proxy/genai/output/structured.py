"""Structured output: an answer against the JSON Schema that its own request asked for.

Rule: every choice must hold a text that satisfies the schema, or arguments of a call that do. An answer that the model
broke off or refused, and one that calls a tool first, promises nothing yet: the first is marked, the others pass. What
the model thought aloud is no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.json_schemas import Objection, objection
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment
from clyra_proxy.genai.protocols.json_text import parse_embedded
from clyra_proxy.verdict.model import Action

_BROKEN_OFF = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "max_tokens_reached", "incomplete", "cancelled"}
    | {"content_filter", "safety", "recitation", "refusal", "blocklist", "prohibited_content", "spii", "language"}
    | {"error", "error_limit", "malformed_function_call", "guardrail_intervened", "content_filtered"}
)
_THOUGHT = frozenset(
    {"thinking", "thought", "reasoning", "reasoning_content", "reasoningContent", "reasoningText"}
    | {"refusal", "tool_plan", "summary", "annotations"}
)
_NOT_JSON = Objection("", "json")


def signals_of_structure(inspection: Inspection) -> Iterator[Signal]:
    """A signal when an answer does not satisfy its schema."""
    conversation, request = inspection.conversation, inspection.request
    if conversation.direction is not Direction.RESPONSE or request is None or request.structured is None:
        return
    if conversation.error or not conversation.segments:
        return
    schema = request.structured
    if any(call.arguments is not None and objection(schema, call.arguments) is None for call in conversation.calls):
        return
    for texts in _choices(conversation):
        found = _objection(schema, texts)
        if found is None or (conversation.calls and found is _NOT_JSON):
            continue
        broken_off = conversation.finish_reason.lower() in _BROKEN_OFF
        detail = {"kind": "broken_off" if broken_off else "schema", "patterns": found.keyword, "place": found.path}
        yield Signal("output.schema", Action.MARK if broken_off else None, texts[0].path, detail=detail)


def _choices(conversation: Conversation) -> list[list[Segment]]:
    """What the model answered, by choice."""
    choices: dict[str, list[Segment]] = {}
    for segment in conversation.segments:
        if segment.provenance is Provenance.ASSISTANT and not segment.history and not _is_thought(segment):
            parts = segment.block.split("/")
            choice = "/".join(parts[:2]) if parts[0] in ("choice", "candidate") else ""
            choices.setdefault(choice, []).append(segment)
    return list(choices.values())


def _is_thought(segment: Segment) -> bool:
    return bool(_THOUGHT & {*segment.path.split("/"), *segment.block.split("/")})


def _objection(schema: Mapping[str, Any], texts: list[Segment]) -> Objection | None:
    """None when one of the texts, or all together, satisfies the schema."""
    first: Objection | None = None
    whole = ["".join(text.text for text in texts)] if len(texts) > 1 else []
    for text in [*whole, *(text.text for text in texts)]:
        value = parse_embedded(text.strip())
        is_json = value is not None or text.strip() == "null"
        found = objection(schema, value) if is_json else _NOT_JSON
        if found is None:
            return None
        first = found if first is None or first is _NOT_JSON else first
    return first
