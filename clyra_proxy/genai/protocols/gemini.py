"""Google's Gemini API: `generateContent`, both forms of `streamGenerateContent`, `countTokens`, embeddings.

Source: Gemini API reference "generateContent", "streamGenerateContent", "countTokens", "embedContent"; Vertex AI. The
model and the method stand in the path, so a reading is bound to them when a request is recognised. Without `alt=sse` a
stream is one JSON array written piece by piece; its media type is that of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance, Usage
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.framing import ArrayFraming
from clyra_proxy.genai.protocols.gemini_parts import pick, read_content, read_contents, read_part, read_tools, several
from clyra_proxy.genai.protocols.growing import Growing
from clyra_proxy.genai.protocols.json_text import ROOT, dump, parse_object
from clyra_proxy.genai.protocols.logprobs import repeated
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import (
    AssembledStream,
    complete_texts,
    event_object,
    is_event_stream,
    objects,
    sse_reader,
)

STREAMING = "streamGenerateContent"
_READ = frozenset({
    "contents", "content", "systemInstruction", "system_instruction", "tools", "generationConfig", "generation_config",
    "generateContentRequest", "generate_content_request", "requests", "request", "cachedContent", "cached_content",
    "model",
})  # fmt: skip
_SCHEMAS = frozenset({"responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"})
_READ_OF_CANDIDATE = frozenset({
    "content", "index", "groundingMetadata", "grounding_metadata", "citationMetadata", "citation_metadata",
    "urlContextMetadata", "url_context_metadata", "logprobsResult", "logprobs_result",
})  # fmt: skip
_ANSWERS = ("candidates", "promptFeedback", "usageMetadata", "error")


class GeminiReading:
    """One method of one model; both may be unknown (""), and then the body says what it is."""

    id = "gemini"

    def __init__(self, model: str = "", method: str = "") -> None:
        self._model = model
        self._method = method

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        draft = Draft(self.id, Direction.REQUEST, self._method or "generateContent", model=self._model)
        draft.stream = self._method == STREAMING
        if not read_request(draft, value, ""):
            raise UnreadableError("unknown_shape")
        return draft.conversation()

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        if is_event_stream(media):
            return sse_reader(self.id, GeminiAssembler(), lambda value: self._answer(value, request))
        if self._method == STREAMING and media.partition(";")[0].strip().lower() == "application/json":
            return AssembledStream(
                self.id, ArrayFraming(), GeminiAssembler(), lambda value: self._answer(value, request)
            )
        return None

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else self._method or "generateContent")
        draft.model = self._model
        if isinstance(value, list):  # a stream that came as a whole body
            assembler = GeminiAssembler()
            for event in value:
                assembler.take("", event)
            value = assembler.whole()
        if isinstance(value, dict) and value.get("error"):
            draft.error = True
            draft.texts(value["error"], Provenance.UNKNOWN, "/error")
        read_candidates(draft, value)
        return draft.conversation()


def read_request(draft: Draft, value: dict[str, Any], path: str) -> bool:
    """Add a request of any method. False when it has nothing that a request has."""
    known = False
    for name in ("generateContentRequest", "requests", "request"):
        inner, place = pick(value, path, name)
        for item, where in several(inner, place):
            known = isinstance(item, dict) and (read_request(draft, item, where) or known)
    system, place = pick(value, path, "systemInstruction")
    read_content(draft, system, Provenance.SYSTEM, place, "system")
    tools, place = pick(value, path, "tools")
    read_tools(draft, tools, place)
    for name in ("contents", "content"):
        turns, place = pick(value, path, name)
        known = known or turns is not None
        read_contents(draft, turns, place)
    if pick(value, path, "cachedContent")[0]:
        draft.unread("cached_content")
    settings, place = pick(value, path, "generationConfig")
    if isinstance(settings, dict):
        draft.others(settings, _SCHEMAS, Provenance.UNKNOWN, place)
        draft.max_output_tokens = whole(pick(settings, "", "maxOutputTokens")[0])
        schemas = [pick(settings, "", name)[0] for name in ("responseSchema", "responseJsonSchema")]
        draft.structured = next((schema for schema in schemas if isinstance(schema, dict)), None)
        draft.declaration(draft.structured, "", "")
    draft.others(value, _READ, Provenance.UNKNOWN, path or ROOT)
    draft.model = draft.model or word(value.get("model"))
    return known


def read_candidates(draft: Draft, value: Any) -> None:
    """Add an answer: candidates with their parts and sources, feedback, usage."""
    if not isinstance(value, dict):
        raise UnreadableError("unknown_shape")
    candidates, path = pick(value, "", "candidates")
    for at, candidate in objects(candidates):
        number = candidate.get("index")
        block = f"choice/{number if isinstance(number, int) else at}"
        read_content(draft, candidate.get("content"), Provenance.ASSISTANT, f"{path}/{at}/content", block)
        read_sources(draft, candidate, f"{path}/{at}", block)
        draft.echo(*pick(candidate, f"{path}/{at}", "logprobsResult"), f"{path}/{at}")
        draft.others(candidate, _READ_OF_CANDIDATE, Provenance.UNKNOWN, f"{path}/{at}")
        draft.finish_reason = draft.finish_reason or word(pick(candidate, "", "finishReason")[0])
    feedback, place = pick(value, "", "promptFeedback")
    if isinstance(feedback, dict):
        draft.others(feedback, (), Provenance.UNKNOWN, place)
        draft.finish_reason = draft.finish_reason or word(pick(feedback, "", "blockReason")[0])
    draft.model = word(pick(value, "", "modelVersion")[0]) or draft.model
    usage, _ = pick(value, "", "usageMetadata")
    if isinstance(usage, dict):
        spoken, thought = (whole(pick(usage, "", name)[0]) for name in ("candidatesTokenCount", "thoughtsTokenCount"))
        total = spoken if thought < 0 else max(spoken, 0) + thought
        draft.usage = Usage(whole(pick(usage, "", "promptTokenCount")[0]), total)


def read_sources(draft: Draft, candidate: dict[str, Any], path: str, block: str) -> None:
    """Add what a candidate says of where its words come from."""
    for name in ("groundingMetadata", "citationMetadata", "urlContextMetadata"):
        held, place = pick(candidate, path, name)
        draft.texts(_without_widgets(held), Provenance.DOCUMENT, place, block=f"{block}/{name}")


class _Candidate:
    """A candidate in the making. parts: finished parts, and growing texts as (head, text)."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.head: dict[str, Any] = {}
        self.parts: list[tuple[dict[str, Any], Growing | None]] = []

    def grows(self, part: dict[str, Any]) -> Growing:
        """The text that `part` continues: that of the last part, if both are plain or both are thoughts."""
        if self.parts:
            head, text = self.parts[-1]
            if text is not None and head.get("thought") == part.get("thought"):
                return text
        text = Growing()
        self.parts.append(({key: held for key, held in part.items() if key == "thought"}, text))
        return text

    def whole(self) -> dict[str, Any]:
        parts = [{**head, "text": text.text} if text is not None else head for head, text in self.parts]
        return {**self.head, "index": self.number, "content": {"role": "model", "parts": parts}}


