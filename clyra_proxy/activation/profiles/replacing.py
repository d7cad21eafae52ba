"""Putting a value at a place of a JSON document, on a copy of the way there."""

from __future__ import annotations

from typing import Any

from clyra_proxy.activation.profiles.json_body import MISSING, Tokens


def put(document: Any, tokens: Tokens, value: Any) -> Any:
    """The document with `value` at the place, objects on the way made where they are missing; MISSING when it cannot.

    Nothing of the document given is changed.
    """
    if not tokens:
        return value
    if document is MISSING or document is None:
        document = {}
    if isinstance(document, list):
        return _put_in_list(document, tokens, value)
    if not isinstance(document, dict):
        return MISSING
    inner = put(document.get(tokens[0], MISSING), tokens[1:], value)
    return MISSING if inner is MISSING else {**document, tokens[0]: inner}


def _put_in_list(document: list[Any], tokens: Tokens, value: Any) -> Any:
    token = tokens[0]
    if not (token.isascii() and token.isdigit() and int(token) < len(document)):
        return MISSING
    inner = put(document[int(token)], tokens[1:], value)
    return MISSING if inner is MISSING else [*document[: int(token)], inner, *document[int(token) + 1 :]]
