"""Watching a body whose head says nothing of a conversation: a call of a tool is known by its shape.

Rule: a JSON text that is posted is kept until its end, up to MOST_BYTES, and searched once; one that calls a tool
(`clyra_proxy.genai.protocols.call_shape`) is from then on a conversation of the Model Context Protocol, with all that
follows: the checks, the answer, denials in its own shape. Nothing of it has left by then where a check can refuse.
What does not begin as a JSON object or array is let go at its first byte; a longer text there, unless what came
speaks of a call or of JSON-RPC: then it is kept as long as a conversation would be.
"""

from __future__ import annotations

from collections.abc import Callable

from clyra_proxy.checks import EVERYTHING, BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.protocols.call_shape import may_call, tools_called
from clyra_proxy.schemalock.media import Kind, parse_media
from clyra_proxy.stream.jsonrpc import JsonRpcIdSession
from clyra_proxy.verdict.model import Coverage, Mode
from clyra_proxy.verdict.protocol import SPOKEN

MOST_BYTES = 64 * 1024
"""Bytes of a body that are kept for a look at its shape; so many of a JSON text SchemaLock holds as well."""
WATCHED = "genai-watched"
"""Key in `Exchange.extensions`: the body of the request is watched, and may turn out to be a conversation."""
FOLLOWED = "genai-followed"
"""Key in `Exchange.extensions` of a `Follow`: what another check keeps of a body that is one, from its first byte."""

_MEDIA = frozenset({"", "text/plain"})
_BEFORE = b"\xef\xbb\xbf \t\r\n"
_OPENING = (b"{", b"[")
_SAYS_SO = b'"jsonrpc"'

type Adopt = Callable[[], BodySession]
type Follow = Callable[[Exchange], BodySession]
"""Opens a session that only keeps: whatever it clears, the conversation clears less."""


def may_post_calls(exchange: Exchange) -> bool:
    """Whether the head lets the body be a JSON text that is posted."""
    media = parse_media(exchange.request_body.media_type)
    return exchange.request.method == "POST" and (media.kind is Kind.JSON or media.essence in _MEDIA)


class WatchingSession:
    """One body. adopt: begins the conversation once it calls a tool; gives the session that collects its body.

    longest: bytes of a conversation that are read.
    """

    check_id = "genai"
    resumable = True

    def __init__(self, exchange: Exchange, mode: Mode, longest: int, adopt: Adopt) -> None:
        self.mode = mode
        self._exchange = exchange
        self._adopt = adopt
        self._conversation: BodySession | None = None
        self._follower: BodySession | None = None
        self._kept = bytearray()
        self._watching = True
        self._most, self._longest = MOST_BYTES, max(MOST_BYTES, longest)
        exchange.extensions[WATCHED] = True

    @property
    def coverage(self) -> Coverage:
        """Watching is not checking: what the other checks have said stands."""
        coverage: Coverage | None = getattr(self._conversation, "coverage", None)
        return self._exchange.request_coverage.or_head() if coverage is None else coverage

    def feed(self, data: bytes) -> int:
        """Keep `data` while it matters. Raises Violation as the session of a conversation does."""
        if self._conversation is not None:
            return self._converse(self._conversation, data)
        if not self._watching:
            return EVERYTHING
        self._kept += data
        begins = bytes(self._kept[:16]).lstrip(_BEFORE)[:1]
        if begins and begins not in _OPENING:
            return self._let_go()
        return 0 if len(self._kept) <= self._most else self._at_limit(bytes(self._kept))

    def _at_limit(self, kept: bytes) -> int:
        """More came than is kept of a text of which nothing is known."""
        if len(kept) > self._longest:
            return self._take(kept) if may_call(kept) else self._let_go()
        if not (_SAYS_SO in kept or may_call(kept)):
            return self._let_go()
        self._most = self._longest
        return 0

    def finish(self) -> int:
        if self._conversation is None and self._watching:
            kept = bytes(self._kept)
            if tools_called(kept) == ():
                return self._let_go()
            self._take(kept)
        if self._follower is not None:
            self._follower.finish()
        return EVERYTHING if self._conversation is None else self._conversation.finish()

    def _take(self, kept: bytes) -> int:
        """It is a conversation: what denials must say, and who collects the rest."""
        self._exchange.extensions[SPOKEN] = "mcp"
        del self._exchange.extensions[WATCHED]
        ids = JsonRpcIdSession(self._exchange)
        ids.feed(kept)
        ids.finish()
        self._conversation = self._adopt()
        follow: Follow | None = self._exchange.extensions.get(FOLLOWED)
        self._follower = follow(self._exchange) if follow is not None else None
        self._kept = bytearray()
        return self._converse(self._conversation, kept)

    def _converse(self, conversation: BodySession, data: bytes) -> int:
        if self._follower is not None:
            self._follower.feed(data)
        return conversation.feed(data)

    def _let_go(self) -> int:
        self._watching = False
        self._kept = bytearray()
        del self._exchange.extensions[WATCHED]
        return EVERYTHING