class GeminiAssembler:
    """Rebuilds a whole answer: texts of one kind that follow each other are one part."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._candidates: dict[int, _Candidate] = {}
        self._copies = 0

    def take(self, name: str, value: Any) -> Sequence[Delta]:
        event = event_object(value)
        if not any(pick(event, "", name)[0] is not None for name in _ANSWERS):
            raise UnreadableError("unknown_event")
        self._head.update((key, held) for key, held in event.items() if key != "candidates")
        deltas: list[Delta] = []
        for at, candidate in objects(event.get("candidates")):
            deltas.extend(self._take_candidate(candidate, at))
        return [*deltas, Delta(DeltaKind.FINISH)] if event.get("error") else deltas

    def whole(self) -> Any:
        return {**self._head, "candidates": [self._candidates[at].whole() for at in sorted(self._candidates)]}

    def _take_candidate(self, event: dict[str, Any], at: int) -> Iterable[Delta]:
        number = event.get("index")
        number = number if isinstance(number, int) else at
        held = self._candidates.setdefault(number, _Candidate(number))
        content, place = pick(event, f"/candidates/{at}", "content")
        parts, path = pick(content, place, "parts") if isinstance(content, dict) else (None, "")
        for part, where in several(parts, path):
            if isinstance(part, dict):
                yield from self._take_part(held, part, where)
        likely, path = pick(event, f"/candidates/{at}", "logprobsResult")
        yield from repeated(likely, f"choice/{number}", path)
        sources = Draft("", Direction.RESPONSE)
        read_sources(sources, event, f"/candidates/{at}", "")
        yield from self._complete(sources)
        held.head.update((key, value) for key, value in event.items() if key != "content" and value is not None)
        if pick(event, "", "finishReason")[0]:
            yield from (Delta(DeltaKind.BLOCK_END, _block(held, position)) for position in range(len(held.parts)))
            yield Delta(DeltaKind.FINISH)

    def _take_part(self, held: _Candidate, part: dict[str, Any], path: str) -> Iterable[Delta]:
        kinds = part.keys() - {"thought", "thoughtSignature", "thought_signature"}
        text = part.get("text")
        if isinstance(text, str) and text and kinds == {"text"}:
            held.grows(part).add(text)
            yield Delta(DeltaKind.TEXT, _block(held, len(held.parts) - 1), text, f"{path}/text")
        elif kinds and not (kinds == {"text"} and text == ""):
            yield from self._take_other(held, part, text, path)

    def _complete(self, draft: Draft) -> Iterable[Delta]:
        self._copies += 1
        return complete_texts(draft, f"copy/{self._copies}")

    def _take_other(self, held: _Candidate, part: dict[str, Any], text: object, path: str) -> Iterable[Delta]:
        """A part that does not grow. It may have a text beside what else it is."""
        held.parts.append((part, None))
        block = _block(held, len(held.parts) - 1)
        draft = Draft("", Direction.RESPONSE)
        shown = {key: value for key, value in part.items() if key not in ("functionCall", "function_call")}
        read_part(draft, shown, Provenance.ASSISTANT, path, block)
        yield from self._complete(draft)
        call, _ = pick(part, "", "functionCall")
        if isinstance(call, dict):
            yield Delta(DeltaKind.CALL, block, word(call.get("name")))
            yield Delta(DeltaKind.ARGUMENTS, block, dump(call.get("args", {})))
            yield Delta(DeltaKind.BLOCK_END, block)


def _block(held: _Candidate, position: int) -> str:
    return f"choice/{held.number}/{position}"


def _without_widgets(held: Any) -> Any:
    """Sources without the provider's own search widget, which is a page of HTML in each answer."""
    if not isinstance(held, dict):
        return held
    return {key: value for key, value in held.items() if key not in ("searchEntryPoint", "search_entry_point")}
