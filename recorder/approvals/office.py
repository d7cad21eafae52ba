"""The approvals room of a running recorder: one thread for its book, and what the sockets may ask of it.

Rule: everything that touches the book, a key or the disk runs in that one thread, in the order it was asked for, so
that no two decisions are ever made at the same time; the event loop only waits. What cannot be done now is answered
503, and the guarded side then releases nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from recorder import durable, trust
from recorder.approval_store import ApprovalStore
from recorder.approvals.book import Book
from recorder.approvals.credentials import Credentials
from recorder.approvals.deciding import Deciding
from recorder.approvals.desk import Desk
from recorder.approvals.enrolled import key_set_folder
from recorder.approvals.errors import Refusal, Unavailable
from recorder.approvals.figures import backlog
from recorder.approvals.settings import SettingsFile
from recorder.commit import Writer
from recorder.errors import RecorderError
from recorder.http import Response, problem
from recorder.interface import APPROVAL_CONSUME_PATH, APPROVAL_OPEN_PATH, APPROVAL_STATES_PATH
from recorder.keys import SigningKey
from recorder.layout import Layout
from recorder.service import Order

log = logging.getLogger("recorder.approvals")


class Office:
    """Everything about approvals in one recorder. Made on the event loop; `close` before the writer stops."""

    def __init__(self, layout: Layout, writer: Writer) -> None:
        self.layout = layout
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, "approvals")
        self.settings = SettingsFile(layout.approval_settings)
        self.book = Book(layout.approval_book)
        self.desk = Desk(self.book, self.settings, ApprovalStore(layout.approvals), self._record)
        self.deciding = Deciding(self.desk, self._seal_key, self._trusted)
        self.credentials = Credentials(self.desk)
        self.audience = writer.store.origin
        """Whom an authenticator's answer is for: this log."""

    async def open(self) -> None:
        """Set right what the last run left half done."""
        lost = await self.run(self.desk.recover)
        if lost:
            log.warning("%d approvals were used up without being released; they are ended", lost)

    async def run[T](self, work: Callable[[], T]) -> T:
        """Do something in the office's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        await self.run(self.book.close)
        self._thread.shutdown(wait=True)

    def archive_keys(self, issuer: str, jwks: bytes) -> None:
        """Keep an identity provider's key set as it was when a token came, named by digests. Raises OSError."""
        path = key_set_folder(self.layout, issuer) / f"{sha256(jwks).hexdigest()}.json"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable.replace(path, jwks)

    def signed_orders(self) -> dict[str, Order]:
        """What the guarded side may ask, by path."""
        paths = (
            (APPROVAL_OPEN_PATH, self.desk.open),
            (APPROVAL_STATES_PATH, self._states),
            (APPROVAL_CONSUME_PATH, self.desk.consume),
        )
        return {path: self._order(work) for path, work in paths}

    def _states(self, raw: bytes) -> dict[str, Any]:
        """How packets stand, and what waits in all."""
        near = self.settings.current().escalate_at
        return {**self.desk.states(raw), "backlog": backlog(self.book, self.desk.clock(), near)}

    def _order(self, work: Callable[[bytes], dict[str, Any]]) -> Order:
        async def answer(body: bytes) -> dict[str, object] | Response:
            try:
                return await self.run(lambda: work(body))
            except Refusal as refusal:
                return refused(refusal)
            except (Unavailable, RecorderError, sqlite3.Error) as error:
                log.error("an approval could not be handled: %s", type(error).__name__)  # noqa: TRY400
                return problem(503, "approvals cannot be handled now; nothing was done", 1)

        return answer

    def _record(self, events: list[dict[str, Any]]) -> None:
        self._writer.call(lambda store: store.record_events(events))

    def _seal_key(self) -> SigningKey:
        held = self._writer.store.ring.current("seal")
        return self.layout.keys.signing_key("seal", held.key_id)

    def _trusted(self) -> list[trust.TrustedKey]:
        try:
            return list(trust.load(self.layout.trust.read_bytes()).of_role("approver_idp"))
        except (OSError, trust.TrustError) as error:
            raise Unavailable("the trust file cannot be read") from error


def refused(refusal: Refusal) -> Response:
    """409 with the code, as RFC 9457 problem details with one more member."""
    return Response(409, {"title": refusal.detail, "status": 409, "code": refusal.code})
