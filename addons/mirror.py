"""Copies of what was let through, for a second upstream: off the path, and of no consequence to it.

Comes after everything that may stop a request: a copy is begun when the first byte is about to leave, and is of the
bytes that do leave. Whatever goes wrong here is said in the log and changes nothing for the exchange.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

log = logging.getLogger("clyra.worker")
_KEY = "mirror"
"""Key in `Exchange.extensions`: the tap that is to be closed at the end."""


class Mirror:
    """Begins and ends copies."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._mirrors = runtime.mirrors

    def clyra_release(self, flow: HTTPFlow) -> None:
        """Everything has been said; the first byte is about to leave."""
        exchange = exchange_of(flow)
        if exchange is None or exchange.denial is not None or self._runtime.is_selftest(exchange.route):
            return
        try:
            tap = self._mirrors.begin(exchange, self._runtime.policy.current.mirror)
        except Exception as error:  # noqa: BLE001 - a mirror never stops an exchange
            log.error("An exchange could not be mirrored: %s.", type(error).__name__)  # noqa: TRY400 - no content
        else:
            if tap is not None:
                exchange.tap = exchange.extensions[_KEY] = tap

    def clyra_done(self, flow: HTTPFlow) -> None:
        exchange = exchange_of(flow)
        if exchange is not None and (tap := exchange.extensions.pop(_KEY, None)) is not None:
            exchange.tap = None
            tap.closed()
