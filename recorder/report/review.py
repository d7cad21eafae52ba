"""What one day's records say, as plain values: totals, refusals, gaps, approvals, halts, changes of policy.

`recorder.report.gathering` fills them in one pass over the records, `recorder.report.layout` makes a page of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from recorder.attest.outcome import Proof
from recorder.reading import Provenance


@dataclass(slots=True)
class Traffic:
    """What went to one destination, or came from one agent."""

    calls: int = 0
    denied: int = 0
    withheld: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is told one by one. kind: of `recorder.report.telling.KINDS`."""

    seq: int
    ts: str
    kind: str
    text: str


@dataclass(slots=True)
class PolicyUse:
    """One policy: when it was first seen, and how many decisions it made."""

    sha256: str
    first_seq: int
    first_ts: str
    decisions: int = 0
    modes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Review:
    """The counts of one day (or of all records when `day` is ""). proofs: record numbers behind a count.

    waits_ms: of decisions, from request to signature, the first ten thousand. overdue: requests whose time ran out.
    open_contradictions: name -> severity and what it is. candidate: (rule, what was done and would be) -> count.
    """

    day: str
    records: int = 0
    first_ts: str = ""
    last_ts: str = ""
    first_seq: int = -1
    last_seq: int = -1
    totals: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    shadow: Counter[str] = field(default_factory=Counter)
    destinations: dict[str, Traffic] = field(default_factory=dict)
    agents: dict[str, Traffic] = field(default_factory=dict)
    approvals: Counter[str] = field(default_factory=Counter)
    waits_ms: list[int] = field(default_factory=list)
    overdue: int = 0
    policies: dict[str, PolicyUse] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    events_total: int = 0
    lost: int = 0
    models: Counter[tuple[str, str]] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    tools: Counter[tuple[str, str]] = field(default_factory=Counter)
    data_changes: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    proofs: dict[str, Proof] = field(default_factory=dict)
    anchored_size: int = 0
    anchored_ts: str = ""
    open_halts: dict[str, str] = field(default_factory=dict)
    open_bypasses: dict[str, str] = field(default_factory=dict)
    open_requests: dict[str, str] = field(default_factory=dict)
    open_contradictions: dict[str, tuple[str, str]] = field(default_factory=dict)
    candidate: Counter[tuple[str, str]] = field(default_factory=Counter)
    evidence: list[Provenance] = field(default_factory=list)

    def proof(self, name: str) -> Proof:
        return self.proofs.setdefault(name, Proof())
