"""The circuit breaker of a service: leave alone what keeps failing, and try one call from time to time.

States: closed (calls pass), open (none passes until a time), half-open (one call passes; its result decides).
Times are seconds of the loop's clock, given by the caller.
"""

from __future__ import annotations

from clyra_proxy.policy.services import Breaker

LONGEST_OPEN_S = 60.0


class CircuitBreaker:
    """Counts failures in a row. Not shared between loops."""

    def __init__(self, settings: Breaker) -> None:
        self._limit = settings.failures
        self._first_pause = settings.open_ms / 1000
        self._pause = self._first_pause
        self._failures = 0
        self._opens_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit

    def admit(self, now: float) -> bool:
        """Whether a call may be made. A call that was admitted ends in `succeeded`, `failed` or `abandoned`."""
        if not self.is_open:
            return True
        if self._probing or now < self._opens_at:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._probing = False

    def failed(self, now: float) -> None:
        if self._probing:
            self._pause = min(2 * self._pause, max(LONGEST_OPEN_S, self._first_pause))
        self._probing = False
        self._failures = min(self._failures + 1, self._limit)
        if self.is_open:
            self._opens_at = now + self._pause

    def abandoned(self) -> None:
        """The call ended without saying anything about the service (the client went away, we were busy)."""
        self._probing = False
