"""What the other side of a WebSocket session says in pieces: passed on in order, but for the undecided tail.

Rule: a text that grows over messages is treated as one that grows over events (`streaming`), so a secret cut into
pieces is redacted here as there: the messages that hold its pieces wait until it is decided, and what comes after them
waits too. Each message is judged by itself besides, before it comes here. What a side that closes in the middle of a
text left undecided is not passed on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.model import Conversation
from clyra_proxy.genai.protocols.reading import Delta, DeltaKind, StreamEvent
from clyra_proxy.genai.protocols.streams import OTHER
from clyra_proxy.genai.wire.state import GenAiState
from clyra_proxy.genai.wire.streaming import EventSession
from clyra_proxy.verdict.model import Finding, Phase

type Passed = tuple[bytes, bool]
"""A message and whether it is text."""


class _Messages:
    """A stream reader whose events are messages, each taken apart before it is fed. deltas: of the next one."""

    def __init__(self) -> None:
        self.deltas: tuple[Delta, ...] = ()
        self.at = 0

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        start, self.at = self.at, self.at + len(data)
        return [StreamEvent(start, self.at, self.deltas or OTHER, (start, self.at))]

    def finish(self) -> Sequence[StreamEvent]:
        return []

    def conversation(self) -> Conversation:
        raise NotImplementedError("messages are judged one by one")


class LiveAnswer:
    """The messages of one side of a session, in an enforcing exchange."""

    def __init__(self, exchange: Exchange, state: GenAiState) -> None:
        self._reader = _Messages()
        self._session = EventSession(exchange, state, self._reader, phase=Phase.MESSAGE)
        self._waiting: deque[tuple[int, bytes, bool]] = deque()
        self._open: set[str] = set()

    def end(self, deltas: Iterable[Delta]) -> bool:
        """Decide the texts that these deltas end. True when one of them came in pieces."""
        ended: set[str] = set()
        for delta in deltas:
            if delta.kind is DeltaKind.BLOCK_END:
                ended |= self._open & {delta.block}
            elif delta.kind is DeltaKind.FINISH:
                ended |= self._open
        self._open -= ended
        self._session.end_blocks(ended)
        return bool(ended)

    def take(self, content: bytes, deltas: Iterable[Delta], *, text: bool) -> list[Passed]:
        """The next message; the messages that may now be passed on. Raises Violation."""
        self._reader.deltas = tuple(delta for delta in deltas if delta.kind is DeltaKind.TEXT)
        self._open |= {delta.block for delta in self._reader.deltas}
        self._waiting.append((self._reader.at, content, text))
        mark = self._session.feed(content)
        edited = {start: made for start, _, made in self._session.edits}
        self._session.edits.clear()
        passed: list[Passed] = []
        while self._waiting and self._waiting[0][0] + len(self._waiting[0][1]) <= mark:
            start, held, is_text = self._waiting.popleft()
            passed.append((edited.get(start, held), is_text))
        return passed

    def has_redacted(self, finding: Finding) -> bool:
        """Whether all that a finding is about was redacted in pieces."""
        return self._session.has_redacted(finding)
