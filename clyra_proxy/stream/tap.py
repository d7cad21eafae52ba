"""Who listens along: told of the bytes that really went upstream, and of those that came back.

Rule: a tap only hears; whatever it does wrong ends the tap and not the exchange. It is told on the event loop and must
not wait; it is told nothing of what was refused or held back.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from clyra_proxy.exchange import Exchange, HeaderFields

log = logging.getLogger(__name__)


class Tap(Protocol):
    """One exchange, as its upstream sees it."""

    def began(self, path: str, fields: HeaderFields) -> None:
        """The head of the request has left."""

    def sent(self, chunk: bytes) -> None:
        """Bytes of its body have left."""

    def ended(self) -> None:
        """The request has left whole."""

    def answered(self, status: int, fields: HeaderFields) -> None:
        """The head of the answer is here, as the upstream gave it."""

    def received(self, chunk: bytes) -> None:
        """Bytes of the answer are here."""

    def completed(self) -> None:
        """The answer is whole."""


def tell(exchange: Exchange, event: str, *facts: object) -> None:
    """Tell the tap of an exchange, if it has one."""
    tap = exchange.tap
    if tap is None:
        return
    try:
        getattr(tap, event)(*facts)
    except Exception as error:  # noqa: BLE001 - who listens along can hurt nobody
        exchange.tap = None
        log.error("A tap failed with %s at %s.", type(error).__name__, event)  # noqa: TRY400 - a text may quote a body
