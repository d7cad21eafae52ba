"""Events of Cohere's streamed chats, put together again.

Source: Cohere API reference "Chat with streaming" (versions 1 and 2). Version 1 ends with the whole answer, which
counts; where the text before said something else, so does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clyra_proxy.genai.model import Direction, Provenance
from clyra_proxy.genai.protocols.chat_parts import read_citation
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, dump, leaves, parse_embedded
from clyra_proxy.genai.protocols.logprobs import repeated
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind
from clyra_proxy.genai.protocols.streams import complete_texts, event_object, objects, refuse_words

_TEXT = "choice/0"


class ChatV2Assembler:
    """Rebuilds a message of version 2. Content parts and tool calls have numbers of their own."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[str, Growing]] = {}
        self._calls: dict[int, tuple[dict[str, Any], Growing]] = {}
        self._plan = Growing()
        self._citations: list[Any] = []
        self._end: dict[str, Any] = {}

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        kind = word(event.get("type")) or name
        message = _path(event, "delta", "message")
        if kind in ("content-start", "content-delta"):
            return [
                *self._content(event, _path(message, "content")),
                *repeated(event.get("logprobs"), _TEXT, "/logprobs"),
            ]
        if kind in ("tool-call-start", "tool-call-delta"):
            return self._call(event, _path(message, "tool_calls"))
        if kind == "tool-plan-delta":
            self._plan.add(text := word(message.get("tool_plan")))
            return [Delta(DeltaKind.TEXT, f"{_TEXT}/tool_plan", text, "/delta/message/tool_plan")]
        if kind == "tool-call-end":
            return [Delta(DeltaKind.BLOCK_END, f"{_TEXT}/call/{self._place(event)}")]
        if kind == "citation-start":
            self._citations.append(message.get("citations"))
            return self._cited(message.get("citations"))
        elif kind == "message-end":
            self._end = _path(event, "delta")
            return [Delta(DeltaKind.BLOCK_END, _TEXT), Delta(DeltaKind.FINISH)]
        elif kind not in ("message-start", "content-end", "citation-end", "debug"):
            refuse_words(event)
        return []

    def whole(self) -> Any:
        message: dict[str, Any] = {"role": "assistant"}
        parts = [(kind, self._parts[at][1].text) for at in sorted(self._parts) for kind in [self._parts[at][0]]]
        message["content"] = [{"type": kind, kind: text} for kind, text in parts]
        if plan := self._plan.text:
            message["tool_plan"] = plan
        if self._calls:
            message["tool_calls"] = [_whole_call(*self._calls[at]) for at in sorted(self._calls)]
        if self._citations:
            message["citations"] = self._citations
        return {**self._end, "message": message}

    def _cited(self, citation: object) -> Sequence[Delta]:
        """A citation stands whole in its event: words of the message once more, and what it brings of its sources."""
        draft = Draft("", Direction.RESPONSE)
        read_citation(draft, citation, Provenance.ASSISTANT, "/delta/message/citations", "")
        return list(complete_texts(draft, f"copy/{len(self._citations)}"))

    def _content(self, event: dict[str, Any], content: dict[str, Any]) -> Sequence[Delta]:
        at = _index(event)
        kind = "thinking" if "thinking" in content or content.get("type") == "thinking" else "text"
        kind, held = self._parts.setdefault(at, (kind, Growing()))
        text = word(content.get(kind))
        held.add(text)
        return [Delta(DeltaKind.TEXT, _TEXT, text, f"/delta/message/content/{kind}")] if text else []

    def _call(self, event: dict[str, Any], call: dict[str, Any]) -> Sequence[Delta]:
        at = _index(event)
        function = _path(call, "function")
        head, arguments = self._calls.setdefault(at, (call, Growing()))
        block = f"{_TEXT}/call/{self._place(event)}"
        deltas = []
        if head is call and (name := word(function.get("name"))):
            deltas.append(Delta(DeltaKind.CALL, block, name, "/delta/message/tool_calls/function/name"))
        if text := word(function.get("arguments")):
            arguments.add(text)
            path = "/delta/message/tool_calls/function/arguments"
            deltas.append(Delta(DeltaKind.ARGUMENTS, block, text, path))
        return deltas

    def _place(self, event: dict[str, Any]) -> int:
        known = list(self._calls)
        at = _index(event)
        return known.index(at) if at in known else len(known)


