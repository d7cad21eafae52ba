"""Destination profiles: what APIs' writes look like, as data (`policies/destinations/`) with small code beside it.

Guarantees: see `clyra_proxy.activation.profile`. An endpoint object belongs to one request: what it read is what it
answers from. Where an endpoint `amends`, its answer is to be given to `merged` even when nothing of this request was
refused: it tells of rows refused earlier (bulk jobs), or says the id of a job. `merged` then gives the same object
back when there is nothing to change.
"""

from __future__ import annotations

from functools import lru_cache

from clyra_proxy.activation.attribution import attribution_of
from clyra_proxy.activation.profile import Profile
from clyra_proxy.activation.profiles.catalogue import Catalogue, shipped
from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.state.store import StateStore

__all__ = ["Catalogue", "attribution_of", "compile_catalogue", "profiles", "recognise"]


def compile_catalogue(store: StateStore | None = None, secret: bytes = b"") -> Catalogue:
    """The shipped profiles. store, secret: as `RowWorkshop` has them; without, jobs are known to this process alone."""
    return Catalogue(shipped(), store, secret)


@lru_cache(maxsize=1)
def _default() -> Catalogue:
    return compile_catalogue()


def profiles() -> tuple[Profile, ...]:
    """Every shipped profile, by id."""
    return tuple(_default().profiles.values())


def recognise(head: RequestHead, destination: Destination, declared: str = "auto") -> Profile | None:
    """As `Catalogue.recognise`, with jobs known to this process alone."""
    return _default().recognise(head, destination, declared)
