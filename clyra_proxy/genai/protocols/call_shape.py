"""Calls of tools recognised by their shape: JSON-RPC messages with the method `tools/call`, wherever they are posted.

Source: MCP 2025-06-18 (batches: 2025-03-26); RFC 8259 for the ways to write a text in JSON. Rules: one search of the
bytes settles it for nearly every body, and only what may be a call is parsed; texts are compared after JSON's escapes
are undone, so `tools\\/call` is the same call; of a key that stands twice every value counts, because nobody knows
which one the server takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

METHOD = "tools/call"
_PLAIN = METHOD.encode()
_ESCAPES = (b"\\/", *(b"\\u00%d" % row for row in range(2, 8)))
"""Bytes without which no JSON text says `tools/call` other than plainly."""
_LONGEST_NAME = 256


def may_call(payload: bytes) -> bool:
    """Whether a text may say `tools/call`; most have no escape at all, which is quickly seen."""
    return _PLAIN in payload or (b"\\" in payload and any(escape in payload for escape in _ESCAPES))


def tools_called(payload: bytes) -> tuple[str, ...] | None:
    """Names of the tools that a message or batch calls, each once, "" for a call that names none.

    None where a call may be meant and cannot be read.
    """
    if not may_call(payload):
        return ()
    try:
        document = json.loads(payload, object_pairs_hook=_every)
    except (ValueError, RecursionError):
        return None if payload.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else ()
    messages = document if isinstance(document, list) else [document]
    return tuple(dict.fromkeys(name for one in messages for name in _named(one)))


type _Members = dict[str, list[Any]]
"""An object with every value of a key that stands in it more than once."""


def _every(pairs: list[tuple[str, Any]]) -> _Members:
    found: _Members = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _named(message: object) -> Iterator[str]:
    """Names of the tools that one message may call."""
    if not isinstance(message, dict) or METHOD not in message.get("method", ()):
        return
    named = False
    for parameters in message.get("params", ()):
        for name in parameters.get("name", ()) if isinstance(parameters, dict) else ():
            if isinstance(name, str):
                named = True
                yield name[:_LONGEST_NAME]
    if not named:
        yield ""
