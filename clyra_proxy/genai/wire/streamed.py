"""The two moments at which a streamed answer is judged where it can be waited for: messages in it, and its end.

A message of a tool server (MCP, A2A) that is refused does not end the stream: an error with its id takes its place, so
that the session lives on. What the server asks of the client cannot be answered here; refusing that ends the stream.
"""

from __future__ import annotations

from functools import partial

import orjson

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import escalate
from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import GenAiState
from clyra_proxy.genai.wire.steps import cover, judge
from clyra_proxy.genai.wire.streaming import EventSession
from clyra_proxy.genai.wire.window import Held
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.refusal import refusal_of
from clyra_proxy.verdict.shapes import json_rpc


async def judge_messages(exchange: Exchange, state: GenAiState, session: EventSession, room: ScanningRoom) -> None:
    """Judge every message that waits, in order; each may then leave: as it is, edited, or as an error."""
    while session.waiting:
        held, conversation = session.waiting.popleft()
        before = len(exchange.findings)
        editable = state.mode is Mode.ENFORCE and held.data is not None
        read = partial(_same, conversation)
        judgement = await judge(exchange, state, room, Phase.RESPONSE_BODY, read, editable=editable)
        findings = judgement.findings
        if judgement.edits and not session.edit(held, judgement.edits):
            findings = [_or_refused(finding) for finding in findings]
        if any(finding.stops for finding in findings):
            del exchange.findings[before:]
            if not _answer_with_error(exchange, state, session, held, findings):
                exchange.findings.extend(findings)
        session.settle(held)


def _answer_with_error(
    exchange: Exchange, state: GenAiState, session: EventSession, held: Held, findings: list[Finding]
) -> bool:
    """Put a JSON-RPC error in the place of a refused answer; false when the message is none that has an id."""
    message = session.message(held)
    if not isinstance(message, dict) or "method" in message or not isinstance(message.get("id"), (str, int)):
        return False
    if state.mode is not Mode.ENFORCE or not session.editable:
        return False
    kept = exchange.findings
    exchange.findings = findings
    try:
        error = json_rpc(refusal_of(decide(exchange)), message["id"])
    finally:
        exchange.findings = kept
    session.replace(held, orjson.dumps(error))
    state.contained.extend(finding for finding in findings if state.is_first(finding))
    return True


async def judge_end(exchange: Exchange, state: GenAiState, session: EventSession, room: ScanningRoom) -> None:
    """Judge the whole answer, now that its end is known and held. What scanners found on the way is not told twice."""
    await judge_messages(exchange, state, session, room)
    if not session.readable:
        cover(exchange, Phase.RESPONSE_BODY, session.coverage.reason.removeprefix("genai:"))
    if not session.is_assembled:
        return  # nothing but messages, each judged when it came
    before = len(exchange.findings)
    await judge(exchange, state, room, Phase.RESPONSE_BODY, session.conversation, editable=False, streamed=True)
    new = exchange.findings[before:]
    exchange.findings[before:] = [_or_refused(finding) for finding in new if not session.has_redacted(finding)]


def _same(conversation: Conversation) -> Conversation:
    return conversation


def _or_refused(finding: Finding) -> Finding:
    """What should have been redacted and was not is refused."""
    return escalate(finding) if finding.redacts else finding
