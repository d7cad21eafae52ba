"""WebSocket sessions with models (OpenAI realtime, MCP over WebSocket): every message judged before it is passed on."""

from __future__ import annotations

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.protocols.recognise import message_reading
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import GenAiState, state_of
from clyra_proxy.genai.wire.steps import judge, rewritten
from clyra_proxy.verdict.model import Mode, Phase


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
    judgement = await judge(
        exchange,
        state,
        room,
        Phase.MESSAGE,
        lambda: reading.message(content, from_client=from_client, text=text),
        editable=state.mode is Mode.ENFORCE and text,
    )
    return rewritten(exchange, Phase.MESSAGE, judgement, content)
