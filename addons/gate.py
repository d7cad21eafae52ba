"""All findings -> one decision -> the denial in the protocol's own shape.

This addon comes after every check in every hook, so that it judges all that was found up to there. It alone sets
`exchange.denial` from findings; the engine alone turns that into bytes.
"""

from __future__ import annotations

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.decide import collect_findings, decide
from clyra_proxy.verdict.denial import build


def judge(exchange: Exchange) -> None:
    """Decide on what is known now; set the denial when an enforced finding asks for a block."""
    if exchange.denial is None and any(finding.stops for finding in collect_findings(exchange)):
        deny(exchange)


def deny(exchange: Exchange) -> None:
    """Set the denial, unless there is one: something was refused already."""
    if exchange.denial is None:
        exchange.verdict = decide(exchange)
        exchange.denial = build(exchange.verdict, exchange)


class Gate:
    """Judges when a head is complete, when a body is refused, before the upstream is called, and at the end."""

    def requestheaders(self, flow: HTTPFlow) -> None:
        self._judge(flow)

    def clyra_refused(self, flow: HTTPFlow) -> None:
        self._judge(flow)

    def clyra_release(self, flow: HTTPFlow) -> None:
        """The last look before anything leaves: what a check found and nobody judged stops here."""
        self._judge(flow)

    def responseheaders(self, flow: HTTPFlow) -> None:
        self._judge(flow)

    def error(self, flow: HTTPFlow) -> None:
        self._judge(flow)

    def clyra_done(self, flow: HTTPFlow) -> None:
        """The final verdict, with everything that was found and seen."""
        exchange = exchange_of(flow)
        if exchange is not None and not exchange.finished:
            exchange.finished = True
            exchange.verdict = decide(exchange)
            # All they found is in the verdict; exchange and gates refer to each other.
            exchange.request_gate = exchange.response_gate = None

    def _judge(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None:
            judge(exchange)
