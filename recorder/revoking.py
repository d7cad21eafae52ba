"""What only the root keys may do to a log's keys: take one out of force that can no longer be believed or used.

The draft is made where the log is and signed elsewhere. A key in force needs a successor in the same breath, or the log
could not go on: that is a recovery, and its new key is made now and waits. Any other key is revoked.
"""

from __future__ import annotations

from recorder import database, keyring, rotation
from recorder.errors import KeyChangeError
from recorder.keyring import Ring
from recorder.keys.ceremony import Draft
from recorder.keys.reference import FileReference, KeyReference
from recorder.layout import Layout
from recorder.rotation import RECOVERY, REVOCATION, Change


def read_ring(layout: Layout) -> tuple[Ring, str, int]:
    """Keys, name and size of the stored log. Raises KeyChangeError when it has no records yet."""
    connection = database.open_for_reading(layout.database)
    try:
        state = database.read_state(connection)
        ring = keyring.load(connection)
    finally:
        connection.close()
    if state is None:
        raise KeyChangeError("The log has no records yet.", "", "Start the recorder once.")
    return ring, state.origin, state.size


def draft_revocation(
    layout: Layout, key_id: str, from_size: int | None, reason: str, to: KeyReference | None = None
) -> Draft:
    """The statement for the root keys to sign. key_id: at least eight digits of it. from_size: None retires the key.

    Raises KeyChangeError, KeyFileError.
    """
    ring, origin, size = read_ring(layout)
    held = [key for key in ring.keys if len(key_id) >= 8 and key.key_id.startswith(key_id)]
    if len(held) != 1:
        raise KeyChangeError(
            f"No one key of this log is meant by '{key_id}'.",
            f"{len(held)} keys begin with it.",
            "`clyra keys show` lists them; give at least eight digits.",
        )
    key = held[0]
    if from_size is not None and from_size > size:
        raise KeyChangeError(f"The log has {size} records, so nothing can be compromised from {from_size} on.")
    if key != ring.current(key.role):
        change = Change(origin, REVOCATION, key.role, key.key_id, key.algorithm, key.public, size, reason)
    else:
        slot = f"{key.role}_recovery"
        if key.delegated and to is None:
            to = _log_file(layout)
        new = layout.keys.add_candidate(key.role, slot, to)
        change = Change(origin, RECOVERY, key.role, new.key_id, new.algorithm, new.public, size, reason, key.key_id)
    from dataclasses import replace

    payload = rotation.make_payload(replace(change, compromised_from_size=from_size))
    return Draft(payload, rotation.PAYLOAD_TYPE)


def _log_file(layout: Layout) -> FileReference:
    """A log key that lived in memory is followed by a file: it must outlive the wait for the roots."""
    from recorder.keys import LocalKey

    return layout.keys.add_file("log", LocalKey.generate())
