"""Events of a streamed answer of the Responses API, put together again.

Source: OpenAI API reference "Streaming events". Texts come twice and more: as deltas, in `*.done` events, in finished
items and in the finished response. Rule: a finished item counts, and where its deltas said something else, so do they
(clients show the one and keep the other); every repetition is given as a block of its own, so that it is looked at, and
can be edited, where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, leaves
from clyra_proxy.genai.protocols.logprobs import logprobs_of, repeated
from clyra_proxy.genai.protocols.openai_items import call_kind
from clyra_proxy.genai.protocols.reading import FOREIGN, Delta, DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.streams import event_object, refuse_words

_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.done", "error")
_TEXTS = {
    "response.output_text.delta": "text",
    "response.text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "text",
    "response.output_audio_transcript.delta": "transcript",
    "response.audio_transcript.delta": "transcript",
}
_ARGUMENTS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_AUDIO = ("response.audio.delta", "response.output_audio.delta", "response.image_generation_call.partial_image")
_TRANSCRIPT = "response.audio.transcript.delta"  # of the response, not of an item
_REPEATS = frozenset({
    "text", "refusal", "arguments", "transcript", "code", "input", "part", "item", "annotation", "output", "command",
    "error", "message", "response", "steer", "required_input",
})  # fmt: skip
_SOURCES = frozenset({"annotation", "annotations", "results", "outputs", "sources"})
_SUMMARY = "response.reasoning_summary_text.delta"
_SHELL = ("response.shell_call_command.delta", "response.shell_call_output_content.delta")


class _Item:
    """An output item in the making: its head, and the strings that grow, by member, or by (list, place, member)."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.head = head
        self.final: dict[str, Any] | None = None
        self.members: dict[str, Growing] = {}
        self.parts: dict[tuple[str, int], tuple[dict[str, Any], str, Growing]] = {}

    def part(self, member: str, at: int, kind: str, key: str) -> Growing:
        return self.parts.setdefault((member, at), ({"type": kind}, key, Growing()))[2]

    def grown(self) -> dict[str, Any]:
        made = {**self.head, **{member: held.text for member, held in self.members.items()}}
        lists: dict[str, list[Any]] = {}
        for (member, _), (head, key, held) in sorted(self.parts.items(), key=lambda pair: pair[0]):
            lists.setdefault(member, []).append({**head, key: held.text})
        return {**made, **lists}

    def versions(self) -> list[dict[str, Any]]:
        """The finished item, and what was streamed before it if that was something else."""
        if self.final is None:
            return [self.grown()]
        if self.head.get("name") != self.final.get("name") and self.head.get("name"):
            return [self.final, self.grown()]
        known = set(_texts(self.final))
        said = [held.text for held in self.members.values()] + [held.text for _, _, held in self.parts.values()]
        return [self.final] if all(text in known or not text for text in said) else [self.final, self.grown()]


