"""The judgement of a request that is only described, not sent: cases beside a policy, questions at the command line.

The same readings, inspectors and conclusions as on the wire, without threads, without external detectors.
"""

from __future__ import annotations

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import conclude, unreadable
from clyra_proxy.genai.judge import inspect_all
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.wire.state import inspection_of, state_of
from clyra_proxy.genai.wire.steps import cover
from clyra_proxy.verdict.model import Mode, Phase


def judge_offline(exchange: Exchange) -> None:
    """Judge the request body that a `GenAiCheck` has collected; findings go into the exchange."""
    state = state_of(exchange)
    if state is None or state.request_body is None or not state.request_body.body:
        return
    phase = Phase.REQUEST_BODY
    try:
        state.request = state.reading.request(state.request_body.body)
    except UnreadableError as error:
        cover(exchange, phase, error.reason)
        wanted = state.compiled.settings.unreadable
        exchange.findings.extend(unreadable(exchange, phase, wanted, {"why": error.reason}))
        return
    if state.request.unread:
        cover(exchange, phase, state.request.unread[0])
    inspection = inspection_of(exchange, state, state.request)
    report = inspect_all(state.compiled.inspectors, inspection)
    exceptions = state.compiled.exceptions
    judgement = conclude(
        report,
        exchange,
        phase,
        lambda signal: exceptions.suppress(signal, inspection),
        editable=state.mode is Mode.ENFORCE,
    )
    exchange.findings.extend(finding for finding in judgement.findings if state.is_new(finding))
