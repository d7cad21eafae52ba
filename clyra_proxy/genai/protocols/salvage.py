"""What can still be read of a text that is not what its API says: its JSON strings, or all of it.

Rule: nobody can say what a client makes of a broken or ambiguous text, so every string in it counts, also those that a
parser would drop (the first of two members with one name, what follows the end). The conversation says so: `unread`
has `unreadable:<reason>`, and policy decides. Linear, for any bytes.
"""

from __future__ import annotations

import json
import re

from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.draft import Draft

UNREADABLE = "unreadable:"
"""How a word in `Conversation.unread` begins when nothing is known of the text but its strings."""

_MOST_STRINGS = 10_000
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
"""The last one may have no end: it matches all the same, so that no quotation mark is looked at twice."""


def salvage(
    data: bytes, protocol: str, direction: Direction, reason: str, *, provenance: Provenance = Provenance.UNKNOWN
) -> Conversation:
    """The strings of `data`. reason: why it could not be read."""
    draft = Draft(protocol, direction, "")
    draft.unread(UNREADABLE + reason)
    text = data.decode("utf-8", "replace")
    end = 0
    for count, found in enumerate(_STRING.finditer(text)):
        if count >= _MOST_STRINGS:
            break
        end = found.end()
        draft.text(_content(found[0]), provenance, "")
    draft.text(text[end:].strip(), provenance, "")  # what follows the last string, or what has none
    return draft.conversation()


def _content(literal: str) -> str:
    """What a string literal says; without its quotes when it says nothing valid."""
    try:
        value = json.loads(literal, strict=False)
    except ValueError:
        return literal.removeprefix('"').removesuffix('"')
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else literal
