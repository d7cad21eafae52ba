"""WebSocket sessions with models (OpenAI realtime, MCP over WebSocket): every message judged before it is passed on."""

from __future__ import annotations

from clyra_proxy.checks import EVERYTHING, BodySession, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import escalate
from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.reading import DeltaKind, UnreadableError
from clyra_proxy.genai.protocols.recognise import message_reading
from clyra_proxy.genai.protocols.salvage import salvage
from clyra_proxy.genai.wire.live import LiveAnswer, Passed
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import GenAiState, state_of
from clyra_proxy.genai.wire.steps import cover, foreign_to, judge, rewritten
from clyra_proxy.verdict.model import Coverage, Finding, Mode, Phase, Seen

_LONGEST_PIECE = 1 << 16
"""Bytes of a message that is one piece of a text; a longer one is judged as a whole."""


def begin_messages(exchange: Exchange) -> None:
    """The session is open: its messages are read in the API of its exchange, when that has messages."""
    state = state_of(exchange)
    if state is not None:
        state.messages = message_reading(state.reading)


async def judge_message(
    exchange: Exchange, state: GenAiState, room: ScanningRoom, content: bytes, *, from_client: bool, text: bool
) -> list[Passed]:
    """Judge one message. Findings go into the exchange. What may be passed on now: it, none, or several that waited."""
    if state.messages is None or state.mode is not Mode.ENFORCE or from_client:
        return [(await _judged(exchange, state, room, content, from_client=from_client, text=text), text)]
    deltas = state.messages.pieces(content) if text and len(content) <= _LONGEST_PIECE else ()
    ends_pieces = state.live.end(deltas) if state.live is not None else False
    grows = any(delta.kind is DeltaKind.TEXT for delta in deltas)
    before = len(exchange.findings)
    content = await _judged(exchange, state, room, content, from_client=False, text=text, grows=grows)
    if not state.compiled.loaded:
        return [(content, text)]  # a finding says that nobody looked; where it is enforced, nothing is passed on
    # Made now, not with the session: the first judgement has loaded what it needs, in a thread.
    live = state.live = state.live or LiveAnswer(exchange, state)
    exchange.findings[before:] = _settled(state, live, exchange.findings[before:], grows, ends_pieces)
    try:
        return live.take(content, deltas, text=text)
    except Violation as refusal:
        exchange.findings.append(refusal.finding)
        return []


def _settled(
    state: GenAiState, live: LiveAnswer, findings: list[Finding], grows: bool, ends_pieces: bool
) -> list[Finding]:
    """What is redacted in pieces is told by whoever does it; what should have been and was not is refused."""
    kept: list[Finding] = []
    for finding in findings:
        if finding.redacts and grows:
            state.take_back(finding)
        elif finding.redacts and ends_pieces and not live.has_redacted(finding):
            kept.append(escalate(finding))
        else:
            kept.append(finding)
    return kept


async def _judged(
    exchange: Exchange,
    state: GenAiState,
    room: ScanningRoom,
    content: bytes,
    *,
    from_client: bool,
    text: bool,
    grows: bool = False,
) -> bytes:
    """The message as it may be passed on, judged by itself. grows: it holds a piece of a text, redacted elsewhere."""
    reading = state.messages
    if reading is None:
        return content
    said: list[Conversation] = []

    def read() -> Conversation | None:
        try:
            conversation = reading.message(content, from_client=from_client, text=text)
        except UnreadableError as error:
            direction = Direction.REQUEST if from_client else Direction.RESPONSE
            origin = Provenance.UNKNOWN if from_client else foreign_to(state.reading)
            conversation = salvage(content, state.reading.id, direction, error.reason, provenance=origin)
        said.extend([conversation] if conversation is not None else [])
        return conversation

    editable = state.mode is Mode.ENFORCE and text and not grows
    judgement = await judge(exchange, state, room, Phase.MESSAGE, read, editable=editable, streamed=grows)
    if said and said[0].unread:
        side = Phase.REQUEST_BODY if from_client else Phase.RESPONSE_BODY
        cover(exchange, side, said[0].unread[0])
    return rewritten(exchange, Phase.MESSAGE, judgement, content) or content


class _Whole:
    """Lets a message go to the hook that judges it; says that all of it is seen."""

    check_id = "genai"
    mode = Mode.SHADOW
    coverage = Coverage(Seen.FULL)

    def feed(self, data: bytes) -> int:
        return EVERYTHING

    def finish(self) -> int:
        return EVERYTHING


def open_message(exchange: Exchange) -> BodySession | None:
    """A session for a message of a conversation, None when the exchange is none of ours."""
    state = state_of(exchange)
    return _Whole() if state is not None and state.messages is not None else None
