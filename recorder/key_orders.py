"""What the operator may ask of a running recorder about its keys, over the local socket only.

`POST /v0/keys` takes an order as JSON: `{"order": "rotate", "role", "reason"?, "to"?}`, `{"order": "delegate",
"reason"?, "hours"?}` or `{"order": "apply", "envelope"}`. `POST /v0/checkpoint` takes a tree size as decimal text and
signs the log's own checkpoint of that size: it names nothing but what the log is. Both wait for keys and disk in a
thread of their own.
"""

from __future__ import annotations

import asyncio
import json

from recorder.commit import Writer
from recorder.interface import CHECKPOINT_PATH, KEYS_PATH
from recorder.keychange import KeyChanger
from recorder.service import Order


def key_orders(changer: KeyChanger, writer: Writer) -> dict[str, Order]:
    """By path."""

    async def change(body: bytes) -> dict[str, object]:
        order = json.loads(body)
        if not isinstance(order, dict):
            raise ValueError("an order is a JSON object")  # noqa: TRY004 - said to the caller as such
        changed = await asyncio.to_thread(changer.obey, order)
        return changed.document()

    async def checkpoint(body: bytes) -> dict[str, object]:
        text = body.decode("ascii")
        if not text.isdigit():
            raise ValueError("the body is a tree size")
        signed = await asyncio.to_thread(writer.call, lambda store: store.sign_checkpoint(int(text)))
        return {"checkpoint": signed.decode()}

    return {KEYS_PATH: change, CHECKPOINT_PATH: checkpoint}
