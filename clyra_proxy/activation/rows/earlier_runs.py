"""What runs looked like, field by field, kept so that later runs can be compared with them.

Rules: each worker writes down what it saw of a run under its own key, so that none overwrites another's; a run that was
found bad while limits were enforced is not learned from. A run is written down after its first `SMALLEST` rows, each
time it has doubled, and every `UNWRITTEN` rows or twentieth of it later: small runs are learned from too, and a worker
that dies loses no more than that: this is statistics, not a count. Runs are remembered for `KEPT_S`.
"""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson

from clyra_proxy.activation.rows.sketches import FieldSketch
from clyra_proxy.state.store import LONGEST_VALUE, StateStore

SMALLEST, UNWRITTEN = 20, 200
_PART = 20
KEPT_S = 31 * 86_400
FIELDS = 64
_RUNS = 256  # in memory
_FRESH_S = 60.0
_MOST_ENTRIES = 512

type Fields = dict[str, FieldSketch]


@dataclass(slots=True)
class RunProfile:
    """What this worker saw of one run. others: what other workers wrote of it; earlier: what earlier runs looked like.

    seen, written: rows. bad: something was found and enforced. shifted: fields that were found far off, last time.
    """

    name: str
    started: float
    fields: Fields = field(default_factory=dict)
    others: Fields = field(default_factory=dict)
    earlier: Fields = field(default_factory=dict)
    seen: int = 0
    batches: int = 0
    written: int = 0
    read_at: float = float("-inf")
    bad: bool = False
    shifted: dict[str, float] = field(default_factory=dict)

    @property
    def due(self) -> bool:
        """Whether so much was seen since it was written down that it should be again."""
        fresh = self.seen - self.written
        return fresh >= SMALLEST and fresh >= min(self.written, max(UNWRITTEN, self.written // _PART))

    def sketch(self, name: str) -> FieldSketch | None:
        """The sketch to add to; None past `FIELDS` fields."""
        found = self.fields.get(name)
        if found is None and len(self.fields) < FIELDS:
            found = self.fields[name] = FieldSketch()
        return found

    def counts(self, name: str) -> tuple[int, int]:
        """Rows with a field, and how many of them had nothing in it, over all workers."""
        found = [fields[name] for fields in (self.fields, self.others) if name in fields]
        return sum(one.rows for one in found), sum(one.empties for one in found)

    def whole(self, name: str) -> FieldSketch:
        """One field over all workers."""
        total = FieldSketch()
        for fields in (self.fields, self.others):
            if name in fields:
                total.merge(fields[name])
        return total


class EarlierRuns:
    """Reads and writes profiles of runs. runs: how many earlier ones count."""

    def __init__(self, state: StateStore, runs: int) -> None:
        self._state = state
        self._most = runs
        self._profiles: OrderedDict[tuple[str, str], RunProfile] = OrderedDict()
        self._worker = secrets.token_hex(6)
        self._pid = os.getpid()

    def at_hand(self, sync: str, run: str, now: float) -> bool:
        """Whether `profile` needs to read nothing."""
        found = self._profiles.get((sync, run))
        return found is not None and self._pid == os.getpid() and 0 <= now - found.read_at < _FRESH_S

    def profile(self, sync: str, run: str, now: float) -> RunProfile:
        """The profile of a run, with what is known besides, at most a minute old. Raises StateError."""
        if self._pid != os.getpid():
            self._profiles, self._worker, self._pid = OrderedDict(), secrets.token_hex(6), os.getpid()
        found = self._profiles.get((sync, run))
        if found is None:
            found = self._profiles[sync, run] = RunProfile(run, now)
            if len(self._profiles) > _RUNS:
                self._profiles.popitem(last=False)
        self._profiles.move_to_end((sync, run))
        if not 0 <= now - found.read_at < _FRESH_S:
            self._read(sync, found, now)
            found.read_at = now
        return found

    def write(self, sync: str, profile: RunProfile, now: float) -> None:
        """Write down what this worker saw of a run. Raises StateError."""
        fields = {name: sketch.as_json() for name, sketch in profile.fields.items()}
        record = {"started": profile.started, "bad": profile.bad, "fields": fields}
        text = orjson.dumps(record).decode("utf-8", "replace")
        if len(text) <= LONGEST_VALUE:
            self._state.put(f"profile/{sync}/{profile.name}/{self._worker}", text, now, KEPT_S)
        profile.written = profile.seen

    def _read(self, sync: str, profile: RunProfile, now: float) -> None:
        runs: dict[str, tuple[float, bool, list[Fields]]] = {}
        profile.others = {}
        for key, text in self._state.entries(f"profile/{sync}/", now, _MOST_ENTRIES):
            _, _, run, worker = key.split("/", 3)
            started, bad, fields = _parse(text)
            if run != profile.name:
                before = runs.get(run, (started, False, []))
                runs[run] = (min(before[0], started), before[1] or bad, [*before[2], fields])
            elif worker != self._worker:
                _merge(profile.others, fields)
        profile.earlier = {}
        good = sorted((one for one in runs.values() if not one[1]), key=lambda one: one[0])
        for _, _, parts in good[-self._most :]:
            for part in parts:
                _merge(profile.earlier, part)


def _parse(text: str) -> tuple[float, bool, Fields]:
    try:
        record: dict[str, Any] = orjson.loads(text)
        fields = {name: FieldSketch.from_json(value) for name, value in record["fields"].items()}
        return float(record["started"]), bool(record["bad"]), fields
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0.0, True, {}


def _merge(into: Fields, fields: Fields) -> None:
    for name, sketch in fields.items():
        into.setdefault(name, FieldSketch()).merge(sketch)
