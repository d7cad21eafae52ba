"""Opening the log with the keys that are in force in it, whatever state a crash or a lost key left them in.

A file key is found by its id among the role's key and its candidates. A delegated log key died with the process that
held it, so a run begins with a new delegation; its first record is that change. A log whose key is lost begins with the
recovery that the root keys have signed. The seal key is asked for only when one of these needs it: a key management
service that is away does not stop a recorder whose log key is a file.
"""

from __future__ import annotations

import time

from recorder import database, keychange, keyring
from recorder.keychange import KeyChanger
from recorder.keyring import Prepared, Ring
from recorder.keys import SigningKey
from recorder.keys.reference import DelegatedReference
from recorder.layout import Layout
from recorder.store import Store


def open_store(layout: Layout, origin: str = "", recovery: bytes | None = None) -> Store:
    """The store, ready to commit. recovery: a signed recovery of a log key to begin with. Raises RecorderError."""
    ring, size = _look(layout)
    keys = layout.keys
    if not ring.keys:
        store = Store(layout, keys.signing_key("log"), keys.signing_key("seal"), origin)
    else:
        key, first = _log_key(layout, ring, size, recovery)
        store = Store(layout, key, None, origin, first=first)
    try:
        keychange.recover(keys, store.ring)
        if isinstance(keys.configuration.log, DelegatedReference) and not store.ring.current("log").delegated:
            direct_changer(layout, store).delegate("first delegation of a new log")
    except BaseException:
        store.shut()
        raise
    return store


def direct_changer(layout: Layout, store: Store) -> KeyChanger:
    """For a store that this thread owns alone."""
    return KeyChanger(layout, lambda work: work(store))


def _look(layout: Layout) -> tuple[Ring, int]:
    """Keys and size of the log before it is opened; brings an older file up to date on the way."""
    lock = database.ExclusiveLock(layout.lock)
    try:
        connection = database.open_for_writing(layout.database)
        state = database.read_state(connection)
        ring = keyring.load(connection)
        connection.close()
    finally:
        lock.release()
    return ring, state.size if state else 0


def _log_key(layout: Layout, ring: Ring, size: int, recovery: bytes | None) -> tuple[SigningKey, Prepared | None]:
    keys, held = layout.keys, ring.current("log")
    if recovery is not None:
        prepared = keychange.prepare_signed(keys, recovery)
        if prepared.key is not None:
            return prepared.key, prepared
    if not held.delegated:
        return keys.signing_key("log", held.key_id), None
    configured = keys.configuration.log
    hours = configured.hours if isinstance(configured, DelegatedReference) else DelegatedReference().hours
    connection = database.open_for_reading(layout.database)
    try:
        state = database.read_state(connection)
        records = keychange.records_in(connection, size, hours, time.time())
    finally:
        connection.close()
    name = state.origin if state else ""
    ready = keychange.prepare_delegation(keys, ring, name, size, records, reason="start of the recorder")
    assert ready.key is not None  # noqa: S101 - a delegation always brings a key
    return ready.key, ready
