"""Changing a key while the log goes on: prepare everything beside the writer, then one commit, then tidy up.

What may be slow (a token, a key management service, a disk) happens in the caller's thread; the writer only checks the
finished change and commits it. Steps, each durable before the next: the new key is made and noted as a candidate; the
log holds the record; the candidate becomes the key of its role. `recover` finishes what a crash cut short. A delegated
log key is never on disk, so it has no first and no last step; it is made anew at every start.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recorder import database, dsse, rotation
from recorder.errors import KeyChangeError, KeyFileError, KeyUnavailableError
from recorder.keyring import HeldKey, Prepared, Ring
from recorder.keys import KeyFolder, LocalKey, SigningKey
from recorder.keys.reference import MAX_HOURS, DelegatedReference, KeyReference, parse_reference
from recorder.layout import Layout
from recorder.rotation import DELEGATION, RECOVERY, REVOCATION, ROTATION, Change
from recorder.store import Store

log = logging.getLogger("recorder.keychange")

LEAST_DELEGATED = 100_000
"""A delegation holds at least for so many records, however quiet the log has been: one burst must not use it up."""
FILE = "file"

type OnWriter = Callable[[Callable[[Store], Any]], Any]
"""Runs work with the store on the thread that owns it, and returns or raises what the work does."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that is in the log. seq: of its record. until: last size of a delegated key."""

    kind: str
    role: str
    key_id: str
    replaced: str
    seq: int
    until: int | None = None

    def document(self) -> dict[str, Any]:
        told = {"kind": self.kind, "role": self.role, "keyid": self.key_id, "replaced": self.replaced, "seq": self.seq}
        return told | ({"until_size": self.until} if self.until is not None else {})


class KeyChanger:
    """Changes the keys of one open store; one change at a time. Its calls block: not for an event loop."""

    def __init__(self, layout: Layout, on_writer: OnWriter) -> None:
        self._layout = layout
        self._on_writer = on_writer
        self._one = threading.Lock()

    @property
    def _keys(self) -> KeyFolder:
        return self._layout.keys

    def obey(self, order: Mapping[str, Any]) -> Changed:
        """An order as `/v0/keys` takes it. Raises RecorderError, ValueError for one that is not well formed."""
        what, reason = order.get("order"), str(order.get("reason") or "")[: rotation.MAX_REASON]
        if what == "rotate" and order.get("role") in ("log", "seal"):
            return self.rotate(str(order["role"]), reason or "planned rotation", order.get("to"))
        if what == "delegate":
            return self.delegate(reason or "delegation", _hours(order.get("hours")))
        if what == "apply" and isinstance(order.get("envelope"), dict):
            return self.apply(json.dumps(order["envelope"], sort_keys=True, separators=(",", ":")).encode() + b"\n")
        raise ValueError("the order is none of rotate, delegate, apply")

    def rotate(self, role: str, reason: str, to: Any = None) -> Changed:
        """Bring in a new key, endorsed by the one it replaces. to: a reference, `file`, or None for the same store.

        Raises RecorderError, and then the old key stays in force.
        """
        if role == "log" and to is None and isinstance(self._keys.configuration.log, DelegatedReference):
            return self.delegate(reason)
        with self._one:
            ring, size, origin = self._look()
            recover(self._keys, ring)  # a candidate in force must not be taken for one that was given up
            old = ring.current(role)
            endorser = self._log_signer(old) if role == "log" else self._keys.signing_key(role, old.key_id)
            new = self._keys.add_candidate(role, role, self._destination(role, to))
            change = _change(origin, ROTATION, role, new, size, reason, old.key_id)
            done = self._commit(change, [endorser], new)
            self._keys.promote(role, new.key_id)
        return done

    def delegate(self, reason: str, hours: float | None = None) -> Changed:
        """Let the seal key delegate a new log key, which lives in this process only. Raises RecorderError."""
        with self._one:
            configured = self._keys.configuration.log
            wanted = configured if isinstance(configured, DelegatedReference) else DelegatedReference()
            wanted = wanted if hours is None else replace(wanted, hours=hours)
            prepared = self._on_writer(lambda store: _delegation_facts(store, wanted.hours))
            ready = prepare_delegation(self._keys, *prepared, reason=reason)
            done = self._write(ready)
            if configured != wanted:
                self._keys.set_reference("log", wanted)
            self._keys.delete_file("log", configured)
        return done

    def apply(self, envelope: bytes) -> Changed:
        """Take in a recovery or revocation that the root keys have signed. Raises RecorderError."""
        with self._one:
            recover(self._keys, self._look()[0])
            prepared = prepare_signed(self._keys, envelope)
            done = self._write(prepared)
            if prepared.change.kind == RECOVERY:
                self._keys.promote(prepared.change.role, prepared.change.key_id)
        return done

    def _look(self) -> tuple[Ring, int, str]:
        found: tuple[Ring, int, str] = self._on_writer(lambda store: (store.ring, store.size, store.origin))
        return found

    def _destination(self, role: str, to: Any) -> KeyReference | None:
        if to is None:
            return None
        if to == FILE:
            key = LocalKey.generate()
            return self._keys.add_file(role, key)
        return parse_reference(to, "`to`")

    def _log_signer(self, held: HeldKey) -> SigningKey:
        """The log key in force, which the store has in memory."""
        key: SigningKey = self._on_writer(lambda store: store.log_key)
        if key.key_id != held.key_id:
            raise KeyChangeError("The log key changed meanwhile; nothing was changed.", "", "Try again.")
        return key

    def _commit(self, change: Change, endorsers: list[SigningKey], new: SigningKey) -> Changed:
        envelope = dsse.sign(rotation.make_payload(change), rotation.PAYLOAD_TYPE, endorsers)
        return self._write(Prepared(change, envelope, _possession(change, new), new if change.role == "log" else None))

    def _write(self, prepared: Prepared) -> Changed:
        change = prepared.change
        seq: int = self._on_writer(lambda store: store.change_key(prepared))
        log.info("record %d: %s of the %s key, now %s", seq, change.kind, change.role, change.key_id[:16])
        return Changed(change.kind, change.role, change.key_id, change.replaces, seq, change.until_size)


