"""What whole answers have in common: errors, and bodies that are no JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft
from clyra_proxy.genai.protocols.json_text import ROOT, parse_json
from clyra_proxy.genai.protocols.media import decode_text
from clyra_proxy.genai.protocols.reading import UnreadableError

type ReadAnswer = Callable[[Any, Conversation | None], Conversation]


def read_answer(
    protocol: str, status: int, body: bytes, request: Conversation | None, read: ReadAnswer
) -> Conversation:
    """A whole answer: a provider's error in whatever shape, or what `read` makes of its JSON."""
    if status >= 400:
        return read_error(protocol, body, request)
    if not body:
        return Draft(protocol, Direction.RESPONSE, _operation(request)).conversation()
    value = parse_json(body)
    if isinstance(value, dict) and value.get("error") and "choices" not in value:
        return error_of(protocol, value, request)
    return read(value, request)


def read_error(protocol: str, body: bytes, request: Conversation | None) -> Conversation:
    """An error answer: JSON or not, all its texts are read (gateways repeat prompts in them)."""
    try:
        return error_of(protocol, parse_json(body), request)
    except UnreadableError as refusal:
        if refusal.reason != "not_json":
            raise
    text = decode_text(body)
    if text is None:
        raise UnreadableError("not_text")
    return error_of(protocol, text, request, path="")


def error_of(protocol: str, value: Any, request: Conversation | None, *, path: str = ROOT) -> Conversation:
    """An error answer from its JSON."""
    draft = Draft(protocol, Direction.RESPONSE, _operation(request))
    draft.error = True
    draft.texts(value, Provenance.UNKNOWN, path)
    return draft.conversation()


def _operation(request: Conversation | None) -> str:
    return request.operation if request is not None else ""
