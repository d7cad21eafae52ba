"""How much of a table one run may touch, counted by different record keys.

Guarantees: while a run has sent no more rows than it may touch records, nothing is estimated and nothing is refused;
past that, different keys are estimated (2.3 % standard error) over all workers, so that a run may send its records
again. What a worker saw since it last wrote it down is less than `UNWRITTEN` rows and a fiftieth of the limit, and
nothing once a run comes near its limit. Rows without a key count as different ones.
"""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import keys_of
from clyra_proxy.activation.rows.distinct import Distinct
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.state.store import StateStore

UNWRITTEN = 500
_SLACK = 50  # parts of the limit; more than one of them is not left unwritten
_RUNS = 512  # remembered in memory
_NEAR = 0.8  # of the limit: from here on every request is written down


@dataclass(slots=True)
class _Run:
    """What this worker saw of a run. keyless: rows without a key."""

    seen: Distinct = field(default_factory=Distinct)
    keyless: int = 0
    unwritten: int = 0


class Shares:
    """Counts different records of runs. run_s: how long a run lasts at most."""

    def __init__(self, state: StateStore, secret: bytes, run_s: int) -> None:
        self._state = state
        self._seed = int.from_bytes(blake2b(secret, digest_size=8).digest())
        self._run_s = run_s
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._worker = secrets.token_hex(6)
        self._pid = os.getpid()

    def judge(self, group: Group, sent: int, share: float, table_rows: int, rule: str) -> RowSignal | None:
        """Count the keys of a group, and object when the run touches too much. Raises StateError.

        sent: rows of the run so far, these included.
        """
        now, allowed = group.inspection.now, int(share * table_rows)
        run = self._run(group.run)
        keys = keys_of(group.rows)
        keys = keys if all(keys) else [key for key in keys if key]
        run.seen.add(keys, self._seed)
        run.keyless += len(group.rows) - len(keys)
        run.unwritten += len(group.rows)
        if run.unwritten >= min(UNWRITTEN, allowed // _SLACK) or sent > allowed * _NEAR:
            self._write(group.run, run, now)
        if sent <= allowed or (touched := self._touched(group.run, run, now)) <= allowed:
            return None
        detail: dict[str, str | int] = {"limit": allowed, "observed": touched, "table_rows": table_rows, "by": rule}
        return RowSignal("rows.share", detail=detail)

    def _touched(self, name: str, run: _Run, now: float) -> int:
        seen, keyless = Distinct(), run.keyless
        seen.merge(run.seen)
        own = self._key(name)
        for key, text in self._state.entries(f"touched/{name}/", now, 256):
            if key != own:
                count, _, ranks = text.partition(" ")
                seen.merge(Distinct.read(ranks))
                keyless += int(count)
        return seen.estimate() + keyless

    def _write(self, name: str, run: _Run, now: float) -> None:
        self._state.put(self._key(name), f"{run.keyless} {run.seen.text}", now, self._run_s)
        run.unwritten = 0

    def _key(self, name: str) -> str:
        return f"touched/{name}/{self._worker}"

    def _run(self, name: str) -> _Run:
        if self._pid != os.getpid():  # a forked worker counts for itself
            self._runs, self._worker, self._pid = OrderedDict(), secrets.token_hex(6), os.getpid()
        run = self._runs.get(name)
        if run is None:
            run = self._runs[name] = _Run()
            if len(self._runs) > _RUNS:
                self._runs.popitem(last=False)
        self._runs.move_to_end(name)
        return run
