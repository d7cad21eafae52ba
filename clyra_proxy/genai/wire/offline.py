"""The judgement of a request that is only described, not sent: cases beside a policy, questions at the command line.

The same readings, inspectors and conclusions as on the wire, without threads, without external detectors.
"""

from __future__ import annotations

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.state import state_of
from clyra_proxy.genai.wire.steps import concluded, inspected, opened, read_request
from clyra_proxy.verdict.model import Mode, Phase


def judge_offline(exchange: Exchange) -> None:
    """Judge the request body that a `GenAiCheck` has collected; findings go into the exchange."""
    state, phase = state_of(exchange), Phase.REQUEST_BODY
    if state is None or state.request_body is None or not state.request_body.body:
        return
    body = state.request_body.body
    found = inspected(state, opened(exchange, state, phase, lambda: read_request(state.reading, body)))
    if found is not None:
        judgement = concluded(exchange, state, phase, *found, editable=state.mode is Mode.ENFORCE)
        exchange.findings.extend(finding for finding in judgement.findings if state.is_new(finding))
