"""OpenAI's Realtime API, and its Responses API over WebSocket: one JSON event a message, both ways.

Source: OpenAI API reference "Realtime: client events, server events", "Responses over WebSocket". Rule: texts that come
in pieces are judged when they are complete (`*.done`, finished items, the finished response), and as far as they have
come with each piece, so that nothing waits and nothing is seen only in parts. Sound is named as unread; its transcript
is read.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.json_text import ROOT, parse_object
from clyra_proxy.genai.protocols.openai_items import read_item
from clyra_proxy.genai.protocols.openai_responses import read_context, read_input, read_output
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.turns import CallNames

_SILENT = ("rate_limits.updated", "input_audio_buffer.", "output_audio_buffer.", "response.audio.delta",
           "response.output_audio.delta", "session.input_audio_buffer", "session.output_audio.delta")  # fmt: skip
_SOUND = ("input_audio_buffer.append", "response.audio.delta", "response.output_audio.delta",
          "session.input_audio_buffer.append", "session.output_audio.delta")  # fmt: skip
_ENDS = frozenset({"response.done", "response.completed", "response.incomplete", "response.failed"})
_SAID = ("text", "transcript", "refusal", "arguments", "content", "message", "error", "part", "summary")
_ASKED = ("session", "response", "item", "delta", "input", "instructions", "tools", "text", "prompt")
_SET = frozenset({"instructions", "prompt", "tools", "input", "audio", "input_audio_transcription", "model", "text"})
_READ = frozenset(
    {*_SAID, *_ASKED, *_SET, "type", "audio", "logprobs", "obfuscation", "event_id", "item_id", "call_id"}
)
_LONGEST_TAIL = 4096
"""Characters of a growing text that are shown again with each piece: what is before was judged before."""


class OpenAiMessages:
    """One WebSocket session."""

    def __init__(self, id: str = "openai-realtime") -> None:
        self._id = id
        self._names = CallNames()
        self._growing: dict[str, str] = {}

    def message(self, data: bytes, *, from_client: bool, text: bool) -> Conversation | None:
        """One event. Raises UnreadableError."""
        if not text:
            raise UnreadableError("binary_message")
        event = parse_object(data)
        kind = word(event.get("type"))
        if not kind:
            raise UnreadableError("unknown_event")
        draft = Draft(self._id, Direction.REQUEST if from_client else Direction.RESPONSE, kind)
        draft.stream = True
        if kind in _SOUND:
            draft.unread("audio")
            return draft.conversation()
        if kind.startswith(_SILENT):
            return None
        self._read(draft, event, kind)
        return draft.conversation()

    def pieces(self, data: bytes) -> tuple[Delta, ...]:
        try:
            event = parse_object(data)
        except UnreadableError:
            return ()
        kind, delta = word(event.get("type")), event.get("delta")
        name, _, step = kind.rpartition(".")
        if kind in _ENDS:
            return (Delta(DeltaKind.FINISH),)
        if step in ("done", "completed"):
            return (Delta(DeltaKind.BLOCK_END, _block(event, name)),)
        if step != "delta" or not isinstance(delta, str) or kind in _SOUND or _is_argument(kind):
            return ()
        return (Delta(DeltaKind.TEXT, _block(event, name), delta, "/delta"),)

    def _read(self, draft: Draft, event: dict[str, Any], kind: str) -> None:
        client = draft.direction is Direction.REQUEST
        session, response, item = event.get("session"), event.get("response"), event.get("item")
        if isinstance(session, dict):
            self._read_settings(draft, session, "/session")
        if isinstance(item, dict):
            read_item(draft, item, "/item", word(item.get("id")) or "item", self._names)
        if isinstance(response, dict):
            self._read_response(draft, response, client=client)
        elif kind == "response.create":  # the Responses API has the request in the event itself
            self._read_settings(draft, event, "")
            read_input(draft, event.get("input"), "/input")
        if isinstance(delta := event.get("delta"), str):
            self._read_piece(draft, event, kind, delta)
        provenance = self._speaker(kind, client=client)
        for member in _SAID:
            draft.texts(event.get(member), provenance, f"/{member}", block=_block(event, member))
        if client and not any(isinstance(event.get(member), (dict, str, list)) for member in _ASKED):
            rest = {key: held for key, held in event.items() if key not in ("type", "event_id", "item_id")}
            draft.texts(rest, Provenance.USER, "")
        else:
            draft.others(event, _READ, provenance, ROOT)

    def _read_settings(self, draft: Draft, value: dict[str, Any], path: str) -> None:
        draft.model = word(value.get("model"))
        draft.max_output_tokens = whole(value.get("max_output_tokens"))
        read_context(draft, value, path)
        audio = value.get("audio") or value.get("input_audio_transcription")
        draft.texts(audio, Provenance.SYSTEM, f"{path}/audio")
        if draft.direction is Direction.REQUEST and path:  # the event itself is looked at as a whole
            draft.others(value, _SET, Provenance.UNKNOWN, path)

    def _read_response(self, draft: Draft, response: dict[str, Any], *, client: bool) -> None:
        if client:
            self._read_settings(draft, response, "/response")
            read_input(draft, response.get("input"), "/response/input")
        elif isinstance(response.get("output"), list):
            read_output(draft, response, "/response")

    def _read_piece(self, draft: Draft, event: dict[str, Any], kind: str, delta: str) -> None:
        """A piece, together with what came before it."""
        block = _block(event, kind.removesuffix(".delta"))
        said = self._growing[block] = (self._growing.get(block, "") + delta)[-max(_LONGEST_TAIL, len(delta)) :]
        if _is_argument(kind):
            draft.text(said, Provenance.ARGUMENTS, "", block=block)
        else:
            draft.text(said, self._speaker(kind, client=False), "" if said != delta else "/delta", block=block)

    def _speaker(self, kind: str, *, client: bool) -> Provenance:
        if client or "input_audio_transcription" in kind or "input_transcript" in kind:
            return Provenance.USER
        return Provenance.ARGUMENTS if "arguments" in kind else Provenance.ASSISTANT


def _is_argument(kind: str) -> bool:
    return "arguments" in kind or "custom_tool_call_input" in kind


def _block(event: dict[str, Any], kind: str) -> str:
    names = ("item_id", "output_index", "content_index", "summary_index")
    return "/".join([kind, *(str(event[name]) for name in names if isinstance(event.get(name), (str, int)))])
