"""Threats in a log of evidence, gathered in one pass: over time, by agent, by technique, and what they form together.

Rules: everything is counted from findings that the records hold, nothing is estimated and no body is needed. A finding
is a threat when its rule has OWASP LLM or MITRE ATLAS ids. Tables are bounded (`MAX_NAMES`), so that hostile names
cannot fill memory; what does not fit is counted together. Times are the recorder's, in UTC.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from clyra_proxy.verdict.rules import is_named_by
from clyra_proxy.verdict.taxonomy import labels_of_rules
from recorder.export.entry import Entry

MAX_NAMES: Final = 5_000
OTHERS: Final = "(others)"
HOUR_US: Final = 3_600_000_000
SEQUENCE_US: Final = 600_000_000
"""Two findings of one run at most this far apart can be parts of one sequence."""

_MOST_OPEN: Final = 4_096
_MOST_REMEMBERED: Final = 32
_MOST_SEQUENCES: Final = 200
_FIRST: Final = ("injection", "tools.poisoned", "tools.changed", "detector")
_THEN: Final = ("leak", "tools.denied", "tools.chain", "tools.arguments", "output.unsafe", "bec", "loop")


@dataclass(slots=True)
class Tally:
    """How often something was seen. stopped: exchanges that were refused or changed; shadow: that went on although a
    rule in shadow mode asked for more. first, last: microseconds since the epoch."""

    exchanges: int = 0
    stopped: int = 0
    shadow: int = 0
    first: int = 0
    last: int = 0

    def add(self, threat: Threat) -> None:
        self.exchanges += 1
        self.stopped += threat.stopped
        self.shadow += threat.shadow
        self.first = min(self.first or threat.micros, threat.micros)
        self.last = max(self.last, threat.micros)


@dataclass(slots=True)
class AgentTally(Tally):
    """The same for an agent. calls: all its exchanges, harmless ones too."""

    calls: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    techniques: Counter[str] = field(default_factory=Counter)
    destinations: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class TechniqueTally(Tally):
    """The same for an id of a taxonomy. agents: who met it."""

    agents: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Threat:
    """One exchange with at least one threat."""

    micros: int
    seq: int
    agent: str
    run: str
    destination: str
    rules: tuple[str, ...]
    techniques: tuple[str, ...]
    risks: tuple[str, ...]
    stopped: bool
    shadow: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """Two threats of one run: one that got through to the agent, and one that it may have led to."""

    agent: str
    run: str
    first: Threat
    then: Threat
    rules: tuple[str, str]


@dataclass(slots=True)
class Analysis:
    """See the module. hours: start of the hour (microseconds) -> rule -> exchanges."""

    records: int = 0
    exchanges: int = 0
    threats: Tally = field(default_factory=Tally)
    hours: dict[int, Counter[str]] = field(default_factory=dict)
    agents: dict[str, AgentTally] = field(default_factory=dict)
    techniques: dict[str, TechniqueTally] = field(default_factory=dict)
    risks: dict[str, TechniqueTally] = field(default_factory=dict)
    rules: dict[str, Tally] = field(default_factory=dict)
    destinations: dict[str, Tally] = field(default_factory=dict)
    sequences: list[Sequence] = field(default_factory=list)
    sequences_total: int = 0
    _open: OrderedDict[tuple[str, str], deque[Threat]] = field(default_factory=OrderedDict)

    def add(self, entry: Entry) -> None:
        """Count one record."""
        self.records += 1
        if not (entry.is_exchange and entry.ends):
            return
        self.exchanges += 1
        agent = _bounded(self.agents, str(entry.part("agent").get("uid", "")) or "unknown")
        tally = self.agents.setdefault(agent, AgentTally())
        tally.calls += 1
        threat = _threat(entry, agent)
        if threat is not None:
            self._count(threat, tally)
            self._connect(threat)

    def _count(self, threat: Threat, agent: AgentTally) -> None:
        self.threats.add(threat)
        agent.add(threat)
        agent.rules.update(threat.rules)
        agent.techniques.update(threat.techniques)
        agent.destinations[_bounded(agent.destinations, threat.destination)] += 1
        destination = _bounded(self.destinations, threat.destination)
        self.destinations.setdefault(destination, Tally()).add(threat)
        self.hours.setdefault(threat.micros // HOUR_US * HOUR_US, Counter()).update(threat.rules)
        for rule in threat.rules:
            self.rules.setdefault(_bounded(self.rules, rule), Tally()).add(threat)
        for table, labels in ((self.techniques, threat.techniques), (self.risks, threat.risks)):
            for label in labels:
                row = table.setdefault(_bounded(table, label), TechniqueTally())
                row.add(threat)
                row.agents[threat.agent] += 1
                row.rules.update(threat.rules)

    def _connect(self, threat: Threat) -> None:
        """Look for an earlier threat of the same run that this one may follow from."""
        key = (threat.agent, threat.run)
        earlier = self._open.setdefault(key, deque(maxlen=_MOST_REMEMBERED))
        self._open.move_to_end(key)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        then = _one_of(threat.rules, _THEN)
        for past in earlier:
            first = "" if past.stopped else _one_of(past.rules, _FIRST)
            if then and first and 0 <= threat.micros - past.micros <= SEQUENCE_US:
                self.sequences_total += 1
                if len(self.sequences) < _MOST_SEQUENCES:
                    self.sequences.append(Sequence(threat.agent, threat.run, past, threat, (first, then)))
                break
        earlier.append(threat)


def bursts(analysis: Analysis, factor: float = 5.0, least: int = 5) -> Iterator[tuple[int, int, float]]:
    """Hours with at least `least` threats and `factor` times the median of the hours that had any:
    (start in microseconds, threats, median)."""
    counts = {start: sum(rules.values()) for start, rules in analysis.hours.items()}
    if len(counts) < 3:
        return
    median = float(sorted(counts.values())[len(counts) // 2])
    for start, count in sorted(counts.items()):
        if count >= least and count >= factor * median:
            yield start, count, median


def _threat(entry: Entry, agent: str) -> Threat | None:
    data = entry.record["data"]
    known = labels_of_rules()
    found = [one for one in data.get("findings", ()) if str(one.get("rule", "")) in known]
    if not found:
        return None
    rules = tuple(dict.fromkeys(str(one["rule"]) for one in found))
    verdict: dict[str, Any] = entry.record.get("verdict") or {}
    changed = verdict.get("decision") in ("deny", "modify", "require_approval")
    by_threat = any(one.get("mode") == "enforce" and one.get("action") not in ("allow", "mark") for one in found)
    return Threat(
        micros=entry.micros,
        seq=int(entry.record["seq"]),
        agent=agent,
        run=str(entry.part("agent").get("instance_uid", "")),
        destination=entry.place.host or "unknown",
        rules=rules,
        techniques=tuple(dict.fromkeys(label for rule in rules for label in known[rule].atlas)),
        risks=tuple(dict.fromkeys(label for rule in rules for label in known[rule].owasp_llm)),
        stopped=changed and by_threat,
        shadow=any(one.get("mode") == "shadow" and one.get("action") != "allow" for one in found) and not by_threat,
    )


def _bounded(table: dict[str, Any] | Counter[str], name: str) -> str:
    return name if name in table or len(table) < MAX_NAMES else OTHERS


def _one_of(rules: tuple[str, ...], names: tuple[str, ...]) -> str:
    return next((rule for rule in rules for name in names if is_named_by(rule, name)), "")
