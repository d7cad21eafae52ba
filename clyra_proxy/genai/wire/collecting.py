"""A whole body of a conversation: collected, bounded, and kept back until it was judged.

An enforcing session clears nothing before the end, so that everything is still here when the judgement comes, in the
hook after the body. Past `max_inspect_bytes` it lets go of what it has: the rule `genai.unreadable` says whether the
body may pass unread.
"""

from __future__ import annotations

from clyra_proxy.checks import EVERYTHING, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import unreadable
from clyra_proxy.genai.wire.state import Collected, GenAiState
from clyra_proxy.verdict.model import Coverage, Phase, Seen


class CollectingSession:
    """See the module."""

    check_id = "genai"
    resumable = True

    def __init__(self, exchange: Exchange, state: GenAiState, phase: Phase) -> None:
        self.mode = state.mode
        self.coverage = Coverage(Seen.FULL)
        self._exchange = exchange
        self._state = state
        self._phase = phase
        self._most = state.compiled.settings.max_inspect_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._excess = False

    def feed(self, data: bytes) -> int:
        """Keep `data`. Raises Violation once, when the body is too large to be looked at."""
        if self._excess:
            return EVERYTHING
        self._size += len(data)
        self._parts.append(data)
        if self._size <= self._most:
            return 0
        self._excess = True
        self._parts.clear()
        self.coverage = Coverage(Seen.SKIPPED, "genai:too_large")
        detail: dict[str, str | int] = {"why": "too_large", "limit": self._most}
        for finding in unreadable(self._exchange, self._phase, self._state.compiled.settings.unreadable, detail):
            raise Violation(finding)
        return EVERYTHING

    def finish(self) -> int:
        """Hand the body over to be judged."""
        collected = Collected(b"" if self._excess else b"".join(self._parts), self._excess)
        self._parts.clear()
        if self._phase is Phase.REQUEST_BODY:
            self._state.request_body = collected
        else:
            self._state.response_body = collected
        return EVERYTHING
