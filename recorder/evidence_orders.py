"""What may be asked of a running recorder about approvals and erasures, over the local socket only.

`POST /v0/approvals` takes the predicate of an approval certificate as JSON: the recorder makes the statement, signs it
with its seal key, keeps it, and answers with its digest once it is durable. `POST /v0/erasures` takes the data of a
`sys.erasure` record. Keys and disk are waited for in a thread of their own.
"""

from __future__ import annotations

import asyncio
import json

from recorder import approval, erasure
from recorder.approval_store import ApprovalStore
from recorder.commit import Writer
from recorder.interface import APPROVALS_PATH, ERASURES_PATH
from recorder.layout import Layout
from recorder.service import Order
from recorder.store import Store


def evidence_orders(layout: Layout, writer: Writer) -> dict[str, Order]:
    """By path."""
    approvals = ApprovalStore(layout.approvals)

    def keep(predicate: dict[str, object]) -> dict[str, object]:
        held = writer.store.ring.current("seal")
        signed = approval.sign_predicate(predicate, layout.keys.signing_key("seal", held.key_id))
        approvals.keep(signed)
        return {"cert_sha256": signed.digest, "member": signed.member}

    async def approve(body: bytes) -> dict[str, object]:
        predicate = json.loads(body)
        if not isinstance(predicate, dict):
            raise ValueError("a predicate is a JSON object")  # noqa: TRY004 - said to the caller as such
        return await asyncio.to_thread(keep, predicate)

    async def erase(body: bytes) -> dict[str, object]:
        data = erasure.check_data(json.loads(body))

        def write(store: Store) -> int:
            store.record_own([(erasure.TYPE, data)])
            return store.size

        return {"size": await asyncio.to_thread(writer.call, write)}

    return {APPROVALS_PATH: approve, ERASURES_PATH: erase}
