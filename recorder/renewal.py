"""Renews a delegated log key before it ends: when half its records are used, or half its hours are over.

A renewal that fails is tried again every few seconds; there is half a delegation's time to repair what is wrong, and
the key in force goes on signing. Only when its range is used up does the log stop taking records.
"""

from __future__ import annotations

import asyncio
import logging
import time

from recorder.errors import RecorderError
from recorder.keychange import KeyChanger
from recorder.keys.reference import DelegatedReference
from recorder.layout import Layout
from recorder.store import Store

log = logging.getLogger("recorder.renewal")

_LOOK_S = 1.0
_RETRY_S = 5.0


class Renewal:
    """Watches the log key of an open store. failure: why the last attempt failed, "" when it did not."""

    def __init__(self, layout: Layout, store: Store, changer: KeyChanger) -> None:
        self._layout = layout
        self._store = store
        self._changer = changer
        self._key_id = ""
        self._since = time.monotonic()
        self.failure = ""

    async def keep_renewing(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(_RETRY_S if self.failure else _LOOK_S)
            try:
                if self._due():
                    await asyncio.to_thread(self._changer.delegate, "renewal")
                    self.failure = ""
            except RecorderError as error:
                self.failure = str(error)
                log.error("the log key could not be renewed: %s", error)  # noqa: TRY400 - the words say it all

    def _due(self) -> bool:
        held = self._store.ring.current("log")
        if held.key_id != self._key_id:
            self._key_id, self._since = held.key_id, time.monotonic()
        if held.until is None:
            return False
        configured = self._layout.keys.configuration.log
        hours = configured.hours if isinstance(configured, DelegatedReference) else DelegatedReference().hours
        used = self._store.size - held.since >= (held.until - held.since) // 2
        return used or time.monotonic() - self._since >= hours * 3600 / 2