class ResponsesAssembler:
    """Rebuilds a response from its events."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._items: dict[int, _Item] = {}
        self._finished = False
        self._error: Any = None
        self._copies = 0

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        kind = event.get("type") or name
        if not isinstance(kind, str) or not kind:
            raise UnreadableError("unknown_event")
        if kind in _TEXTS or kind in _ARGUMENTS or kind in (_SUMMARY, _TRANSCRIPT) or kind in _SHELL:
            return list(self._grow(kind, event))
        if kind in _AUDIO:
            return []
        if kind == "response.output_item.added":
            return self._add(event)
        if not (_REPEATS & event.keys()):
            refuse_words(event)
        deltas = list(self._copy(event))
        if kind == "response.output_item.done":
            self._settle(_place(event), event.get("item"))
            return [*deltas, Delta(DeltaKind.BLOCK_END, f"item/{_place(event)}")]
        if isinstance(event.get("response"), dict):
            self._respond(event["response"])
        if kind == "error":
            self._error = event.get("error") or {key: event.get(key) for key in ("code", "message", "param")}
        return [*deltas, Delta(DeltaKind.FINISH)] if kind in _ENDS else deltas

    def whole(self) -> Any:
        items = [version for at in sorted(self._items) for version in self._items[at].versions()]
        made = {**self._head, "output": items}
        return {**made, "error": self._error} if self._error is not None else made

    def _item(self, place: int) -> _Item:
        return self._items.setdefault(place, _Item({"type": "message", "role": "assistant"}))

    def _add(self, event: dict[str, Any]) -> Sequence[Delta]:
        place, item = _place(event), event.get("item")
        if not isinstance(item, dict):
            raise UnreadableError("unknown_shape")
        self._items[place] = _Item(item)
        name, kind = item.get("name"), str(item.get("type"))
        if isinstance(name, str) and "call" in kind:
            return [Delta(DeltaKind.CALL, f"item/{place}", name, "/item/name", tool=call_kind(kind, name))]
        return []

    def _grow(self, kind: str, event: dict[str, Any]) -> Iterable[Delta]:
        text = event.get("delta")
        if kind == "response.shell_call_output_content.delta":
            for place, piece in leaves(text, "/delta"):
                yield Delta(DeltaKind.TEXT, f"item/{_place(event)}{place}", piece, place)
            return
        if not isinstance(text, str):
            raise UnreadableError("unknown_shape")
        if kind in _ARGUMENTS:
            self._item(_place(event)).members.setdefault(_ARGUMENTS[kind], Growing()).add(text)
            yield Delta(DeltaKind.ARGUMENTS, f"item/{_place(event)}", text, "/delta")
        elif kind == "response.shell_call_command.delta":
            yield Delta(DeltaKind.TEXT, f"item/{_place(event)}/{event.get('command_index')}", text, "/delta")
        elif kind == _TRANSCRIPT:
            self._item(len(self._items) and max(self._items)).part("content", 0, "output_audio", "transcript").add(text)
            yield Delta(DeltaKind.TEXT, "transcript", text, "/delta")
        else:
            block, held = self._growing(kind, event)
            held.add(text)
            yield Delta(DeltaKind.TEXT, block, text, "/delta")
            yield from repeated(event.get("logprobs"), block, "/logprobs")

    def _growing(self, kind: str, event: dict[str, Any]) -> tuple[str, Growing]:
        place = _place(event)
        item = self._item(place)
        if kind == _SUMMARY:
            at = _number(event, "summary_index")
            return f"item/{place}/summary/{at}", item.part("summary", at, "summary_text", "text")
        at, key = _number(event, "content_index"), _TEXTS[kind]
        if kind == "response.reasoning_text.delta":
            return f"item/{place}/content/{at}", item.part("content", at, "reasoning_text", key)
        part = {"text": "output_text", "refusal": "refusal", "transcript": "output_audio"}[key]
        return f"item/{place}/{at}", item.part("content", at, part, key)

    def _copy(self, event: dict[str, Any]) -> Iterable[Delta]:
        """Every string that stands in an event as a whole text; those of a response only where it is output."""
        held = {key: value for key, value in event.items() if key in _REPEATS and key != "response"}
        response = event.get("response")
        if isinstance(response, dict):
            held["response"] = {"output": response.get("output"), "error": response.get("error")}
        self._copies += 1
        echoes = [
            echo for likely, path in logprobs_of(event) for echo in repeated(likely, f"{self._copies}{path}", path)
        ]
        for echo in echoes:
            yield echo
            yield Delta(DeltaKind.BLOCK_END, echo.block)
        read = tuple(f"{echo.path}/" for echo in echoes)
        for path, text in leaves(held, ROOT):
            if len(text) > 3 and not path.startswith(read):
                foreign = not _SOURCES.isdisjoint(path.split("/"))
                block = f"{FOREIGN if foreign else ''}copy/{self._copies}{path}"
                yield Delta(DeltaKind.TEXT, block, text, path)
                yield Delta(DeltaKind.BLOCK_END, block)

    def _respond(self, response: dict[str, Any]) -> None:
        self._head = {key: held for key, held in response.items() if key != "output"}
        output = response.get("output")
        for at, item in enumerate(output if isinstance(output, list) else ()):
            self._settle(at, item)

    def _settle(self, place: int, item: Any) -> None:
        if not isinstance(item, dict):
            raise UnreadableError("unknown_shape")
        held = self._items.setdefault(place, _Item({"type": item.get("type")}))
        if held.final is not None and _texts(held.final) != _texts(item):  # finished twice, and differently
            self._items[max(self._items) + 1] = _Item(held.final)
        held.final = item


def _texts(item: dict[str, Any]) -> list[str]:
    return [text for _, text in leaves(item, "")]


def _place(event: dict[str, Any]) -> int:
    return _number(event, "output_index")


def _number(event: dict[str, Any], name: str) -> int:
    number = event.get(name)
    if not isinstance(number, int):
        raise UnreadableError("unknown_shape")
    return number
