"""A whole bundle judged again: one line an exchange, in order, and a digest over all lines.

Deterministic: the same bundle, policy and version give the same bytes. Memory does not grow with the bundle.
"""

from __future__ import annotations

import base64
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import orjson

from clyra_proxy.replay.comparing import differences
from clyra_proxy.replay.judging import Replayer
from clyra_proxy.replay.reasons import Code, NotReplayable, Unreplayable
from clyra_proxy.replay.recorded import recorded_of
from recorder.attest.test import EXCHANGES
from recorder.export.entry import MAX_OPEN, Entry, entries
from recorder.reading import BundleEvidence, Progress

MAX_DISCLOSURE: Final = 32 << 20


@dataclass(slots=True)
class Totals:
    """What a replay found. digest: over every line, so that two replays can be compared by it."""

    exchanges: int = 0
    same: int = 0
    different: int = 0
    on_findings: int = 0
    why: Counter[str] = field(default_factory=Counter)
    _digest: Any = field(default_factory=sha256)

    @property
    def not_replayable(self) -> int:
        return sum(self.why.values())

    def add(self, line: dict[str, Any]) -> None:
        self.exchanges += 1
        self.same += line["outcome"] == "same"
        self.different += line["outcome"] == "different"
        self.on_findings += line.get("on_findings", False)
        if "why" in line:
            self.why[line["why"]] += 1
        self._digest.update(orjson.dumps(line, option=orjson.OPT_SORT_KEYS) + b"\n")

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"exchanges": self.exchanges, "same": self.same, "different": self.different}
        found["on_findings"] = self.on_findings
        found["not_replayable"] = dict(sorted(self.why.items()))
        found["result_sha256"] = self._digest.hexdigest()
        return found

    def codes(self) -> list[dict[str, Any]]:
        """What has to be said of the whole: empty when every exchange is decided as it was."""
        said = {Code.R_DIFFERENCE: self.different, Code.R_NOT_REPLAYABLE: self.not_replayable}
        return [{"code": code.value, "count": count} for code, count in said.items() if count]


def replay(
    bundle: BundleEvidence, replayer: Replayer, totals: Totals, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """One line an exchange: `same`, `different` with the differences, or `not_replayable` with the reason."""
    waiting: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()
    for entry in entries(bundle.items(progress)):
        if entry.record["typ"] not in EXCHANGES:
            continue
        exchange = str(entry.record["data"]["exchange"])
        key = (str(entry.record["typ"]), exchange)
        if entry.phase == "intent":
            waiting[key] = (entry.item.seq, exchange)
            if len(waiting) > MAX_OPEN:
                seq, oldest = waiting.popitem(last=False)[1]
                yield _kept(totals, _unfinished(seq, oldest))
            continue
        waiting.pop(key, None)
        yield _kept(totals, _judged(entry, bundle, replayer))
    for seq, exchange in waiting.values():
        yield _kept(totals, _unfinished(seq, exchange))


def _kept(totals: Totals, line: dict[str, Any]) -> dict[str, Any]:
    totals.add(line)
    return line


def _unfinished(seq: int, exchange: str) -> dict[str, Any]:
    why = NotReplayable.NO_OUTCOME.value
    return {"seq": seq, "exchange": exchange, "outcome": "not_replayable", "why": why}


def _judged(entry: Entry, bundle: BundleEvidence, replayer: Replayer) -> dict[str, Any]:
    line: dict[str, Any] = {"seq": entry.item.seq, "exchange": str(entry.record["data"]["exchange"])}
    recorded = recorded_of(entry, _disclosed(entry, bundle))
    if recorded is None:
        return line | {"outcome": "not_replayable", "why": NotReplayable.NO_OUTCOME.value}
    try:
        replayed = replayer.judge(recorded)
    except Unreplayable as reason:
        return line | {"outcome": "not_replayable", "why": reason.why.value}
    found = differences(recorded, replayed)
    line |= {"outcome": "different", "differences": found} if found else {"outcome": "same"}
    return line | ({"on_findings": True} if replayed.on_findings else {})


def _disclosed(entry: Entry, bundle: BundleEvidence) -> Mapping[str, bytes]:
    """Bodies and target that were disclosed for this record or its intent. The verifier has checked them."""
    numbers = {entry.item.seq, (entry.subject or entry.record)["seq"]}
    found: dict[str, bytes] = {}
    for number in sorted(numbers):
        raw = bundle.member(f"disclosures/{number}.jsonl", MAX_DISCLOSURE)
        for text in raw.splitlines() if raw is not None else ():
            line = orjson.loads(text)
            if line["kind"] == "body":
                found[line["field"]] = base64.b64decode(line["value"])
    return found
