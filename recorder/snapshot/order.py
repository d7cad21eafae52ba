"""Writing a snapshot into the log through the running recorder: `POST /v0/snapshots`, over the local socket only."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from recorder import record
from recorder.chain import Chain
from recorder.commit import Writer
from recorder.service import Order
from recorder.snapshot.postgres import TYPE
from recorder.store import Store


def snapshot_order(writer: Writer) -> Order:
    """Takes the `data` of a `def.snapshot` record; answers, when it is durable, with its number."""

    async def write(body: bytes) -> dict[str, object]:
        data = check_data(json.loads(body))

        def work(store: Store) -> int:
            store.record_own([(TYPE, data)])
            return store.size - 1

        return {"seq": await asyncio.to_thread(writer.call, work)}

    return write


def check_data(data: Any) -> dict[str, Any]:
    """`data` if it makes a sound record. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("a snapshot is a JSON object")  # noqa: TRY004 - said to the caller as such
    trial = Chain("log.invalid/check")
    trial.look_at_clock()
    try:
        trial.append_own(TYPE, data)
    except record.RecordError as error:
        raise ValueError(error.detail) from None
    return data
