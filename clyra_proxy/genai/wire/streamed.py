"""The two moments at which a streamed answer is judged where it can be waited for: messages in it, and its end."""

from __future__ import annotations

from functools import partial

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import Judgement, escalate
from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import GenAiState
from clyra_proxy.genai.wire.steps import cover, judge
from clyra_proxy.genai.wire.streaming import SCANNER, EventSession
from clyra_proxy.verdict.model import Action, Mode, Phase


async def judge_messages(exchange: Exchange, state: GenAiState, session: EventSession, room: ScanningRoom) -> None:
    """Judge every message that waits, in order; each may then leave, edited where that was asked for."""
    while session.waiting:
        held, conversation = session.waiting.popleft()
        editable = state.mode is Mode.ENFORCE and held.data is not None
        judgement = await judge(
            exchange, state, room, Phase.RESPONSE_BODY, partial(_same, conversation), editable=editable
        )
        if judgement.edits and not session.edit(held, judgement.edits):
            _refuse_redaction(exchange, judgement)
        session.settle(held)


async def judge_end(exchange: Exchange, state: GenAiState, session: EventSession, room: ScanningRoom) -> None:
    """Judge the whole answer, now that its end is known and held. What scanners found on the way is not told twice."""
    if session.waiting:
        await judge_messages(exchange, state, session, room)
    if not session.readable:
        cover(exchange, Phase.RESPONSE_BODY, session.coverage.reason.removeprefix("genai:"))
        return
    before = len(exchange.findings)
    await judge(exchange, state, room, Phase.RESPONSE_BODY, session.conversation, editable=True)
    for place in range(before, len(exchange.findings)):
        finding = exchange.findings[place]
        redacts = finding.enforced and finding.action is Action.REDACT
        if redacts and finding.check != SCANNER:
            exchange.findings[place] = escalate(finding)


def _same(conversation: Conversation) -> Conversation:
    return conversation


def _refuse_redaction(exchange: Exchange, judgement: Judgement) -> None:
    for finding in judgement.findings:
        if finding.enforced and finding.action is Action.REDACT and finding in exchange.findings:
            exchange.findings[exchange.findings.index(finding)] = escalate(finding)
