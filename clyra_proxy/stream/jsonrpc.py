"""Remembering whose call it is: the id of a JSON-RPC request, read from the beginning of its body.

A client cannot match a denial that does not carry its request's id; the call would wait for ever (JSON-RPC 2.0 section
5). So the id is read while the body passes, before any check that may refuse it, and kept in the exchange under
`JSONRPC_ID`: the id itself, a tuple of those of a batch, or None when the message is whole and asks for no answer.

Guarantees: only messages posted to MCP servers and A2A agents are looked at (`clyra_proxy.verdict.protocol`), of these
only the first `LONGEST_OPENING` bytes, and none of them is kept when the body has ended. The work is linear in what
is kept, however the body is cut. Nothing is ever objected to: what cannot be read has no id. Only a message with a
`method` counts; a client's answer to its server carries an id of the server's.
"""

from __future__ import annotations

import re

import orjson

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.denial import JSONRPC_ID
from clyra_proxy.verdict.model import Action, Coverage, Mode, Phase
from clyra_proxy.verdict.protocol import speaks_jsonrpc

CHECK_ID = "jsonrpc"
LONGEST_OPENING = 64 * 1024
LONGEST_ID = 256
"""Characters of an id that is text; a longer one is not repeated."""

_TOKEN = re.compile(rb'[ \t\r\n]*+(?:("(?:[^"\\]|\\.)*+")|([][{},:])|([^][{},:" \t\r\n]++)(?=[],} \t\r\n]))', re.DOTALL)
"""A string, a punctuator, or another scalar that something follows (else more of it may come)."""
_INNER = re.compile(rb'(?:[^][{}"]++|"(?:[^"\\]|\\.)*+")*+([][{}])', re.DOTALL)
"""Everything inside a nested value up to the next bracket."""

type RequestId = str | int


class JsonRpcId:
    """A body check that only reads. Comes before every check that may refuse a request body."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY})
    budget_ms = 5.0
    on_error = Action.ALLOW

    def open(self, exchange: Exchange, phase: Phase) -> JsonRpcIdSession | None:
        """A session for a JSON-RPC message that is posted, unless it is content-coded, which no client does."""
        request = exchange.request
        if not speaks_jsonrpc(request, exchange.route.genai) or request.get("content-encoding") is not None:
            return None
        return JsonRpcIdSession(exchange)


class JsonRpcIdSession:
    """Keeps the opening of one body until its id is known."""

    check_id = CHECK_ID
    mode = Mode.SHADOW

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._opening = bytearray()
        self._known = False
        self._look_at = 0

    @property
    def coverage(self) -> Coverage:
        """Reading an id is not checking: what the other checks have said stands."""
        return self._exchange.request_coverage.or_head()

    def feed(self, data: bytes) -> int:
        """Look whenever twice as much has come as at the last look."""
        if not self._known:
            self._opening += data[: LONGEST_OPENING - len(self._opening)]
            if len(self._opening) >= self._look_at:
                self._look_at = 2 * len(self._opening)
                self._look()
        return EVERYTHING

    def finish(self) -> int:
        if not self._known:
            self._look()
            self._opening.clear()
        return EVERYTHING

    def _look(self) -> None:
        opening = bytes(self._opening)
        try:
            message = orjson.loads(opening) if opening.rstrip().endswith((b"}", b"]")) else None
        except orjson.JSONDecodeError:
            message = None
        if isinstance(message, dict):
            self._settle(_id_of_call(message))
        elif isinstance(message, list):
            ids = (_id_of_call(one) for one in message if isinstance(one, dict))
            self._settle(tuple(id for id in ids if id is not None) or None)
        elif (found := find_id(opening)) is not None:
            self._settle(found)

    def _settle(self, found: RequestId | tuple[RequestId, ...] | None) -> None:
        self._exchange.extensions[JSONRPC_ID] = found
        self._known = True
        self._opening.clear()


def find_id(opening: bytes) -> RequestId | None:
    """The id of the request that begins with `opening`; None when it has none, or none yet, or is no request."""
    found: RequestId | None = None
    is_call = after_colon = False
    name = b""
    at = depth = 0
    while (token := (_INNER if depth > 1 else _TOKEN).match(opening, at)) is not None:
        at = token.end()
        text = token[token.lastindex or 0]
        if text == b"{" or (text == b"[" and depth):  # an array at the root is a batch: whose id would it be?
            depth += 1
        elif text in (b"]", b"}"):
            depth -= 1
        elif text in (b":", b","):
            after_colon = text == b":"
        elif not after_colon:
            name = text
        elif name == b'"method"':
            is_call = True
        elif name == b'"id"':
            found = _parsed(text)
        if depth < 1 or (is_call and found is not None):
            break
    return found if is_call else None


def _id_of_call(message: dict[str, object]) -> RequestId | None:
    return _usable(message.get("id")) if "method" in message else None


def _parsed(text: bytes) -> RequestId | None:
    try:
        return _usable(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None


def _usable(value: object) -> RequestId | None:
    """Text or an integer, as MCP wants it; anything else is no id that an answer could carry."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_ID else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
