"""One abstract answer of a model, written in the wire format of each provider, whole and streamed.

The formats are written from the providers' documentation and use nothing of the readings under test.
"""

from __future__ import annotations

import base64
import itertools
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

SSE, NDJSON, AWS, JSON = (
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "application/json",
)

CHARACTERS = st.characters(blacklist_categories=["Cs"])
TEXTS = st.text(CHARACTERS, min_size=1, max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]
    id: str


@dataclass(frozen=True)
class Answer:
    """pieces: where the text, and each call's arguments, are cut when streamed."""

    text: str
    thought: str = ""
    calls: tuple[Call, ...] = ()
    pieces: tuple[int, ...] = ()
    usage: tuple[int, int] = (3, 5)
    ascii: bool = False
    arguments: list[str] = field(default_factory=list)

    def cut(self, text: str) -> list[str]:
        """The text in pieces, none of them empty."""
        places = sorted({place % (len(text) + 1) for place in self.pieces} | {0, len(text)})
        return [text[start:end] for start, end in itertools.pairwise(places) if start < end]

    def dump(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=self.ascii)


CALLS = st.builds(
    Call,
    st.sampled_from(["get_weather", "send_mail", "récupérer"]),
    st.dictionaries(st.text(CHARACTERS, max_size=6), VALUES, max_size=3),
    st.uuids().map(lambda each: f"call_{each.hex[:8]}"),
)
ANSWERS = st.builds(
    Answer,
    text=TEXTS,
    thought=st.just("") | TEXTS,
    calls=st.lists(CALLS, max_size=2, unique_by=lambda call: call.id).map(tuple),
    pieces=st.lists(st.integers(0, 40), max_size=5).map(tuple),
    ascii=st.booleans(),
)


def sse(events: Sequence[tuple[str, Any]], answer: Answer, *, done: bool = False) -> bytes:
    blocks = [(f"event: {name}\n" if name else "") + f"data: {answer.dump(data)}\n\n" for name, data in events]
    return "".join([*blocks, *(["data: [DONE]\n\n"] if done else [])]).encode()


def openai_chat(answer: Answer) -> tuple[bytes, bytes]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": answer.dump(call.arguments)}}
        for call in answer.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.thought:
        message["reasoning_content"] = answer.thought
    if calls:
        message["tool_calls"] = calls
    usage = {"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]}
    whole = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    def chunk(delta: Any, finish: str | None = None) -> tuple[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return "", {"id": "c", "model": "m", "choices": [choice], "usage": None}

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"reasoning_content": piece}) for piece in answer.cut(answer.thought)]
    events += [chunk({"content": piece}) for piece in answer.cut(answer.text)]
    for at, call in enumerate(calls):
        head = {"index": at, "id": call["id"], "type": "function"}
        named = {**head, "function": {"name": call["function"]["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [named]}))
        for piece in answer.cut(call["function"]["arguments"]):
            events.append(chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}))
    events.append(chunk({}, "stop"))
    events.append(("", {"id": "c", "model": "m", "choices": [], "usage": usage}))
    return answer.dump({**whole, "usage": usage}).encode(), sse(events, answer, done=True)


def anthropic(answer: Answer) -> tuple[bytes, bytes]:
    blocks: list[dict[str, Any]] = []
    if answer.thought:
        blocks.append({"type": "thinking", "thinking": answer.thought, "signature": "c2ln"})
    blocks.append({"type": "text", "text": answer.text})
    blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in answer.calls]
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
    usage = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}
    whole = {**head, "content": blocks, "stop_reason": "end_turn", "usage": usage}
    return answer.dump(whole).encode(), sse(list(anthropic_events(answer, blocks, head)), answer)


