"""The judgement of bodies and messages: read, ask every inspector, ask external detectors, conclude.

What costs time runs in a scanning thread; what asks others is awaited on the loop; both within `budget_ms`. Whatever
goes wrong is a finding with the declared outcome (`check.error`, `check.timeout`), never a silent pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter_ns

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.exceptions import fingerprint
from clyra_proxy.genai.findings import Judgement, conclude, failure, unreadable, without_echoes
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.judge import Report, inspect_all
from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.reading import Reading, UnreadableError
from clyra_proxy.genai.protocols.salvage import UNREADABLE, salvage
from clyra_proxy.genai.rewrite import RewriteError, rewrite
from clyra_proxy.genai.wire.faults import faults_of
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import Collected, GenAiState, inspection_of
from clyra_proxy.verdict.model import Coverage, Mode, Phase, Seen

CHECK = "genai"
DETECTORS = "detector"
LOADING_S = 12.0
"""The first conversation waits so long for what is made late, in seconds; it is no part of the budget of a look."""
_TOOL_SERVERS = frozenset({"mcp", "a2a"})

type Read = Callable[[], Conversation | None]


async def judge_body(exchange: Exchange, state: GenAiState, room: ScanningRoom, phase: Phase) -> bytes | None:
    """Judge the whole body that was collected. Findings go into the exchange. What to send instead of it, or None."""
    request = phase is Phase.REQUEST_BODY
    collected = state.request_body if request else state.response_body
    if request:
        state.request_body = None
    else:
        state.response_body = None
    if collected is not None and collected.excess:
        cover(exchange, phase, "too_large")
    if collected is None or not collected.body:
        return None
    reader = _request_reader(state, collected) if request else _response_reader(exchange, state, collected)
    editable = state.mode is Mode.ENFORCE and not _is_signed(exchange, phase)
    judgement = await judge(exchange, state, room, phase, reader, editable=editable)
    return rewritten(exchange, phase, judgement, collected.body)


async def judge(
    exchange: Exchange,
    state: GenAiState,
    room: ScanningRoom,
    phase: Phase,
    read: Read,
    *,
    editable: bool,
    streamed: bool = False,
) -> Judgement:
    """Read and judge one conversation. Its findings are in the exchange when this returns; it never raises."""
    started = perf_counter_ns()
    judgement = Judgement()
    try:
        found = await _look(exchange, state, room, phase, read)
        if found is not None:
            judgement = concluded(exchange, state, phase, *found, editable=editable, streamed=streamed)
    except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
        judgement = Judgement(faults_of(error, CHECK, exchange, phase))
    exchange.findings.extend(finding for finding in judgement.findings if state.is_new(finding))
    exchange.check_ns[CHECK] = exchange.check_ns.get(CHECK, 0) + perf_counter_ns() - started
    return judgement


def concluded(
    exchange: Exchange,
    state: GenAiState,
    phase: Phase,
    inspection: Inspection,
    report: Report,
    *,
    editable: bool,
    streamed: bool = False,
) -> Judgement:
    """What was found of one conversation, exceptions applied, and what policy says of what could not be read."""
    exceptions = state.compiled.exceptions
    judgement = conclude(
        report,
        exchange,
        phase,
        lambda signal: exceptions.suppress(signal, inspection),
        editable=editable,
        streamed=streamed,
    )
    judgement.edits += without_echoes(judgement.edits, inspection.conversation)
    broken = [word for word in inspection.conversation.unread if word.startswith(UNREADABLE)]
    if broken:
        why = broken[0].removeprefix(UNREADABLE)
        cover(exchange, phase, why)
        judgement.findings += unreadable(exchange, phase, state.compiled.settings.unreadable, {"why": why})
    return judgement


def rewritten(exchange: Exchange, phase: Phase, judgement: Judgement, body: bytes) -> bytes | None:
    """`body` with the edits that the judgement asks for, None when there are none. What cannot be made is a block."""
    if not judgement.edits or any(finding.stops for finding in judgement.findings):
        return None
    try:
        return rewrite(body, judgement.edits)
    except (RewriteError, ValueError) as error:
        exchange.findings.append(failure(CHECK, exchange, phase, type(error).__name__))
        return None


async def _look(
    exchange: Exchange, state: GenAiState, room: ScanningRoom, phase: Phase, read: Read
) -> tuple[Inspection, Report] | None:
    """Read, then ask every inspector and, at the same time, who is outside."""
    if not state.compiled.loaded:
        await room.run(state.compiled.load, LOADING_S)
    budget_s = state.compiled.settings.budget_ms / 1000
    detectors = state.compiled.detectors
    if detectors is None:
        return await room.run(lambda: inspected(state, opened(exchange, state, phase, read)), budget_s)
    inspection = await room.run(lambda: opened(exchange, state, phase, read), budget_s)
    asking = asyncio.ensure_future(detectors.ask(inspection)) if inspection is not None else None
    try:
        found = await room.run(lambda: inspected(state, inspection), budget_s)
        if found is not None and asking is not None:
            for signal in await asking:
                found[1].take(DETECTORS, _named(signal, found[0], state))
    finally:
        if asking is not None:
            asking.cancel()
    return found


def opened(exchange: Exchange, state: GenAiState, phase: Phase, read: Read) -> Inspection | None:
    """Read; what was read with its circumstances, None when it says nothing."""
    conversation = read()
    if conversation is None:
        return None
    if phase is Phase.REQUEST_BODY:
        state.request = conversation
    elif phase is Phase.RESPONSE_BODY:
        state.answer = conversation
    if conversation.unread:
        cover(exchange, phase, conversation.unread[0])
    return inspection_of(exchange, state, conversation)


def inspected(state: GenAiState, inspection: Inspection | None) -> tuple[Inspection, Report] | None:
    """Ask every inspector; each signal then names the text it is about."""
    if inspection is None:
        return None
    report = inspect_all(state.compiled.inspectors, inspection)
    report.signals = [(inspector, _named(signal, inspection, state)) for inspector, signal in report.signals]
    return inspection, report


def _named(signal: Signal, inspection: Inspection, state: GenAiState) -> Signal:
    """The signal with the salted hash of the text it is about, so that an exception can be as narrow as that text."""
    text = fingerprint(state.compiled.secret, signal, inspection)
    return replace(signal, detail={**signal.detail, "text": text}) if text else signal


def _request_reader(state: GenAiState, collected: Collected) -> Read:
    return lambda: read_request(state.reading, collected.body)


def read_request(reading: Reading, body: bytes) -> Conversation:
    """A request body; what is not as its API says gives at least its strings."""
    try:
        return reading.request(body)
    except UnreadableError as error:
        return salvage(body, reading.id, Direction.REQUEST, error.reason)


def _response_reader(exchange: Exchange, state: GenAiState, collected: Collected) -> Read:
    status = exchange.response.status if exchange.response is not None else 0
    media, reading = exchange.response_body.media_type, state.reading

    def read() -> Conversation:
        try:
            return reading.response(status, media, collected.body, state.request)
        except UnreadableError as error:
            provenance = foreign_to(reading)
            return salvage(collected.body, reading.id, Direction.RESPONSE, error.reason, provenance=provenance)

    return read


def foreign_to(reading: Reading) -> Provenance:
    """Where a text of an answer comes from that nothing else is known of."""
    return Provenance.TOOL_RESULT if reading.id in _TOOL_SERVERS else Provenance.UNKNOWN


def cover(exchange: Exchange, phase: Phase, why: str) -> None:
    """Say that this direction was not, or not wholly, looked at, whatever other checks saw of its syntax."""
    coverage = Coverage(Seen.SKIPPED, f"genai:{why}")
    if phase is Phase.REQUEST_BODY:
        exchange.request_coverage = coverage
    elif phase is Phase.RESPONSE_BODY:
        exchange.response_coverage = coverage


def _is_signed(exchange: Exchange, phase: Phase) -> bool:
    """Whether a signature covers the body, so that any edit would make the upstream refuse it (AWS Signature V4)."""
    authorization = exchange.request.get("authorization") or ""
    return phase is Phase.REQUEST_BODY and authorization.startswith("AWS4-")
