"""One body of a write: collected, bounded, and kept back until its rows were judged.

Past `max_body_bytes` a request is not read: rule `rows.unreadable` says whether it may pass. An answer that large is
only not told apart by rows.
"""

from __future__ import annotations

from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.checks import EVERYTHING, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.stream.document import shelf_of
from clyra_proxy.verdict.model import Coverage, Mode, Phase, Seen
from clyra_proxy.verdict.rules import RULES


class RowSession:
    """See the module."""

    check_id = "activation"
    resumable = True

    def __init__(self, exchange: Exchange, state: ActivationState, phase: Phase) -> None:
        self._request = phase is Phase.REQUEST_BODY
        # The answer to a batch that went as it came passes as it comes.
        told = self._request or state.rejections or state.endpoint.amends
        self.mode = state.mode if told else Mode.SHADOW
        self.coverage = Coverage(Seen.FULL)
        self._exchange = exchange
        self._state = state
        self._phase = phase
        self._most = state.compiled.settings.max_body_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> int:
        """Keep `data`. Raises Violation once, when a request is too large to be read."""
        if self._size > self._most:
            return EVERYTHING
        self._size += len(data)
        self._parts.append(data)
        if self._size <= self._most:
            return 0
        self._parts.clear()
        self.coverage = Coverage(Seen.SKIPPED, "activation:too_large")
        if self._request:
            detail: dict[str, str | int] = {"why": "too_large", "limit": self._most}
            finding = RULES["rows.unreadable"].finding(
                self._exchange.route, self._phase, check=self.check_id, detail=detail
            )
            if finding is not None:
                raise Violation(finding)
        return EVERYTHING

    def finish(self) -> int:
        """Hand the body over."""
        if self._size <= self._most:
            body = b"".join(self._parts)
            if self._request:
                shelf = shelf_of(self._exchange)
                self._state.body = body if shelf is None else shelf.take(body)
            else:
                self._state.answer = body
        self._parts.clear()
        return EVERYTHING
