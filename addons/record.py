"""Write-ahead evidence: the intent is durable before the first byte goes upstream, the outcome follows.

Where policy asks for evidence and the recorder cannot give it, the request is answered 503 and never leaves; where it
does not, records wait in a bounded queue and what is lost is declared (`sys.gap`). No evidence, no action.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import judge
from clyra_proxy.errors import EvidenceError
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import EvidenceClass
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime
    from clyra_proxy.evidence.client import RecorderClient


async def intend(exchange: Exchange, recorder: RecorderClient, phase: Phase) -> None:
    """Make the intent durable; where that fails, the finding and its decision are in the exchange."""
    exchange.verdict = decide(exchange)
    try:
        await recorder.intent(exchange)
    except EvidenceError as error:
        finding = RULES["evidence.unavailable"].finding(exchange.route, phase, detail={"why": error.what})
        exchange.findings.extend([] if finding is None else [finding])
        judge(exchange)


class Record:
    """Hands every exchange to the recorder."""

    def __init__(self, runtime: Runtime) -> None:
        self._recorder = runtime.recorder

    def clyra_release(self, flow: HTTPFlow) -> Awaitable[None] | None:
        """Before the first byte goes upstream. Waits only when the route requires a durable intent."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.denial is not None or exchange.route.evidence is not EvidenceClass.REQUIRED:
            return None
        return intend(exchange, self._recorder, Phase.REQUEST_BODY)

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            self._recorder.outcome(exchange)
