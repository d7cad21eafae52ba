"""Counts the records of one day into a review, in one pass.

Everything is counted, nothing is estimated. Tables of names are bounded: beyond `MAX_NAMES` different ones the rest is
counted together, so that hostile names cannot fill memory. Days are days of UTC, the recorder's own clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from recorder.attest.test import EXCHANGES, is_write, result_of
from recorder.export.entry import Entry
from recorder.reading import Provenance
from recorder.report.review import Event, PolicyUse, Review, Traffic
from recorder.report.telling import KINDS, contradiction_in_words, in_words

MAX_NAMES: Final = 10_000
OTHERS: Final = "(others)"
MAX_EVENTS: Final = 200
_APPROVALS: Final = {
    "pef.approval.request": "requested",
    "pef.approval.grant": "granted",
    "pef.approval.deny": "denied",
    "pef.approval.expire": "expired",
    "pef.approval.consume": "used",
}


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
    if typ in KINDS and data.get("change") != "review":  # of reviews there may be hundreds a day
        review.events_total += 1
        if typ == "sys.gap":
            review.lost += data["count"]
        if len(review.events) < MAX_EVENTS:
            review.events.append(Event(entry.item.seq, entry.record["ts"], KINDS[typ], in_words(typ, data)))


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
        told = (data["severity"], contradiction_in_words(data))
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
