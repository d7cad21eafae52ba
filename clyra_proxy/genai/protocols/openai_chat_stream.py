"""Chunks of a streamed chat completion, put together as the official SDKs do it.

Source: OpenAI API reference "Chat Completions: streaming". Rules: strings grow, tool calls are told apart by `index`
(by `id` where a server sends none), anything else is overwritten by what comes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clyra_proxy.genai.model import Direction, Provenance
from clyra_proxy.genai.protocols.chat_parts import read_beside
from clyra_proxy.genai.protocols.draft import Draft
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, pointer
from clyra_proxy.genai.protocols.logprobs import repeated
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.streams import complete_texts, event_object, objects

_KNOWN = frozenset({
    "role", "content", "refusal", "reasoning_content", "reasoning", "thinking", "tool_plan", "audio", "annotations",
    "tool_calls", "function_call",
})  # fmt: skip
_GROWING = ("content", "refusal", "reasoning_content", "reasoning", "thinking", "tool_plan")


class _Call:
    """One tool call in the making."""

    def __init__(self, block: str) -> None:
        self.block = block
        self.head: dict[str, Any] = {}
        self.kind = "function"
        self.names: list[str] = []
        self.arguments = Growing()

    def whole(self) -> list[dict[str, Any]]:
        """The call. Some clients join a name that comes in pieces and some take the last: then it is two calls."""
        member = "input" if self.kind == "custom" else "arguments"
        once = len(set(self.names)) < 2
        names = self.names[:1] or [""] if once else ["".join(self.names), self.names[-1]]
        return [{**self.head, self.kind: {"name": name, member: self.arguments.text}} for name in names]


class _Choice:
    """One choice in the making."""

    def __init__(self, number: int) -> None:
        self.block = f"choice/{number}"
        self.number = number
        self.strings: dict[str, Growing] = {}
        self.parts: list[Any] = []
        self.thought = Growing()
        self.calls: dict[object, _Call] = {}
        self.older: _Call | None = None
        self.others: dict[str, list[Any]] = {}
        self.transcript: Growing | None = None
        self.annotations: list[Any] = []
        self.finish_reason: object = None
        self.open: dict[str, None] = {}  # blocks that grow, all of them until the choice is finished

    def grow(self, member: str, text: str) -> None:
        self.strings.setdefault(member, Growing()).add(text)

    def whole(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", **self.others}
        message.update((member, held.text) for member, held in self.strings.items() if member != "text")
        if self.parts or self.thought.text:
            thoughts = [{"type": "text", "text": self.thought.text}]
            thinking = [{"type": "thinking", "thinking": thoughts}] if self.thought.text else []
            spoken = self.strings.get("content")
            message["content"] = [*thinking, *self.parts, *([{"type": "text", "text": spoken.text}] if spoken else [])]
        if self.calls:
            message["tool_calls"] = [made for call in self.calls.values() for made in call.whole()]
        if self.older is not None:
            message["function_call"] = self.older.whole()[-1]["function"]
        if self.transcript is not None:
            message["audio"] = {"transcript": self.transcript.text}
        if self.annotations:
            message["annotations"] = self.annotations
        made: dict[str, Any] = {"index": self.number, "message": message, "finish_reason": self.finish_reason}
        if "text" in self.strings:
            made["text"] = self.strings["text"].text
        return made


class ChatAssembler:
    """Rebuilds a chat completion, or an older text completion, from its chunks."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._head: dict[str, Any] = {}
        self._error: Any = None
        self._copies = 0

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        if event.get("error") and "choices" not in event:
            self._error = event
            return [Delta(DeltaKind.FINISH)]
        if not ({"choices", "usage"} & event.keys()):
            raise UnreadableError("unknown_event")
        deltas = [*self._beside(event)]
        self._head.update((key, held) for key, held in event.items() if key != "choices" and held is not None)
        for at, choice in objects(event.get("choices")):
            deltas += self._choice(at, choice)
        return deltas

    def whole(self) -> Any:
        choices = [self._choices[number].whole() for number in sorted(self._choices)]
        made = {**self._head, "choices": choices}
        return {**made, **self._error} if self._error is not None else made

    def _beside(self, event: dict[str, Any]) -> Iterable[Delta]:
        """What stands beside the choices. Some servers repeat it in each chunk, and it must be replaced in each."""
        draft = Draft("", Direction.RESPONSE)
        read_beside(draft, event)
        return self._complete(draft)

    def _choice(self, at: int, event: dict[str, Any]) -> Iterable[Delta]:
        number = event.get("index")
        number = number if isinstance(number, int) else at
        choice = self._choices.setdefault(number, _Choice(number))
        path = f"/choices/{at}"
        if isinstance(text := event.get("text"), str) and text:
            choice.grow("text", text)
            choice.open[choice.block] = None
            yield Delta(DeltaKind.TEXT, choice.block, text, f"{path}/text")
        for member in ("delta", "message"):  # some servers end with, or only send, whole messages
            if isinstance(event.get(member), dict):
                yield from self._delta(choice, event[member], f"{path}/{member}")
        for echo in repeated(event.get("logprobs"), choice.block, f"{path}/logprobs"):
            choice.open[echo.block] = None
            yield echo
        if (reason := event.get("finish_reason")) is not None:
            choice.finish_reason = reason
            yield from (Delta(DeltaKind.BLOCK_END, block) for block in choice.open)
            choice.open.clear()
            if all(each.finish_reason is not None for each in self._choices.values()):
                yield Delta(DeltaKind.FINISH)

    def _delta(self, choice: _Choice, delta: dict[str, Any], path: str) -> Iterable[Delta]:
        for member in _GROWING:
            held = delta.get(member)
            block = choice.block if member == "content" else f"{choice.block}/{member}"
            if isinstance(held, str) and held:
                choice.grow(member, held)
                choice.open[block] = None
                yield Delta(DeltaKind.TEXT, block, held, f"{path}/{member}")
            elif isinstance(held, list):  # Mistral: parts
                yield from self._parts(choice, held, f"{path}/{member}")
        audio = delta.get("audio")
        if isinstance(audio, dict):
            choice.transcript = choice.transcript or Growing()
            if isinstance(spoken := audio.get("transcript"), str):
                choice.transcript.add(spoken)
                choice.open[f"{choice.block}/audio"] = None
                yield Delta(DeltaKind.TEXT, f"{choice.block}/audio", spoken, f"{path}/audio/transcript")
        if isinstance(notes := delta.get("annotations"), list):
            choice.annotations.extend(notes)
            draft = Draft("", Direction.RESPONSE)
            draft.texts(notes, Provenance.DOCUMENT, f"{path}/annotations")
            yield from self._complete(draft)
        yield from self._others(choice, delta, path)
        yield from self._calls(choice, delta, path)

    def _others(self, choice: _Choice, delta: dict[str, Any], path: str) -> Iterable[Delta]:
        """Members nobody knows: strings grow, lists grow, anything else is replaced."""
        for member, held in delta.items():
            if member in _KNOWN or held is None:
                continue
            if isinstance(held, str):
                choice.grow(member, held)
                block = f"{choice.block}/{member}"
                choice.open[block] = None
                yield Delta(DeltaKind.TEXT, block, held, pointer(path, member))
            elif isinstance(held, (list, dict)):
                choice.others.setdefault(member, []).extend(held if isinstance(held, list) else [held])
                draft = Draft("", Direction.RESPONSE)
                draft.others({member: held}, (), Provenance.ASSISTANT, path)
                yield from self._complete(draft)

    def _complete(self, draft: Draft) -> Iterable[Delta]:
        self._copies += 1
        return complete_texts(draft, f"copy/{self._copies}")

    def _parts(self, choice: _Choice, parts: list[Any], path: str) -> Iterable[Delta]:
        for at, part in objects(parts):
            text = part.get("text")
            inner = part.get("thinking")
            if part.get("type") == "thinking" and isinstance(inner, list):
                for place, piece in leaves([each.get("text") for _, each in objects(inner)], ROOT):
                    choice.thought.add(piece)
                    yield Delta(DeltaKind.TEXT, f"{choice.block}/thought", piece, f"{path}/{at}/thinking{place}/text")
            elif part.get("type") == "text" and isinstance(text, str):
                choice.grow("content", text)
                yield Delta(DeltaKind.TEXT, choice.block, text, f"{path}/{at}/text")
            else:
                choice.parts.append(part)

    def _calls(self, choice: _Choice, delta: dict[str, Any], path: str) -> Iterable[Delta]:
        for at, piece in objects(delta.get("tool_calls")):
            call = self._call_of(choice, piece, at)
            kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
            call.kind = "custom" if kind == "custom" else call.kind
            call.head.update((key, piece[key]) for key in ("id", "type") if piece.get(key) is not None)
            yield from self._call(choice, call, piece.get(kind), f"{path}/tool_calls/{at}/{kind}")
        if isinstance(older := delta.get("function_call"), dict):
            choice.older = choice.older or _Call(f"{choice.block}/call")
            yield from self._call(choice, choice.older, older, f"{path}/function_call")

    def _call_of(self, choice: _Choice, piece: dict[str, Any], at: int) -> _Call:
        index = piece.get("index")
        key: object = index if isinstance(index, int) else piece.get("id") or at
        return choice.calls.setdefault(key, _Call(f"{choice.block}/call/{len(choice.calls)}"))

    def _call(self, choice: _Choice, call: _Call, body: object, path: str) -> Iterable[Delta]:
        if not isinstance(body, dict):
            return
        member = "input" if call.kind == "custom" else "arguments"
        choice.open[call.block] = None
        if isinstance(name := body.get("name"), str) and name:
            call.names.append(name)
            yield Delta(DeltaKind.CALL, call.block, name, f"{path}/name")
        if isinstance(text := body.get(member), str) and text:
            call.arguments.add(text)
            yield Delta(DeltaKind.ARGUMENTS, call.block, text, f"{path}/{member}")
