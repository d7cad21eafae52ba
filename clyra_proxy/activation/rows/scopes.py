"""What is counted together: salted keys for runs, windows and buckets.

Rule: keys are fingerprints under the data folder's secret, so the store learns neither who nor what. A run is what its
sender calls one (attribution, else the caller's run); rows of no named run are counted together by sync, agent and
target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.genai.fingerprints import Salt
from clyra_proxy.policy.row_primitives import Together

REMEMBERED = 8192


class ScopeSalt(Salt):
    """A salt that remembers: the same few syncs and runs are asked for with every batch."""

    __slots__ = ("_remembered",)

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._remembered = lru_cache(maxsize=REMEMBERED)(super().of)

    def of(self, *parts: str | bytes) -> str:
        return self._remembered(*parts)


UNNAMED_RUN_S = 3600
"""Rows of no named run are taken as one run an hour where runs are compared with each other."""


def sync_scope(salt: Salt, inspection: RowInspection) -> str:
    """Key of what one sync writes into one target, over all of its runs."""
    batch, caller = inspection.batch, inspection.caller
    return salt.of("sync", caller.tenant, caller.proven, batch.attribution.sync, inspection.destination, batch.target)


def run_of(inspection: RowInspection) -> str:
    """The run as its sender names it, "" when it has no name."""
    return inspection.batch.attribution.run or inspection.caller.run or inspection.caller.session


def run_scope(salt: Salt, inspection: RowInspection) -> str:
    """Key of one run into one target."""
    return salt.of("run", sync_scope(salt, inspection), run_of(inspection))


def shared_scope(salt: Salt, inspection: RowInspection, per: Iterable[Together], *about: str) -> str:
    """Key of what agrees in all of `per`."""
    return salt.of(*about, *[f"{one}={_PARTS[one](inspection)}" for one in _sorted(tuple(per))])


_PARTS: Mapping[Together, Callable[[RowInspection], str]] = {
    Together.TENANT: lambda it: it.caller.tenant,
    Together.AGENT: lambda it: it.caller.agent,
    Together.SYNC: lambda it: it.batch.attribution.sync or it.batch.attribution.tool,
    Together.DESTINATION: lambda it: it.destination,
    Together.TARGET: lambda it: it.batch.target,
}


@lru_cache(maxsize=64)
def _sorted(per: tuple[Together, ...]) -> list[Together]:
    """In one order, however a policy lists them."""
    return sorted(set(per))
