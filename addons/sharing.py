"""A lost shared store is part of every verdict: limits were counted in this replica alone (`state.local`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

_RULE = RULES["state.local"]


class Sharing:
    """Says so. Costs one look at a flag while the store answers, and while there is none."""

    def __init__(self, runtime: Runtime) -> None:
        self._state = runtime.state

    def clyra_done(self, flow: HTTPFlow) -> None:
        if getattr(self._state, "lost", False) and (exchange := exchange_of(flow)) is not None:
            finding = _RULE.finding(exchange.route, Phase.REQUEST_HEAD)
            exchange.findings.extend([] if finding is None else [finding])
