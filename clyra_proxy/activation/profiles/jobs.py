"""What is remembered of asynchronous jobs: a later request, perhaps at another worker, asks what became of the rows.

Guarantees: job ids are hashed and what is kept is encrypted (AES-256-GCM under a key derived from this data folder's
secret), as it holds rows that were refused; it is bounded and forgotten after a week. What does not fit is counted but
not kept. A store that fails loses the memory and nothing else: rows stay refused, the sender's report lacks them.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import time
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clyra_proxy.activation.model import Rejection
from clyra_proxy.state.store import StateError, StateStore

_LIFETIME_S = 7 * 86_400
_LARGEST = 700_000
"""Bytes of a job's record before encryption; the store takes 2**20 characters."""
_MOST_JOBS = 1000
_NONCE = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a job that was not forwarded. row: as it was sent; None when there was no room to keep it."""

    index: int
    code: str
    message: str
    row: Any = None


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job. facts: what its creation said. total: rows of the upload, refused ones among them."""

    facts: dict[str, str] = field(default_factory=dict)
    refused: tuple[RefusedRow, ...] = ()
    total: int = 0


def refused_rows(rejections: Sequence[Rejection], elements: Sequence[Any]) -> tuple[RefusedRow, ...]:
    """Rejections as a job keeps them, in the order of the rows."""
    return tuple(
        RefusedRow(one.index, one.reason, one.message, elements[one.index])
        for one in sorted(rejections, key=lambda one: one.index)
    )


class Jobs:
    """Jobs by kind and id. store: shared by workers; None keeps them in this process alone."""

    def __init__(self, store: StateStore | None = None, secret: bytes = b"") -> None:
        secret = secret or os.urandom(32)
        self._store = store
        self._name_key = hmac.digest(secret, b"clyra activation job names", "sha256")
        self._cipher = AESGCM(hmac.digest(secret, b"clyra activation job contents", "sha256"))
        self._here: OrderedDict[str, Job] = OrderedDict()

    def remember(self, kind: str, id_: str, job: Job) -> None:
        """Keep what is known of a job, in place of what was."""
        name = self._name(kind, id_)
        self._here[name] = job
        self._here.move_to_end(name)
        while len(self._here) > _MOST_JOBS:
            self._here.popitem(last=False)
        if self._store is None:
            return
        try:
            self._store.put(name, self._sealed(name, job), time.time(), _LIFETIME_S)
        except StateError:
            _log.warning("a job of a destination could not be remembered")

    def recall(self, kind: str, id_: str) -> Job | None:
        """What is known of a job, None when nothing is."""
        name = self._name(kind, id_)
        if self._store is None:
            return self._here.get(name)
        try:
            sealed = self._store.get(name, time.time())
        except StateError:
            return self._here.get(name)
        return self._opened(name, sealed) if sealed is not None else None

    def _name(self, kind: str, id_: str) -> str:
        return f"job:{hmac.new(self._name_key, f'{kind}/{id_}'.encode(errors='replace'), hashlib.sha256).hexdigest()}"

    def _sealed(self, name: str, job: Job) -> str:
        nonce = os.urandom(_NONCE)
        return b64encode(nonce + self._cipher.encrypt(nonce, _record(job), name.encode())).decode("ascii")

    def _opened(self, name: str, sealed: str) -> Job | None:
        raw = b64decode(sealed)
        try:
            told = orjson.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], name.encode()))
        except (InvalidTag, ValueError):
            return None
        return Job(told["facts"], tuple(RefusedRow(**one) for one in told["refused"]), told["total"])


def _record(job: Job) -> bytes:
    """The job as bytes; rows are left out from the end until it fits."""
    made = orjson.dumps(asdict(job))
    if len(made) <= _LARGEST:
        return made
    room, rows = _LARGEST, []
    for one in job.refused:
        size = len(orjson.dumps(asdict(one)))
        room -= size
        rows.append(one if room > 0 else RefusedRow(one.index, one.code, "", None))
    made = orjson.dumps(asdict(Job(job.facts, tuple(rows), job.total)))
    return made if len(made) <= _LARGEST else orjson.dumps(asdict(Job(job.facts, (), job.total)))
