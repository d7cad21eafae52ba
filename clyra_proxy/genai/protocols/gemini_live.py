"""Google's Gemini Live API over WebSocket: `setup`, `clientContent`, `toolResponse`, `serverContent`, `toolCall`.

Source: Gemini API reference "Live API (WebSockets)". Rule: text of a turn that comes in pieces is read together with
what came before it in the turn. Messages are JSON, in text or binary frames.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.gemini import read_request, read_sources
from clyra_proxy.genai.protocols.gemini_parts import pick, read_content, read_contents, read_function_response, several
from clyra_proxy.genai.protocols.json_text import ROOT, parse_object
from clyra_proxy.genai.protocols.reading import Delta

_LONGEST_TAIL = 4096
_CLIENT = frozenset({
    "setup", "clientContent", "client_content", "realtimeInput", "realtime_input", "toolResponse", "tool_response",
})  # fmt: skip
_SERVER = frozenset({"serverContent", "server_content", "toolCall", "tool_call", "error", "sessionResumptionUpdate"})
_TURN = frozenset({
    "modelTurn", "model_turn", "inputTranscription", "input_transcription", "outputTranscription",
    "output_transcription", "groundingMetadata", "grounding_metadata", "urlContextMetadata", "url_context_metadata",
    "citationMetadata", "citation_metadata",
})  # fmt: skip


class GeminiMessages:
    """One WebSocket session."""

    def __init__(self) -> None:
        self._turn = ""
        self._spoken: dict[str, str] = {}

    def message(self, data: bytes, *, from_client: bool, text: bool) -> Conversation | None:
        """One message. Raises UnreadableError."""
        value = parse_object(data)
        operation = next(iter(value), "")
        draft = Draft("gemini", Direction.REQUEST if from_client else Direction.RESPONSE, operation)
        draft.stream = True
        if from_client:
            self._from_client(draft, value)
        else:
            self._from_server(draft, value)
        return draft.conversation()

    def pieces(self, data: bytes) -> tuple[Delta, ...]:
        return ()

    def _from_client(self, draft: Draft, value: dict[str, Any]) -> None:
        setup, path = pick(value, "", "setup")
        if isinstance(setup, dict):
            read_request(draft, setup, path)
            draft.model = word(setup.get("model"))
        content, path = pick(value, "", "clientContent")
        if isinstance(content, dict):
            turns, place = pick(content, path, "turns")
            read_contents(draft, turns, place)
        given, path = pick(value, "", "realtimeInput")
        if isinstance(given, dict):
            draft.text(given.get("text"), Provenance.USER, f"{path}/text")
            for name in ("audio", "video"):
                if given.get(name) is not None:
                    draft.unread(name)
            if pick(given, path, "mediaChunks")[0] is not None:
                draft.unread("audio")
        response, path = pick(value, "", "toolResponse")
        if isinstance(response, dict):
            results, place = pick(response, path, "functionResponses")
            for result, where in several(results, place):
                read_function_response(draft, result, Provenance.TOOL_RESULT, where, where)
            draft.others(response, ("functionResponses", "function_responses"), Provenance.TOOL_RESULT, path)
        draft.others(value, _CLIENT, Provenance.USER, ROOT)

    def _from_server(self, draft: Draft, value: dict[str, Any]) -> None:
        content, path = pick(value, "", "serverContent")
        if isinstance(content, dict):
            self._read_turn(draft, content, path)
        asked, path = pick(value, "", "toolCall")
        if isinstance(asked, dict):
            calls, place = pick(asked, path, "functionCalls")
            for call, where in several(calls, place):
                if isinstance(call, dict):
                    draft.call(call.get("name"), call.get("args") or {}, f"{where}/args", id=call.get("id"))
        draft.others(value, _SERVER, Provenance.UNKNOWN, ROOT)
        if "error" in value:
            draft.error = True
            draft.texts(value["error"], Provenance.UNKNOWN, "/error")

    def _read_turn(self, draft: Draft, content: dict[str, Any], path: str) -> None:
        turn, place = pick(content, path, "modelTurn")
        before = self._turn
        read_content(draft, turn, Provenance.ASSISTANT, place, "turn")
        said = "".join(segment.text for segment in draft.segments)
        self._turn = _tail(before, said)
        if before and said:
            draft.text(self._turn, Provenance.ASSISTANT, "", block="turn")
        for name, provenance in (
            ("inputTranscription", Provenance.USER),
            ("outputTranscription", Provenance.ASSISTANT),
        ):
            spoken, _ = pick(content, path, name)
            if isinstance(spoken, dict) and isinstance(spoken.get("text"), str):
                self._spoken[name] = _tail(self._spoken.get(name, ""), spoken["text"])
                draft.text(self._spoken[name], provenance, "", block=name)
        read_sources(draft, content, path, "turn")
        draft.others(content, _TURN, Provenance.UNKNOWN, path)
        if pick(content, path, "turnComplete")[0]:
            self._turn, self._spoken = "", {}
            draft.finish_reason = "turn_complete"


def _tail(before: str, piece: str) -> str:
    return (before + piece)[-max(_LONGEST_TAIL, len(piece)) :]
