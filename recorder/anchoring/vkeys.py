"""The verifier keys (vkeys) of a log, for the operators of witnesses: of the log keys that are in force."""

from __future__ import annotations

from recorder import database, keyring, trust
from recorder.cosignature import LOG_TYPE, Vkey
from recorder.errors import RecorderError
from recorder.layout import Layout


def log_vkeys(layout: Layout) -> list[Vkey]:
    """The key in force as the log says; before there is a log, those of the trust file. Empty when there is neither."""
    if layout.database.exists():
        connection = database.open_for_reading(layout.database)
        try:
            state = database.read_state(connection)
            ring = keyring.load(connection)
        finally:
            connection.close()
        if state is not None:
            return [Vkey(state.origin, ring.current("log").public, LOG_TYPE)]
    try:
        known = trust.load(layout.trust.read_bytes())
    except OSError:
        return []
    except trust.TrustError as error:
        raise RecorderError(f"{layout.trust} cannot be used.", f"{error.detail}.") from None
    return [Vkey(known.origin, key.public, LOG_TYPE) for key in known.of_role("log")]
