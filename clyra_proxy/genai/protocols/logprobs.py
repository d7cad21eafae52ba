"""Probabilities of tokens: an answer's text once more, token by token, beside the text.

Rule: what must not leave in a text must not leave in its tokens. In a stream the tokens are a text of their own that
waits as long as the text does, wherever a server puts them; an edit empties the whole value, which is optional in every
API.
Source: OpenAI API reference "Chat Completions" (`choices[].logprobs`), "Completions" (`logprobs.tokens`), "Responses"
(`logprobs` of `output_text`), Gemini API reference "LogprobsResult", Ollama and Cohere API references (`logprobs`).
Tokens as numbers (vLLM's `return_tokens_as_token_ids`) say no text: they go with the text of their own event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from clyra_proxy.genai.protocols.json_text import pointer
from clyra_proxy.genai.protocols.reading import ECHO, Delta, DeltaKind

_LISTS = ("content", "refusal", "tokens", "chosenCandidates", "chosen_candidates")
_NUMBER = "token_id:"


def repeated(value: object, block: str, path: str) -> Iterator[Delta]:
    """What `logprobs` in an event repeat of the text of `block`; nothing when there are none. path: their pointer."""
    if isinstance(value, list) and value:
        yield Delta(DeltaKind.TEXT, f"{ECHO}{block}", _joined(value), path)
    elif isinstance(value, dict) and value:
        found = [name for name in _LISTS if isinstance(value.get(name), list)]
        for name in found or [""]:
            yield Delta(DeltaKind.TEXT, f"{ECHO}{block}/{name}", _joined(value.get(name, value.get("text"))), path)


def logprobs_of(event: dict[str, Any]) -> Iterator[tuple[object, str]]:
    """Where an event of the Responses API that has whole texts has their tokens: the values with their pointers."""
    yield event.get("logprobs"), "/logprobs"
    response = event.get("response")
    output = response.get("output") if isinstance(response, dict) else None
    yield from _of_parts([event.get("part")], ("/part",))
    yield from _of_item(event.get("item"), "/item")
    for at, item in enumerate(output if isinstance(output, list) else ()):
        yield from _of_item(item, f"/response/output/{at}")


def _of_item(item: object, path: str) -> Iterator[tuple[object, str]]:
    parts = item.get("content") if isinstance(item, dict) else None
    if isinstance(parts, list):
        yield from _of_parts(parts, (f"{path}/content/{at}" for at in range(len(parts))))


def _of_parts(parts: Iterable[object], paths: Iterable[str]) -> Iterator[tuple[object, str]]:
    for part, path in zip(parts, paths, strict=True):
        if isinstance(part, dict):
            yield part.get("logprobs"), pointer(path, "logprobs")


def _joined(tokens: object) -> str:
    """The text that tokens make, which are strings or objects that have one."""
    if isinstance(tokens, str):
        return tokens
    found = [_token(one) for one in tokens] if isinstance(tokens, list) else []
    return "".join(token for token in found if not token.startswith(_NUMBER))


def _token(one: object) -> str:
    held = one.get("token", one.get("text")) if isinstance(one, dict) else one
    return held if isinstance(held, str) else ""