def anthropic_events(answer: Answer, blocks: list[Any], head: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    start = {**head, "content": [], "stop_reason": None, "usage": {"input_tokens": answer.usage[0], "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": start}
    yield "ping", {"type": "ping"}
    for at, block in enumerate(blocks):
        kind = block["type"]
        empty = {"text": {"type": "text", "text": ""}, "thinking": {"type": kind, "thinking": "", "signature": ""}}
        opened = empty.get(kind, {**block, "input": {}})
        yield "content_block_start", {"type": "content_block_start", "index": at, "content_block": opened}
        deltas = {
            "text": [{"type": "text_delta", "text": piece} for piece in answer.cut(answer.text)],
            "thinking": [
                *({"type": "thinking_delta", "thinking": piece} for piece in answer.cut(answer.thought)),
                {"type": "signature_delta", "signature": "c2ln"},
            ],
        }
        inputs = [{"type": "input_json_delta", "partial_json": ""}]
        if kind == "tool_use":
            pieces = answer.cut(answer.dump(block["input"]))
            inputs += [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        for delta in deltas.get(kind, inputs):
            yield "content_block_delta", {"type": "content_block_delta", "index": at, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": at}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": ended, "usage": {"output_tokens": answer.usage[1]}}
    yield "message_stop", {"type": "message_stop"}


def responses(answer: Answer) -> tuple[bytes, bytes]:
    items: list[dict[str, Any]] = []
    if answer.thought:
        items.append({"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": answer.thought}]})
    part = {"type": "output_text", "text": answer.text, "annotations": []}
    items.append({"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]})
    for call in answer.calls:
        text = answer.dump(call.arguments)
        items.append({"type": "function_call", "id": "f", "call_id": call.id, "name": call.name, "arguments": text})
    usage = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}
    head = {"id": "resp", "object": "response", "model": "m", "instructions": "Be brief.", "tools": []}
    whole = {**head, "status": "completed", "output": items, "usage": usage}
    events = [("response.created", {"response": {**head, "status": "in_progress", "output": []}})]
    for at, item in enumerate(items):
        events += response_item(answer, at, item)
    events.append(("response.completed", {"response": whole}))
    numbered = [(name, {"type": name, "sequence_number": at, **data}) for at, (name, data) in enumerate(events)]
    return answer.dump(whole).encode(), sse(numbered, answer)


def response_item(answer: Answer, at: int, item: dict[str, Any]) -> list[tuple[str, Any]]:
    place = {"output_index": at, "item_id": item["id"]}
    opened = {**item, "content": [], "summary": []} if item["type"] != "function_call" else {**item, "arguments": ""}
    events: list[tuple[str, Any]] = [("response.output_item.added", {"output_index": at, "item": opened})]
    if item["type"] == "message":
        text = {**place, "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": []}
        events.append(("response.content_part.added", {**text, "part": part}))
        events += [("response.output_text.delta", {**text, "delta": piece}) for piece in answer.cut(answer.text)]
        events.append(("response.output_text.done", {**text, "text": answer.text}))
        events.append(("response.content_part.done", {**text, "part": item["content"][0]}))
    elif item["type"] == "reasoning":
        text = {**place, "summary_index": 0}
        for piece in answer.cut(answer.thought):
            events.append(("response.reasoning_summary_text.delta", {**text, "delta": piece}))
        events.append(("response.reasoning_summary_text.done", {**text, "text": answer.thought}))
    else:
        for piece in answer.cut(item["arguments"]):
            events.append(("response.function_call_arguments.delta", {**place, "delta": piece}))
        done = {**place, "arguments": item["arguments"]}
        events.append(("response.function_call_arguments.done", done))
    return [*events, ("response.output_item.done", {"output_index": at, "item": item})]


def gemini_chunks(answer: Answer) -> tuple[dict[str, Any], list[Any]]:
    calls = [{"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}} for call in answer.calls]
    thoughts = [{"text": answer.thought, "thought": True}] if answer.thought else []
    usage = {"promptTokenCount": answer.usage[0], "candidatesTokenCount": answer.usage[1]}

    def candidate(parts: list[Any], **more: Any) -> dict[str, Any]:
        content = {"role": "model", "parts": parts}
        return {"candidates": [{"content": content, "index": 0, **more}], "modelVersion": "m", "usageMetadata": usage}

    whole = candidate([*thoughts, {"text": answer.text}, *calls], finishReason="STOP")
    chunks = [candidate([{"text": piece, "thought": True}]) for piece in answer.cut(answer.thought)]
    chunks += [candidate([{"text": piece}]) for piece in answer.cut(answer.text)]
    chunks += [candidate([call]) for call in calls]
    chunks.append(candidate([{"text": ""}], finishReason="STOP"))
    return whole, chunks


def gemini(answer: Answer) -> tuple[bytes, bytes]:
    whole, chunks = gemini_chunks(answer)
    return answer.dump(whole).encode(), sse([("", chunk) for chunk in chunks], answer)


def gemini_array(answer: Answer) -> tuple[bytes, bytes]:
    whole, chunks = gemini_chunks(answer)
    indent = json.dumps(chunks, ensure_ascii=answer.ascii, indent=2)
    return answer.dump(whole).encode(), indent.encode()


def aws_message(kind: str, payload: bytes) -> bytes:
    """One message of the AWS event stream encoding, by its specification."""
    headers = b""
    for name, value in ((":message-type", "event"), (":event-type", kind), (":content-type", "application/json")):
        headers += struct.pack(">B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value))
        headers += value.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack(">I", crc32(prelude))
    return prelude + headers + payload + struct.pack(">I", crc32(prelude + headers + payload))


def converse(answer: Answer) -> tuple[bytes, bytes]:
    blocks: list[dict[str, Any]] = []
    if answer.thought:
        blocks.append({"reasoningContent": {"reasoningText": {"text": answer.thought, "signature": "s"}}})
    blocks.append({"text": answer.text})
    blocks += [{"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in answer.calls]
    usage = {"inputTokens": answer.usage[0], "outputTokens": answer.usage[1]}
    whole = {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "end_turn", "usage": usage}
    messages = [(kind, answer.dump(data).encode()) for kind, data in converse_events(answer, blocks, usage)]
    return answer.dump(whole).encode(), b"".join(aws_message(kind, data) for kind, data in messages)


def converse_events(answer: Answer, blocks: list[Any], usage: Any) -> Iterator[tuple[str, Any]]:
    yield "messageStart", {"role": "assistant", "p": "abcd"}
    for at, block in enumerate(blocks):
        if "toolUse" in block:
            start = {"toolUse": {key: block["toolUse"][key] for key in ("toolUseId", "name")}}
            yield "contentBlockStart", {"contentBlockIndex": at, "start": start}
            pieces = answer.cut(answer.dump(block["toolUse"]["input"]))
            deltas: list[Any] = [{"toolUse": {"input": piece}} for piece in pieces]
        elif "text" in block:
            deltas = [{"text": piece} for piece in answer.cut(answer.text)]
        else:
            deltas = [{"reasoningContent": {"text": piece}} for piece in answer.cut(answer.thought)]
            deltas.append({"reasoningContent": {"signature": "s"}})
        for delta in deltas:
            yield "contentBlockDelta", {"contentBlockIndex": at, "delta": delta, "p": "abcdefgh"}
        yield "contentBlockStop", {"contentBlockIndex": at}
    yield "messageStop", {"stopReason": "end_turn"}
    yield "metadata", {"usage": usage, "metrics": {"latencyMs": 12}}


def invoke(answer: Answer) -> tuple[bytes, bytes]:
    """Anthropic's format inside of `chunk` events."""
    whole, stream = anthropic(answer)
    events = [block.partition(b"data: ")[2] for block in stream.split(b"\n\n") if block]
    chunks = [{"bytes": base64.b64encode(event).decode(), "p": "abc"} for event in events]
    return whole, b"".join(aws_message("chunk", json.dumps(chunk).encode()) for chunk in chunks)


def invoke_llama(answer: Answer) -> tuple[bytes, bytes]:
    totals = {"prompt_token_count": answer.usage[0], "generation_token_count": answer.usage[1], "stop_reason": "stop"}
    inner = [{"generation": piece, **totals, "stop_reason": None} for piece in answer.cut(answer.text)]
    inner.append({"generation": "", **totals})
    chunks = [{"bytes": base64.b64encode(answer.dump(each).encode()).decode()} for each in inner]
    stream = b"".join(aws_message("chunk", json.dumps(chunk).encode()) for chunk in chunks)
    return answer.dump({"generation": answer.text, **totals}).encode(), stream


def cohere_v2(answer: Answer) -> tuple[bytes, bytes]:
    parts = [{"type": "thinking", "thinking": answer.thought}] if answer.thought else []
    parts.append({"type": "text", "text": answer.text})
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": answer.dump(call.arguments)}}
        for call in answer.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": parts, **({"tool_calls": calls} if calls else {})}
    usage = {"tokens": {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}}
    whole = {"id": "c", "finish_reason": "COMPLETE", "message": message, "usage": usage}
    events: list[Any] = [{"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}}]
    for at, part in enumerate(parts):
        kind = part["type"]
        empty = {"message": {"content": {"type": kind, kind: ""}}}
        events.append({"type": "content-start", "index": at, "delta": empty})
        deltas = [{"message": {"content": {kind: piece}}} for piece in answer.cut(part[kind])]
        events += [{"type": "content-delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content-end", "index": at})
    for at, call in enumerate(calls):
        head = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        events.append({"type": "tool-call-start", "index": at, "delta": {"message": {"tool_calls": head}}})
        for piece in answer.cut(call["function"]["arguments"]):
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            events.append({"type": "tool-call-delta", "index": at, "delta": delta})
        events.append({"type": "tool-call-end", "index": at})
    events.append({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}})
    return answer.dump(whole).encode(), sse([(event["type"], event) for event in events], answer)


def cohere_v1(answer: Answer) -> tuple[bytes, bytes]:
    calls = [{"name": call.name, "parameters": call.arguments} for call in answer.calls]
    tokens = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}
    whole = {"text": answer.text, "generation_id": "g", "finish_reason": "COMPLETE", "meta": {"tokens": tokens}}
    if calls:
        whole["tool_calls"] = calls
    events: list[Any] = [{"is_finished": False, "event_type": "stream-start", "generation_id": "g"}]
    pieces = answer.cut(answer.text)
    events += [{"is_finished": False, "event_type": "text-generation", "text": piece} for piece in pieces]
    if calls:
        events.append({"is_finished": False, "event_type": "tool-calls-generation", "tool_calls": calls})
    end = {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE", "response": whole}
    lines = [answer.dump(event) for event in [*events, end]]
    return answer.dump(whole).encode(), ("\n".join(lines) + "\n").encode()


def ollama(answer: Answer) -> tuple[bytes, bytes]:
    calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in answer.calls]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.thought:
        message["thinking"] = answer.thought
    if calls:
        message["tool_calls"] = calls
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": answer.usage[0], "eval_count": answer.usage[1]}
    deltas = [{"content": "", "thinking": piece} for piece in answer.cut(answer.thought)]
    deltas += [{"content": piece} for piece in answer.cut(answer.text)]
    deltas += [{"content": "", "tool_calls": [call]} for call in calls]
    events: list[Any] = [{"model": "m", "message": {"role": "assistant", **each}, "done": False} for each in deltas]
    events.append({"model": "m", "message": {"role": "assistant", "content": ""}, **end})
    stream = "".join(answer.dump(event) + "\n" for event in events)
    return answer.dump({"model": "m", "message": message, **end}).encode(), stream.encode()


def mistral(answer: Answer) -> tuple[bytes, bytes]:
    """A reasoning model: the content is parts, streamed as parts and then as plain strings."""
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": answer.thought}]}] if answer.thought else []
    content.append({"type": "text", "text": answer.text})
    message = {"role": "assistant", "content": content}
    whole = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    thoughts = [[{"type": "text", "text": piece}] for piece in answer.cut(answer.thought)]
    deltas: list[Any] = [[{"type": "thinking", "thinking": thought}] for thought in thoughts]
    deltas += [[{"type": "text", "text": piece}] for piece in answer.cut(answer.text)]
    events = [
        ("", {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": None}]})
        for delta in deltas
    ]
    events.append(
        ("", {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
    )
    return answer.dump(whole).encode(), sse(events, answer, done=True)


def completions(answer: Answer) -> tuple[bytes, bytes]:
    choice = {"index": 0, "text": answer.text, "finish_reason": "stop"}
    chunks = [{"index": 0, "text": piece, "finish_reason": None} for piece in answer.cut(answer.text)]
    chunks.append({"index": 0, "text": "", "finish_reason": "stop"})
    events = [("", {"model": "m", "choices": [chunk]}) for chunk in chunks]
    return answer.dump({"model": "m", "choices": [choice]}).encode(), sse(events, answer, done=True)


def mcp(answer: Answer) -> tuple[bytes, bytes]:
    """A tool's result, whole or as the one event of a stream."""
    content = [{"type": "text", "text": piece} for piece in answer.cut(answer.text)]
    structured = {"calls": [call.arguments for call in answer.calls]}
    message = {"jsonrpc": "2.0", "id": 1, "result": {"content": content, "structuredContent": structured}}
    return answer.dump(message).encode(), sse([("message", message)], answer)


def a2a(answer: Answer) -> tuple[bytes, bytes]:
    parts = [{"text": piece} for piece in answer.cut(answer.text)]
    task = {"task": {"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}, "artifacts": [{"parts": parts}]}}
    message = {"jsonrpc": "2.0", "id": 1, "result": task}
    return answer.dump(message).encode(), sse([("", message)], answer)


type Encoder = Callable[[Answer], tuple[bytes, bytes]]

ENCODERS: dict[str, tuple[str, str, Encoder]] = {
    "openai-chat": ("openai-chat", SSE, openai_chat),
    "anthropic-messages": ("anthropic-messages", SSE, anthropic),
    "openai-responses": ("openai-responses", SSE, responses),
    "openai-completions": ("openai-completions", SSE, completions),
    "gemini": ("gemini", SSE, gemini),
    "gemini-array": ("gemini", JSON, gemini_array),
    "bedrock-converse": ("bedrock-converse", AWS, converse),
    "bedrock-invoke": ("bedrock-invoke", AWS, invoke),
    "bedrock-invoke-llama": ("bedrock-invoke", AWS, invoke_llama),
    "cohere-v2": ("cohere", SSE, cohere_v2),
    "cohere-v1": ("cohere", "application/stream+json", cohere_v1),
    "ollama": ("ollama", NDJSON, ollama),
    "mistral": ("mistral", SSE, mistral),
    "mcp": ("mcp", SSE, mcp),
    "a2a": ("a2a", SSE, a2a),
}
"""name -> (id of the reading, media type of the stream, encoder)."""
