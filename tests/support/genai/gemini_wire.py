"""Google's Gemini API: generateContent, streamGenerateContent (SSE), embeddings. Reference: ai.google.dev/api."""

from __future__ import annotations

from typing import Any

from tests.support.genai.said import MODEL, Said, sse


def _answer(said: Said, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1"}
    if finish:
        candidate["finishReason"] = finish
        document["usageMetadata"] = {
            "promptTokenCount": said.input_tokens,
            "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        }
    return document


def _calls(said: Said) -> list[dict[str, Any]]:
    return [{"functionCall": {"name": use.name, "args": dict(use.arguments), "id": use.id}} for use in said.uses]


def generated(said: Said) -> dict[str, Any]:
    parts = [{"text": said.text}] if said.text else []
    return _answer(said, [*parts, *_calls(said)], "STOP")


def events(said: Said) -> tuple[bytes, ...]:
    """Gemini ends its lines with CR LF."""
    documents = [_answer(said, [{"text": piece}]) for piece in said.pieces]
    documents += [_answer(said, [call]) for call in _calls(said)]
    documents.append(_answer(said, [{"text": ""}], "STOP"))
    return tuple(sse(document, newline="\r\n") for document in documents)


def embedded(request: dict[str, Any]) -> dict[str, Any]:
    values = {"values": [0.25, -0.5, 0.75]}
    if "requests" in request:
        return {"embeddings": [values for _ in request["requests"]]}
    return {"embedding": values}
