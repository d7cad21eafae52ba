"""What a row inspector is: a look at one batch with its circumstances that says which rows may not go, and why.

Rules: inspectors are compiled once when a policy is loaded and hold no state but what `StateStore` keeps; whatever they
raise becomes `check.error` with the declared outcome. They run in a thread, or on the event loop for small batches
(`hurried`) while the store is prompt, so they do no I/O but the store's. A signal carries ids, numbers and positions,
never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from clyra_proxy.activation.model import Answer, Batch
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.verdict.model import Action

if TYPE_CHECKING:
    from clyra_proxy.state.store import StateStore


@dataclass(frozen=True, slots=True)
class RowInspection:
    """One batch with its circumstances. destination: host and port. now: seconds since the epoch.

    route, exchange: ids. endpoint: what was asked of the destination (method, path and query; never told). body: the
    decoded request body; with the two a write is told from another that has the same rows. enforced: whether what is
    found can stop anything here; counters count either way. hurried: this is the event loop, which is not to be held.
    """

    batch: Batch
    caller: Caller = field(default_factory=Caller)
    destination: str = ""
    route: str = ""
    exchange: str = ""
    now: float = 0.0
    enforced: bool = False
    endpoint: str = ""
    body: bytes = b""
    hurried: bool = False


class TakesLongerError(Exception):
    """Raised by an inspector that is hurried and would hold the event loop: it wants to be asked in a thread.

    Nothing was counted or claimed when it is raised: the same batch is inspected again from the beginning.
    """


@dataclass(frozen=True, slots=True)
class RowSignal:
    """One fact. rule: id in the rule catalogue. rows: positions it is about; empty: the whole request.

    action: what is asked for; None: what the rule asks for. For a signal about rows BLOCK means: these rows are not
    forwarded; policy then says whether the rest is (`on_bad_rows`). detail: small scalars (limit, observed, field).
    retry_after: seconds after which asking again can help; 0: it cannot. answer: what the sender is answered instead
    of a denial when the signal blocks (the stored outcome of the same write).
    """

    rule: str
    rows: tuple[int, ...] = ()
    action: Action | None = None
    path: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)
    retry_after: float = 0.0
    answer: Answer | None = field(default=None, repr=False)


class RowInspector(Protocol):
    """A check on batches. id: its name in timings. Compiled by `compile_inspectors(settings, base_dir, workshop)`."""

    id: str

    def inspect(self, inspection: RowInspection) -> Iterable[RowSignal]: ...


class SettlingInspector(RowInspector, Protocol):
    """An inspector that learns at the end what became of the rows: counters are given back, outcomes kept.

    forwarded: positions that went upstream. status, body: what the sender was answered; 0 when there was no answer.
    """

    def settle(self, inspection: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class RowWorkshop:
    """What row inspectors are compiled with. secret: 32 bytes, stable for this data folder, salts hashes of keys."""

    state: StateStore
    secret: bytes
