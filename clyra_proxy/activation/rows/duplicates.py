"""Idempotency: the same write again is answered with what became of it the first time, and is not done again.

Rules: a write is the same when caller, run, destination, endpoint and key agree; the key is the sender's, or the RFC
8785 hash of the payload. Only what succeeded (2xx) is remembered: after a failure the sender must be able to try again.
While the first is under way the second is told to come again in a moment (429): a 409 would make some senders write
by another way. A sender's key with another payload is refused. Writes without rows (statements, jobs) repeat by nature
and are left alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from clyra_proxy.activation.inspection import RowInspection, RowSignal
from clyra_proxy.activation.rows.canonical import payload_hash
from clyra_proxy.activation.rows.outcomes import Outcome, OutcomeVault
from clyra_proxy.activation.rows.scopes import run_of
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.policy.row_primitives import Idempotency
from clyra_proxy.state.store import StateStore

UNDER_WAY_S = 120
"""How long a write may be under way before its place is free again (its worker may have died)."""

COME_AGAIN_S = 1.0
_HELD = 8192


class Claim(NamedTuple):
    """What a write is known by. key: its place in the store. payload: hash of what is written."""

    key: str
    payload: str


class Duplicates:
    """The idempotency of one rule."""

    def __init__(self, settings: Idempotency, rule: str, state: StateStore, secret: bytes) -> None:
        self._settings = settings
        self._rule = rule
        self._state = state
        self._salt = Salt(secret)
        self._vault = OutcomeVault(secret, settings.largest_answer)
        self._held: OrderedDict[str, Claim] = OrderedDict()  # exchange -> its own write

    def claim(self, inspection: RowInspection) -> Claim | None:
        """What a write is known by; None for what may be repeated."""
        sent = inspection.batch.idempotency_key
        if not self._settings.enabled or not inspection.batch.rows or not (sent or self._settings.derive):
            return None
        payload = self._salt.of(payload_hash(inspection.body)) if inspection.body else self._hash_rows(inspection)
        return Claim(self._key(inspection, sent or payload), payload)

    def judge(self, inspection: RowInspection, claim: Claim) -> Iterator[RowSignal]:
        """Claim a write, or say that it was claimed before. Raises StateError."""
        key, payload = claim
        mark = self._vault.pending(inspection.exchange, payload)
        lifetime = min(self._settings.window_s, UNDER_WAY_S)
        standing = self._state.put_new(key, mark, inspection.now, lifetime)
        first = None if standing == mark else self._vault.read(key, standing)
        if first is not None:
            yield self._signal(first, payload)
            return
        if standing != mark:
            self._state.put(key, mark, inspection.now, lifetime)
        self._hold(inspection.exchange, claim)

    def settle(self, inspection: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None:
        """Keep what became of a write, or forget it when it may be tried again. Raises StateError."""
        held = self._held.pop(inspection.exchange, None)
        if held is None:
            return
        key, payload = held
        if forwarded and 200 <= status < 300:
            record = self._vault.finished(key, inspection.exchange, payload, status, body)
            self._state.put(key, record, inspection.now, self._settings.window_s)
        else:
            self._state.delete(key)

    def _signal(self, first: Outcome, payload: str) -> RowSignal:
        detail: dict[str, str | int] = {"first": first.exchange, "by": self._rule}
        if first.payload != payload:
            return RowSignal("rows.duplicate", detail={**detail, "kind": "key_reused"})
        if first.pending:
            return RowSignal("rows.duplicate", detail={**detail, "kind": "under_way"}, retry_after=COME_AGAIN_S)
        told = {**detail, "kind": "done", "status": first.status, "answer_sha256": first.digest}
        return RowSignal("rows.duplicate", detail=told, answer=first.answer)

    def _key(self, inspection: RowInspection, key: str) -> str:
        caller, batch = inspection.caller, inspection.batch
        who = (caller.tenant, caller.proven, run_of(inspection))
        return f"outcome/{self._salt.of('write', *who, inspection.destination, inspection.endpoint, batch.target, key)}"

    def _hash_rows(self, inspection: RowInspection) -> str:
        """Where the body is not at hand."""
        rows = inspection.batch.rows
        texts = (repr((row.operation, row.key, sorted(row.values.items(), key=_name))) for row in rows)
        return self._salt.of(*texts)

    def _hold(self, exchange: str, claim: Claim) -> None:
        self._held[exchange] = claim
        if len(self._held) > _HELD:
            self._held.popitem(last=False)


def _name(item: tuple[str, object]) -> str:
    return item[0]
