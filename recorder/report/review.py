"""What one day's records say, gathered in one pass: totals, refusals, gaps, approvals, halts, changes of policy.

Everything is counted, nothing is estimated. Tables of names are bounded: beyond `MAX_NAMES` different ones the rest is
counted together, so that hostile names cannot fill memory. Days are days of UTC, the recorder's own clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from recorder.attest.outcome import Proof
from recorder.attest.test import EXCHANGES, is_write, result_of
from recorder.export.entry import Entry
from recorder.reading import Provenance

MAX_NAMES: Final = 10_000
OTHERS: Final = "(others)"
MAX_EVENTS: Final = 200
NOTABLE: Final = {
    "sys.gap": "gap",
    "sys.clock": "clock",
    "sys.key": "key",
    "sys.config": "start",
    "sys.close": "close",
    "sys.erasure": "erasure",
    "pef.halt": "halt",
    "pef.bypass": "bypass",
    "pef.contradiction": "contradiction",
    "pef.promotion": "promotion",
}
_APPROVALS: Final = {
    "pef.approval.request": "requested",
    "pef.approval.grant": "granted",
    "pef.approval.deny": "denied",
    "pef.approval.expire": "expired",
    "pef.approval.consume": "used",
}


@dataclass(slots=True)
class Traffic:
    """What went to one destination, or came from one agent."""

    calls: int = 0
    denied: int = 0
    withheld: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is told one by one. kind: of `NOTABLE`."""

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


def gather(review: Review, entries: Iterable[Entry], provenance: Provenance) -> Review:
    """Count the entries of the review's day. What is open (halts, requests, ...) is followed through all of them."""
    review.evidence.append(provenance)
    for entry in entries:
        _follow_open(review, entry)
        if review.day and not entry.record["ts"].startswith(review.day):
            continue
        review.records += 1
        review.first_ts = review.first_ts or entry.record["ts"]
        review.last_ts = max(review.last_ts, entry.record["ts"])
        review.first_seq = entry.item.seq if review.first_seq < 0 else review.first_seq
        review.last_seq = entry.item.seq
        _count(review, entry)
    return review


def _count(review: Review, entry: Entry) -> None:
    typ, data = entry.record["typ"], entry.record["data"]
    if typ in EXCHANGES and entry.ends:
        _exchange(review, entry)
    elif typ in _APPROVALS:
        _approval(review, typ, data)
    elif typ == "pef.shadow_diff" and data["kind"] == "policy":
        _candidate(review, entry.item.seq, data)
    elif typ == "sys.anchor":
        review.anchored_size = max(review.anchored_size, data.get("size", 0))
        review.anchored_ts = entry.record["ts"]
    if typ in NOTABLE and data.get("change") != "review":  # of reviews there may be hundreds a day
        review.events_total += 1
        if typ == "sys.gap":
            review.lost += data["count"]
        if len(review.events) < MAX_EVENTS:
            review.events.append(Event(entry.item.seq, entry.record["ts"], NOTABLE[typ], _told(typ, data)))


def _approval(review: Review, typ: str, data: dict[str, Any]) -> None:
    """One step of an approval. A request that was told again is no second request."""
    again = typ == "pef.approval.request" and data.get("escalation", 0) > 0
    review.approvals["escalated" if again else _APPROVALS[typ]] += 1
    if typ in ("pef.approval.grant", "pef.approval.deny") and "waited_ms" in data and len(review.waits_ms) < MAX_NAMES:
        review.waits_ms.append(data["waited_ms"])
    if typ == "pef.approval.expire" and data["reason"] == "expired":
        review.overdue += 1


def _candidate(review: Review, seq: int, data: dict[str, Any]) -> None:
    """What a candidate policy made of an exchange, where that is something else than what was done."""
    live, candidate = data["live"], data["shadow"]
    if not data["same"]:
        what = f"{live.get('action', '')}, would {candidate.get('action', '')}"
        _bounded(review.candidate, (str(candidate.get("rule") or live.get("rule", "")), what))
        review.proof("candidate").add(seq)


def _exchange(review: Review, entry: Entry) -> None:
    result, verdict = result_of(entry), entry.record.get("verdict") or {}
    review.totals["exchanges"] += 1
    review.totals[result] += 1
    if is_write(entry):
        review.totals["writes"] += 1
    agent = entry.part("agent")
    traffic = [_traffic(review.destinations, entry.place.host or "(unknown)")]
    traffic.append(_traffic(review.agents, str(agent.get("uid", "(unknown)"))))
    denied = result == "refused" or verdict.get("decision") == "deny"
    withheld = entry.withheld and result in ("completed", "failed")
    for one in traffic:
        one.calls += 1
        one.denied += denied
        one.withheld += withheld
        one.failed += result in ("failed", "unknown")
    if denied:
        review.refusals[str(verdict.get("reason", "none")), str(verdict.get("rule", ""))] += 1
        review.proof("denied").add(entry.item.seq)
    _doubts(review, entry, result, withheld=withheld)
    _policy(review, entry, verdict)
    _genai(review, entry)
    _data_change(review, entry)


def _doubts(review: Review, entry: Entry, result: str, *, withheld: bool) -> None:
    """What a reviewer may want to open."""
    findings = entry.record["data"].get("findings", ())
    if withheld:
        review.totals["withheld"] += 1
        review.proof("withheld").add(entry.item.seq)
        for rule in {finding["rule"] for finding in findings if finding["mode"] == "shadow"}:
            review.shadow[rule] += 1
    if result == "unknown":
        review.proof("unknown").add(entry.item.seq)
    if result in ("completed", "failed"):
        if any(finding.get("error") for finding in findings):
            review.proof("error_passed").add(entry.item.seq)
        if entry.part("agent").get("auth") == "none":
            review.proof("anonymous").add(entry.item.seq)
    if result == "failed":
        review.proof("failed").add(entry.item.seq)


