"""WebSocket sessions with models (OpenAI realtime, MCP over WebSocket): every message judged before it is passed on."""

from __future__ import annotations

from clyra_proxy.checks import EVERYTHING, BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.recognise import message_reading
from clyra_proxy.genai.protocols.salvage import salvage
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import GenAiState, state_of
from clyra_proxy.genai.wire.steps import cover, foreign_to, judge, rewritten
from clyra_proxy.verdict.model import Coverage, Mode, Phase, Seen


def begin_messages(exchange: Exchange) -> None:
    """The session is open: its messages are read in the API of its exchange, when that has messages."""
    state = state_of(exchange)
    if state is not None:
        state.messages = message_reading(state.reading)


async def judge_message(
    exchange: Exchange, state: GenAiState, room: ScanningRoom, content: bytes, *, from_client: bool, text: bool
) -> bytes | None:
    """Judge one message. Findings go into the exchange. What to pass on instead of it, or None."""
    reading = state.messages
    if reading is None:
        return None
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

    editable = state.mode is Mode.ENFORCE and text
    judgement = await judge(exchange, state, room, Phase.MESSAGE, read, editable=editable)
    if said and said[0].unread:
        side = Phase.REQUEST_BODY if from_client else Phase.RESPONSE_BODY
        cover(exchange, side, said[0].unread[0])
    return rewritten(exchange, Phase.MESSAGE, judgement, content)


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
