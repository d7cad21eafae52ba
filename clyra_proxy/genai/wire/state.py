"""What the GenAI checks remember of one exchange while it lasts. Nothing of it is logged or recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.inspection import Caller, Inspection
from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.genai.protocols.reading import MessageReading, Reading
from clyra_proxy.verdict.model import Finding, Mode

if TYPE_CHECKING:
    from clyra_proxy.genai.wire.live import LiveAnswer
    from clyra_proxy.genai.wire.streaming import EventSession

KEY = "genai"
"""Key of the state in `Exchange.extensions`; absent when the exchange is none of ours."""
MOST_KINDS = 128
"""Kinds of findings kept of one exchange; streams and sessions may last for days."""
_MCP_SESSION = "mcp-session-id"


@dataclass(slots=True)
class Collected:
    """A whole body waiting to be judged. excess: it outgrew what is looked at, and `body` is empty."""

    body: bytes = b""
    excess: bool = False


@dataclass(slots=True)
class GenAiState:
    """mode: `enforce` when any rule of the checks can act on the route. request: once it was read.

    request_body, response_body: whole bodies between their end and their judgement. answer: once it was read.
    started: the request was judged and may have been sent, so that the end has something to settle.
    messages, live: of a WebSocket session.
    contained: findings on messages that were refused one by one, while their stream went on; told at the end.
    """

    reading: Reading
    compiled: CompiledGenAi
    mode: Mode
    request: Conversation | None = None
    request_body: Collected | None = None
    response_body: Collected | None = None
    stream: EventSession | None = None
    messages: MessageReading | None = None
    live: LiveAnswer | None = None
    answer: Conversation | None = None
    started: bool = False
    contained: list[Finding] = field(default_factory=list)
    _kinds: set[tuple[str, ...]] = field(default_factory=set)

    def is_first(self, finding: Finding) -> bool:
        """Whether no finding like it is among the contained ones, of which so many are kept."""
        return len(self.contained) < MOST_KINDS and not any(
            (one.rule, one.detail) == (finding.rule, finding.detail) for one in self.contained
        )

    def is_new(self, finding: Finding) -> bool:
        """Whether a finding of this kind was not told before. Streams are looked at twice: as they grow and whole."""
        kind = _kind(finding)
        if kind in self._kinds:
            return False
        if len(self._kinds) >= MOST_KINDS:
            return finding.stops  # what refuses is always told
        self._kinds.add(kind)
        return True

    def take_back(self, finding: Finding) -> None:
        """It was not told after all."""
        self._kinds.discard(_kind(finding))


def _kind(finding: Finding) -> tuple[str, ...]:
    named = (str(finding.detail.get(name, "")) for name in ("patterns", "kind", "tool", "exception"))
    return (finding.rule, finding.phase, str(finding.action), *named)


def state_of(exchange: Exchange) -> GenAiState | None:
    """The state of an exchange, None when it is none of ours."""
    state: GenAiState | None = exchange.extensions.get(KEY)
    return state


def inspection_of(exchange: Exchange, state: GenAiState, conversation: Conversation) -> Inspection:
    """One conversation of the exchange with its circumstances."""
    who, where = exchange.identity, exchange.destination
    return Inspection(
        conversation,
        Caller(who.agent, who.tenant, who.session or exchange.request.get(_MCP_SESSION) or "", who.run, who.auth),
        destination=f"{named_host(where)}:{where.port}",
        route=exchange.route.id,
        exchange=exchange.id,
        request=state.request if conversation.direction is Direction.RESPONSE else None,
        now=time.time(),
        endpoint=exchange.request.path.partition("?")[0],
    )
