"""What is kept of an exchange for the candidate: raw bodies as they came, bounded, and messages of a session.

Guarantees: bytes are kept before the gate in force judges them, so the candidate sees what was refused too; copying
changes nothing of what the gate answers or raises; beyond a bound nothing more is kept and why is said. The store of
all copies of a worker is bounded as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from clyra_proxy.stream.gate import BodyGate
from clyra_proxy.verdict.model import Coverage, Finding, Mode


@dataclass(slots=True)
class Holdings:
    """Bytes kept by one worker for all its exchanges. most: the bound."""

    most: int
    held: int = 0

    def take(self, size: int) -> bool:
        """Make room for so many more; false when there is none."""
        if self.held + size > self.most:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        self.held -= size


@dataclass(slots=True)
class Part:
    """One direction. missing: why the rest was not kept, "" while all of it was. whole: its end was seen."""

    most: int
    holdings: Holdings
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    missing: str = ""
    whole: bool = False

    def take(self, raw: bytes) -> None:
        """Keep `raw`, or as much of it as fits."""
        if self.missing:
            return
        room = self.most - self.size
        if self.reserve(min(len(raw), room)):
            self.chunks.append(raw[:room])
            self.missing = "too_large" if len(raw) > room else ""

    def reserve(self, size: int) -> bool:
        """Count bytes that are kept elsewhere; false, and nothing more is kept, when they do not fit."""
        if self.missing:
            return False
        if self.size + size > self.most:
            self.missing = "too_large"
        elif not self.holdings.take(size):
            self.missing = "memory"
        else:
            self.size += size
        return not self.missing

    def drop(self) -> None:
        """Forget the bytes."""
        self.holdings.give_back(self.size)
        self.chunks, self.size = [], 0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A WebSocket message."""

    content: bytes
    from_client: bool
    text: bool


@dataclass(slots=True)
class Copy:
    """Of one exchange. messages: of a session, in order, their bytes counted in the part of their sender."""

    request: Part
    response: Part
    messages: list[Spoken] = field(default_factory=list)

    def hear(self, content: bytes, *, from_client: bool, text: bool) -> None:
        """Keep a message; one that does not fit ends what is kept of the whole session."""
        if self.request.missing or self.response.missing:
            return
        if (self.request if from_client else self.response).reserve(len(content)):
            self.messages.append(Spoken(content, from_client, text))

    def drop(self) -> None:
        for part in (self.request, self.response):
            part.drop()
        self.messages = []


def new_copy(most: int, holdings: Holdings) -> Copy:
    """most: bytes of each direction."""
    return Copy(Part(most, holdings), Part(most, holdings))


class CopyingGate:
    """The gate in force with a copy of what comes through it."""

    __slots__ = ("_gate", "_part", "findings", "mode")

    def __init__(self, gate: BodyGate, part: Part) -> None:
        self._gate = gate
        self._part = part
        self.mode: Mode = gate.mode
        self.findings: list[Finding] = gate.findings

    def feed(self, raw: bytes) -> Sequence[bytes]:
        self._part.take(raw)
        return self._gate.feed(raw)

    def resume(self) -> Sequence[bytes]:
        return self._gate.resume()

    def finish(self) -> Iterable[bytes]:
        self._part.whole = True
        return self._gate.finish()

    def abort(self) -> None:
        self._gate.abort()

    @property
    def coverage(self) -> Coverage:
        return self._gate.coverage

    @property
    def spool(self) -> bool:
        return self._gate.spool
