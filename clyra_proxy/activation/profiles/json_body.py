"""JSON bodies: one strict reading, and places in them.

Guarantees: linear in the body; a key that stands twice in one object is refused, because the destination may take the
other one; so are NaN, other encodings than UTF-8 and anything nested deeper than the parser goes (200 levels).
Pointers are RFC 6901, compiled once; `*` as a token stands for every element of an array.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Final

import jiter
from pydantic import StringConstraints

from clyra_proxy import json_pointer
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.stream.document import ReadText

type Tokens = json_pointer.Tokens

Pointer = Annotated[str, StringConstraints(pattern=r"^(/[^/]*)*$", max_length=256)]


MISSING: Final = json_pointer.MISSING

tokens_of = lru_cache(maxsize=4096)(json_pointer.tokens_of)
"""As there, compiled once: the pointers are those of declarations."""
pointer_of, look = json_pointer.pointer_of, json_pointer.look


def parse(body: bytes) -> Any:
    """The JSON value of `body`, which is not to be changed. Raises UnreadableError (`not_json duplicate_key too_deep
    encoding`)."""
    if type(body) is ReadText:
        return body.value
    try:
        return jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise unreadable(_why(str(error), body)) from None


def dump(value: Any) -> bytes:
    """`value` as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def look_all(value: Any, tokens: Tokens) -> Iterator[tuple[Tokens, Any]]:
    """Every place that `tokens` name, in document order, with what stands there."""
    if "*" not in tokens:
        found = look(value, tokens)
        if found is not MISSING:
            yield tokens, found
        return
    at = tokens.index("*")
    inner = look(value, tokens[:at])
    for number, element in enumerate(inner if isinstance(inner, list) else ()):
        for rest, found in look_all(element, tokens[at + 1 :]):
            yield (*tokens[:at], str(number), *rest), found


def text_of(value: Any) -> str:
    """A scalar as text, "" for what is missing, null or no scalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else ""


def _why(error: str, body: bytes) -> Unreadable:
    if error.startswith("Detected duplicate key"):
        return Unreadable.DUPLICATE_KEY
    if error.startswith("recursion limit"):
        return Unreadable.TOO_DEEP
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return Unreadable.ENCODING
    return Unreadable.ENCODING if "surrogate" in error or "hex escape" in error else Unreadable.NOT_JSON