def _policy(review: Review, entry: Entry, verdict: dict[str, Any]) -> None:
    digest = verdict.get("policy_sha256")
    if digest is None:
        return
    use = review.policies.get(digest)
    if use is None:
        if len(review.policies) >= MAX_NAMES:
            return
        use = review.policies[digest] = PolicyUse(digest, entry.item.seq, entry.record["ts"])
    use.decisions += 1
    use.modes[verdict["mode"]] += 1


def _genai(review: Review, entry: Entry) -> None:
    data, before = entry.record["data"], (entry.subject or {}).get("data", {})
    result = result_of(entry)
    if entry.record["typ"] == "pef.llm_call":
        called = {**before.get("llm", {}), **data.get("llm", {})}
        name = called.get("model_served") or called.get("model") or entry.part("claim").get("model") or "(unnamed)"
        _bounded(review.models, (str(name), result))
        for kind in ("input", "output"):
            review.tokens[kind] += called.get("usage", {}).get(kind, 0)
    elif entry.record["typ"] == "pef.tool_call":
        tool = {**before.get("tool", {}), **data.get("tool", {})}
        _bounded(review.tools, (str(tool.get("name") or entry.part("act").get("tool") or "(unnamed)"), result))


def _data_change(review: Review, entry: Entry) -> None:
    data, before = entry.record["data"], (entry.subject or {}).get("data", {})
    rows, sql = {**before.get("rows", {}), **data.get("rows", {})}, {**before.get("sql", {}), **data.get("sql", {})}
    if not rows and not sql:
        return
    place = str(rows.get("destination") or entry.place.host or "(unknown)")
    what = str(rows.get("object") or ", ".join(map(str, sql.get("tables", ()))) or "(unnamed)")
    if (place, what) not in review.data_changes and len(review.data_changes) >= MAX_NAMES:
        place, what = OTHERS, OTHERS
    counts = review.data_changes.setdefault((place, what), Counter())
    counts["batches"] += 1
    counts[str(rows.get("operation") or sql.get("kind", "other"))] += 1
    for name in ("offered", "forwarded", "rejected", "quarantined", "deletes"):
        counts[name] += rows.get(name, 0)


def _follow_open(review: Review, entry: Entry) -> None:
    """What begins and must end: followed from the first record on, whatever day it is."""
    typ, data = entry.record["typ"], entry.record["data"]
    if typ == "pef.halt":
        _open_or_close(review.open_halts, data["halt"], data["scope"], data["change"] in ("resume", "override"))
    elif typ == "pef.bypass":
        _open_or_close(review.open_bypasses, data["bypass"], data["until"], data["change"] in ("end", "expired"))
    elif typ == "pef.contradiction":
        name = data.get("contradiction") or f"{data['policy_sha256'][:16]} {'/'.join(data['rules'])}"
        told = (data["severity"], _contradiction(data))
        _open_or_close(review.open_contradictions, name, told, data["state"] != "open")
    elif typ in _APPROVALS:
        done = typ != "pef.approval.request"
        name = entry.record["appr"]["id"]
        _open_or_close(review.open_requests, name, data.get("deadline", ""), done)


def _open_or_close[Value](store: dict[str, Value], name: str, value: Value, closed: bool) -> None:
    if closed:
        store.pop(name, None)
    elif len(store) < MAX_NAMES:
        store[name] = value


def _traffic(store: dict[str, Traffic], name: str) -> Traffic:
    chosen = name if name in store or len(store) < MAX_NAMES else OTHERS
    return store.setdefault(chosen, Traffic())


def _bounded(store: Counter[tuple[str, str]], name: tuple[str, str]) -> None:
    store[name if name in store or len(store) < MAX_NAMES else (OTHERS, name[1])] += 1


def _contradiction(data: dict[str, Any]) -> str:
    """Which places of the policy contradict, and how."""
    return ": ".join(filter(None, (", ".join(data["rules"]), data.get("reason", ""))))


def _promotion(data: dict[str, Any]) -> str:
    """What a person put into force."""
    forced = ", FORCED" if data["forced"] else ""
    what = ", ".join(data.get("rules", ())) or data["what"]
    return f"{what} into force{forced}: {data.get('reason') or 'no reason given'} ({data['actor']})"


def _told(typ: str, data: dict[str, Any]) -> str:
    """One event in a few words; metadata only."""
    if typ == "sys.gap":
        return f"{data['count']} events of {data['source']} are missing ({data['cause']})"
    if typ == "sys.clock":
        return f"clock set from {data['old'][:19]}Z to {data['new'][:19]}Z ({data['cause']})"
    if typ == "sys.key":
        return f"{data['role']} key {data['keyid'][:16]} {data['state']}"
    if typ == "sys.config":
        return f"recorder {data['version']}: {data['cause']}"
    if typ == "sys.erasure":
        return f"subject key {data['subject_key']} destroyed: {data['basis']}"
    if typ == "pef.halt":
        where = f"{data['scope']} {data.get('target', '')}".strip()
        return f"{data['change']} {where}: {data.get('reason') or data['cause']} ({data.get('actor', data['channel'])})"
    if typ == "pef.bypass":
        what = f"{data['change']} of {', '.join(data['checks'])} until {data['until'][:16]}Z"
        return f"{what}: {data['reason']} ({data.get('actor', 'nobody')})"
    if typ == "pef.contradiction":
        return f"{data['kind']} {data['state']}: {_contradiction(data)}"
    if typ == "pef.promotion":
        return _promotion(data)
    return str(data.get("cause", ""))
