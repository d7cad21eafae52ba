"""The judgement of a request that is only described, not sent: cases beside a policy, questions at the command line.

The same readings, inspectors and conclusions as on the wire, without threads, without external detectors.
"""

from __future__ import annotations

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import conclude
from clyra_proxy.genai.judge import inspect_all
from clyra_proxy.genai.wire.state import inspection_of, state_of
from clyra_proxy.genai.wire.steps import cover, not_read, read_request
from clyra_proxy.verdict.model import Mode, Phase


def judge_offline(exchange: Exchange) -> None:
    """Judge the request body that a `GenAiCheck` has collected; findings go into the exchange."""
    state = state_of(exchange)
    if state is None or state.request_body is None or not state.request_body.body:
        return
    phase = Phase.REQUEST_BODY
    state.request = read_request(state.reading, state.request_body.body)
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
    findings = [*judgement.findings, *not_read(exchange, state, phase, state.request)]
    exchange.findings.extend(finding for finding in findings if state.is_new(finding))
