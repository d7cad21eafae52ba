"""Collects one exchange for a mirror: the bytes that went to the real upstream, and a bounded copy of its answer.

Guarantees: what is handed on is exactly what went upstream, and only when all of it did; nothing is kept of a request
that is too large, of an answer that is too large or a stream of events, or beyond the worker's budget; every tap ends
in one outcome. On the event loop, where each call costs a few list operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from clyra_proxy.enforcement.mirror.model import Answer, Copy, Outcome
from clyra_proxy.exchange import HeaderFields
from clyra_proxy.policy.matching import bare_media_type

if TYPE_CHECKING:
    from clyra_proxy.enforcement.mirror.budget import Budget

_STREAM = "text/event-stream"


class Hands(Protocol):
    """Who takes what a tap collected."""

    def send(self, copy: Copy) -> None:
        """The request is whole; `copy.answer` may still come."""

    def settle(self, copy: Copy) -> None:
        """The real answer is here, or never will be (`copy.answer` is None)."""

    def give_up(self, copy: Copy, outcome: Outcome) -> None:
        """There will be no copy. Gives back all that is held for it."""


class MirrorTap:
    """See the module. most_up, most_down: bytes kept of request and answer; most_down 0: no answer is wanted."""

    __slots__ = ("_answer", "_body", "_budget", "_copy", "_down", "_hands", "_most_down", "_most_up", "_over", "_sent")

    def __init__(self, copy: Copy, hands: Hands, budget: Budget, most_up: int, most_down: int) -> None:
        self._copy = copy
        self._hands = hands
        self._budget = budget
        self._most_up = most_up
        self._most_down = most_down
        self._body: list[bytes] = []
        self._down: list[bytes] | None = None
        self._answer: tuple[int, HeaderFields] | None = None
        self._sent = False
        self._over = False

    # -- the request -----------------------------------------------------------------------------------------------

    def began(self, path: str, fields: HeaderFields) -> None:
        self._copy.path, self._copy.fields = path, fields
        if not self._over and not self._budget.take(self._copy, len(path) + sum(len(k) + len(v) for k, v in fields)):
            self._give_up(Outcome.DROPPED_MEMORY)

    def sent(self, chunk: bytes) -> None:
        if self._over or self._sent:
            return
        self._most_up -= len(chunk)
        if self._most_up < 0:
            self._give_up(Outcome.DROPPED_BODY)
        elif not self._budget.take(self._copy, len(chunk)):
            self._give_up(Outcome.DROPPED_MEMORY)
        else:
            self._body.append(chunk)

    def ended(self) -> None:
        if self._over or self._sent:
            return
        self._sent = True
        self._copy.body = b"".join(self._body)
        self._body = []
        self._hands.send(self._copy)

    # -- the answer ------------------------------------------------------------------------------------------------

    def answered(self, status: int, fields: HeaderFields) -> None:
        if self._over or not self._most_down:
            return
        self._answer = (status, fields)
        media = next((value for key, value in fields if key.lower() == b"content-type"), b"")
        self._down = None if bare_media_type(media.decode("latin-1")) == _STREAM else []

    def received(self, chunk: bytes) -> None:
        if self._over or self._down is None:
            return
        self._most_down -= len(chunk)
        if self._most_down < 0 or not self._budget.take(self._copy, len(chunk)):
            self._down = None  # what is held for it is given back with the copy
        else:
            self._down.append(chunk)

    def completed(self) -> None:
        if self._over or self._answer is None:
            return
        status, fields = self._answer
        self._copy.answer = Answer(status, fields, None if self._down is None else b"".join(self._down))
        self._down = None

    def closed(self) -> None:
        """The exchange is over, however it ended."""
        if self._over:
            return
        if self._sent:
            self._settle()
        else:
            self._give_up(Outcome.UNFINISHED)

    def _settle(self) -> None:
        self._over = True
        self._copy.settled = True
        self._down = None
        self._hands.settle(self._copy)

    def _give_up(self, outcome: Outcome) -> None:
        self._over = True
        self._body, self._down = [], None
        self._hands.give_up(self._copy, outcome)