class ChatV1Assembler:
    """Rebuilds an answer of version 1."""

    def __init__(self) -> None:
        self._text = Growing()
        self._calls: dict[int, tuple[str, Growing]] = {}
        self._found: dict[str, Any] = {}
        self._final: dict[str, Any] | None = None
        self._finish: dict[str, Any] = {}

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        kind = word(event.get("event_type"))
        text = event.get("text")
        deltas: list[Delta] = []
        if isinstance(text, str) and text and kind in ("text-generation", "tool-calls-chunk"):
            self._text.add(text)
            deltas.append(Delta(DeltaKind.TEXT, _TEXT, text, "/text"))
        if kind == "tool-calls-chunk":
            deltas.extend(self._chunk(_path(event, "tool_call_delta")))
        elif kind == "tool-calls-generation":
            self._found["tool_calls"] = event.get("tool_calls")
            deltas.extend(_calls(event.get("tool_calls")))
        elif kind in ("search-results", "search-queries-generation", "citation-generation"):
            self._found.update((key, held) for key, held in event.items() if key in ("documents", "search_results"))
        elif kind == "stream-end":
            return [*deltas, *self._end(event)]
        elif kind not in ("stream-start", "text-generation", "debug"):
            refuse_words(event)
        return deltas

    def whole(self) -> Any:
        calls = [
            {"name": name, "parameters": parse_embedded(text.text) or {}} for name, text in self._calls.values()
        ]  # fmt: skip
        said = self._text.text
        made = {"text": said, **({"tool_calls": calls} if calls else {}), **self._found, **self._finish}
        if self._final is None:
            return made
        more = {"streamed_text": said} if said and said != self._final.get("text") else {}
        return {**self._final, **self._finish, **more}

    def _chunk(self, delta: dict[str, Any]) -> Sequence[Delta]:
        at = delta.get("index")
        at = at if isinstance(at, int) else 0
        name, held = self._calls.get(at, ("", Growing()))
        self._calls[at] = (name + word(delta.get("name")), held)
        held.add(text := word(delta.get("parameters")))
        block = f"{_TEXT}/call/{list(self._calls).index(at)}"
        path = "/tool_call_delta"
        named = [Delta(DeltaKind.CALL, block, delta["name"], f"{path}/name")] if word(delta.get("name")) else []
        return [*named, Delta(DeltaKind.ARGUMENTS, block, text, f"{path}/parameters")]

    def _end(self, event: dict[str, Any]) -> Sequence[Delta]:
        response = event.get("response")
        if event.get("finish_reason") is not None:
            self._finish["finish_reason"] = event["finish_reason"]
        copies: list[Delta] = []
        if isinstance(response, dict):
            self._final = response
            said = {key: held for key, held in response.items() if key in ("text", "citations", "chat_history")}
            for path, text in leaves({"response": said}, ROOT):
                copies += [Delta(DeltaKind.TEXT, f"copy{path}", text, path), Delta(DeltaKind.BLOCK_END, f"copy{path}")]
        return [*copies, Delta(DeltaKind.BLOCK_END, _TEXT), Delta(DeltaKind.FINISH)]


def _calls(calls: object) -> Sequence[Delta]:
    deltas: list[Delta] = []
    for at, call in objects(calls):
        block = f"{_TEXT}/call/{at}"
        deltas += [
            Delta(DeltaKind.CALL, block, word(call.get("name"))),
            Delta(DeltaKind.ARGUMENTS, block, dump(call.get("parameters", {}))),
            Delta(DeltaKind.BLOCK_END, block),
        ]
    return deltas


def _whole_call(head: dict[str, Any], arguments: Growing) -> dict[str, Any]:
    return {**head, "function": {**_path(head, "function"), "arguments": arguments.text}}


def _path(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object at the end of a way of members; empty when there is none."""
    for name in names:
        inner = value.get(name)
        if not isinstance(inner, dict):
            return {}
        value = inner
    return value


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