def _hours(told: Any) -> float | None:
    """Raises ValueError beyond what a delegation may hold."""
    if told is None:
        return None
    hours = float(told)
    if not 0 < hours <= MAX_HOURS:
        raise ValueError(f"a delegation is for at most {MAX_HOURS} hours of traffic")
    return hours


def prepare_signed(keys: KeyFolder, envelope: bytes) -> Prepared:
    """A recovery or revocation as it came back from the root keys. Raises KeyChangeError, KeyFileError."""
    try:
        change = rotation.parse_payload(dsse.parse(envelope, rotation.PAYLOAD_TYPE).payload)
    except (dsse.DsseError, rotation.RotationError) as error:
        raise KeyChangeError("That is not a signed key change.", error.detail) from None
    if change.kind == REVOCATION:
        return Prepared(change, envelope, "")
    if change.kind != RECOVERY:
        raise KeyChangeError(f"A {change.kind} is made by the recorder itself.", "", "Use clyra keys rotate.")
    key = keys.signing_key(change.role, change.key_id)
    return Prepared(change, envelope, _possession(change, key), key if change.role == "log" else None)


def prepare_delegation(keys: KeyFolder, ring: Ring, origin: str, size: int, records: int, *, reason: str) -> Prepared:
    """A delegation of a fresh log key for `records` more records, signed by the seal key. Raises RecorderError."""
    seal = keys.signing_key("seal", ring.current("seal").key_id)
    key = LocalKey.generate()
    change = _change(
        origin, DELEGATION, "log", key, size, reason, ring.current("log").key_id, until_size=size + records
    )
    envelope = dsse.sign(rotation.make_payload(change), rotation.PAYLOAD_TYPE, [seal])
    return Prepared(change, envelope, _possession(change, key), key)


def records_in(connection: Any, size: int, hours: float, now: float) -> int:
    """How many records so many hours bring, going by the same stretch before now; bounded on both sides."""
    row = connection.execute(
        "SELECT size, made FROM anchors WHERE made >= ? ORDER BY size LIMIT 1", (int(now - hours * 3600),)
    ).fetchone()
    expected = 0
    if row is not None and now - row[1] >= 1:
        expected = int((size - row[0]) / (now - row[1]) * hours * 3600)
    return max(LEAST_DELEGATED, min(expected, rotation.MAX_DELEGATION - LEAST_DELEGATED))


def recover(keys: KeyFolder, ring: Ring) -> None:
    """Finish changes that are in the log already but were cut short: the key in force becomes the key of its role."""
    for role in ("log", "seal"):
        held = ring.current(role)
        configured = keys.configuration.of(role)
        if held.delegated:
            if not isinstance(configured, DelegatedReference):
                keys.set_reference("log", DelegatedReference())
            keys.delete_file("log", configured)
            continue
        if any(slot.startswith(role) for slot in keys.configuration.candidates):
            try:
                keys.promote(role, held.key_id)
            except (KeyFileError, KeyUnavailableError) as error:
                log.warning("a candidate for the %s key cannot be opened: %s", role, error)


def _delegation_facts(store: Store, hours: float) -> tuple[Ring, str, int, int]:
    connection = database.open_for_reading(store.layout.database)
    try:
        records = records_in(connection, store.size, hours, time.time())
    finally:
        connection.close()
    return store.ring, store.origin, store.size, records


def _change(
    origin: str,
    kind: str,
    role: str,
    key: SigningKey,
    size: int,
    reason: str,
    replaces: str,
    until_size: int | None = None,
) -> Change:
    return Change(origin, kind, role, key.key_id, key.algorithm, key.public, size, reason, replaces, until_size)


def _possession(change: Change, key: SigningKey) -> str:
    return key.sign(rotation.possession_message(change.origin, change.key_id, change.size)).hex()
