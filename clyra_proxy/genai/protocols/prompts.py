"""APIs that take texts and no conversation: completions, embeddings, moderation, images, speech, ranking.

Source: OpenAI API reference "Completions", "Embeddings", "Moderations", "Images", "Audio"; vLLM "Score", "Re-rank";
Cohere "Embed", "Rerank", "Generate"; Mistral "Fill in the middle"; Anthropic "Text completions". Rule: token ids
instead of text are named (`tokens`) as what could not be read; of answers only members that hold text are read, never
vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.answers import read_answer
from clyra_proxy.genai.protocols.chat_parts import read_content
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, parse_object
from clyra_proxy.genai.protocols.openai_chat import read_completion, read_messages, read_usage
from clyra_proxy.genai.protocols.openai_chat_stream import ChatAssembler
from clyra_proxy.genai.protocols.reading import StreamReader, UnreadableError
from clyra_proxy.genai.protocols.streams import is_event_stream, sse_reader

_USER, _SYSTEM, _DOCUMENT, _UNKNOWN = (
    Provenance.USER,
    Provenance.SYSTEM,
    Provenance.DOCUMENT,
    Provenance.UNKNOWN,
)
_VECTORS = ("embedding", "embeddings", "b64_json", "id", "object", "model", "type", "url")


class PromptReading:
    """One operation. members: which members hold text, and whose; at least one must be there."""

    def __init__(self, id: str, members: Mapping[str, Provenance]) -> None:
        self.id = id
        self._members = members

    def request(self, body: bytes) -> Conversation:
        value = parse_object(body)
        if not (self._members.keys() & value.keys()):
            raise UnreadableError("unknown_shape")
        draft = Draft(self.id, Direction.REQUEST, self.id.partition("-")[2], model=word(value.get("model")))
        draft.stream = value.get("stream") is True
        limits = (value.get("max_tokens"), value.get("max_tokens_to_sample"))
        draft.max_output_tokens = max(whole(limit) for limit in limits)
        for member, provenance in self._members.items():
            self._read(draft, value.get(member), provenance, f"/{member}", member)
        draft.others(value, {*self._members, "model"}, _UNKNOWN, ROOT)
        return draft.conversation()

    def response(self, status: int, media: str, body: bytes, request: Conversation | None) -> Conversation:
        if status < 400 and not _is_json(media, body):  # speech: the answer is no text
            draft = Draft(self.id, Direction.RESPONSE, request.operation if request else "")
            draft.unread("audio")
            return draft.conversation()
        return read_answer(self, status, body, request, self._answer)

    def stream(self, media: str, request: Conversation | None) -> StreamReader | None:
        if not is_event_stream(media) or self.id != "openai-completions":
            return None
        return sse_reader(self.id, ChatAssembler(), lambda value: self._answer(value, request))

    def _read(self, draft: Draft, held: Any, provenance: Provenance, path: str, member: str) -> None:
        if member == "messages" and isinstance(held, list):
            read_messages(draft, held)
        elif isinstance(held, list):
            for at, item in enumerate(held):
                if isinstance(item, (int, list)):
                    draft.unread("tokens")
                    break
                if isinstance(item, dict) and "type" in item:
                    read_content(draft, item, provenance, f"{path}/{at}", block=f"{member}/{at}")
                else:
                    draft.texts(item, provenance, f"{path}/{at}", block=f"{member}/{at}")
        else:
            draft.texts(held, provenance, path, block=member)

    def _answer(self, value: Any, request: Conversation | None) -> Conversation:
        draft = Draft(self.id, Direction.RESPONSE, request.operation if request else self.id.partition("-")[2])
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            read_completion(draft, value)
            return draft.conversation()
        if isinstance(value, dict):
            draft.model = word(value.get("model"))
            draft.usage = read_usage(value.get("usage"))
            draft.finish_reason = word(value.get("stop_reason"))
            for member, held in value.items():
                if member not in ("model", "usage", "stop_reason", "id", "object", "meta"):
                    _read_texts(draft, held, f"/{member}")
        return draft.conversation()


def _read_texts(draft: Draft, held: Any, path: str) -> None:
    for place, text in leaves(held, path):
        if not any(part in _VECTORS for part in place.rsplit("/", 2)[1:]):
            draft.text(text, Provenance.ASSISTANT, place)


def _is_json(media: str, body: bytes) -> bool:
    name = media.partition(";")[0].strip().lower()
    return name.endswith("json") or (not name and body[:1] in (b"{", b"["))


PROMPT_READINGS: Sequence[PromptReading] = (
    PromptReading("openai-completions", {"prompt": _USER, "suffix": _USER, "messages": _USER, "input": _USER}),
    PromptReading("openai-embeddings", {"input": _UNKNOWN, "messages": _USER}),
    PromptReading("openai-moderations", {"input": _USER}),
    PromptReading("openai-images", {"prompt": _USER}),
    PromptReading("openai-speech", {"input": Provenance.ASSISTANT, "instructions": _SYSTEM}),
    PromptReading(
        "rerank",
        {
            "query": _USER,
            "documents": _DOCUMENT,
            "text_1": _USER,
            "text_2": _DOCUMENT,
            "queries": _USER,
            "instruction": _SYSTEM,
        },
    ),
    PromptReading("cohere-embeddings", {"texts": _UNKNOWN, "inputs": _UNKNOWN, "images": _UNKNOWN}),
    PromptReading("cohere-generate", {"prompt": _USER, "text": _USER, "inputs": _USER, "examples": _USER}),
    PromptReading("anthropic-complete", {"prompt": _USER}),
)
"""Every reading of this kind."""
