"""The destinations Clyra knows: shipped files, and which of them a request is for.

Guarantees: files are read once and strictly; recognising costs one look-up for a host seen before. A declared profile
is taken at its word; `auto` goes by the host, then by beginnings of paths that no other API has; hosts that nobody
knows are not guessed at. `generic-json:/data/rows` declares a place of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from clyra_proxy.activation.profiles.declaration import DestinationShape
from clyra_proxy.activation.profiles.destination import DeclaredProfile
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import tokens_of
from clyra_proxy.errors import PolicyError
from clyra_proxy.exchange import Destination, RequestHead
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.shipped import read_data
from clyra_proxy.state.store import StateStore

AUTO, OFF = "auto", "off"


@lru_cache(maxsize=1)
def shipped() -> tuple[DestinationShape, ...]:
    """Every shipped destination file, by id. Raises PolicyError."""
    files = sorted((policies_folder() / "destinations").glob("*.yaml"))
    return tuple(sorted((read_data(DestinationShape, file) for file in files), key=lambda shape: shape.id))


class Catalogue:
    """Profiles, ready for requests. store, secret: what is remembered of jobs is shared and sealed with them."""

    def __init__(
        self, shapes: Iterable[DestinationShape], store: StateStore | None = None, secret: bytes = b""
    ) -> None:
        jobs = Jobs(store, secret)
        self.profiles: Mapping[str, DeclaredProfile] = {shape.id: DeclaredProfile(shape, jobs) for shape in shapes}
        self._hosts: dict[str, DeclaredProfile] = {}
        self._suffixes: dict[str, DeclaredProfile] = {}
        self._beginnings: list[tuple[str, DeclaredProfile]] = []
        for profile in self.profiles.values():
            for host in profile.shape.hosts:
                table, name = (self._suffixes, host[1:]) if host.startswith("*.") else (self._hosts, host)
                table[name] = profile
            self._beginnings += [(start, profile) for start in profile.shape.anywhere]
        self._by_host = lru_cache(maxsize=4096)(self._known_host)
        self._declared = lru_cache(maxsize=256)(self.declared)

    def recognise(self, head: RequestHead, destination: Destination, declared: str = AUTO) -> DeclaredProfile | None:
        """The profile a request is judged by; None for `off`, and in `auto` for destinations that nobody knows."""
        if declared == OFF:
            return None
        if declared != AUTO:
            return self._declared(declared)
        found = self._by_host(destination.host) or self._by_host(_host_of(destination.authority))
        if found is not None:
            return found
        path = head.path[:256].lower()
        return next((profile for start, profile in self._beginnings if path.startswith(start)), None)

    def declared(self, name: str) -> DeclaredProfile:
        """The profile of that id, with the place of its rows after a colon. Raises PolicyError for others."""
        id_, colon, pointer = name.partition(":")
        profile = self.profiles.get(id_)
        if profile is None or (pointer and not pointer.startswith("/")):
            known = ", ".join(sorted(self.profiles))
            raise PolicyError(f"there is no destination profile `{name}`.", todo=f"Choose `auto`, `off` or: {known}.")
        return profile.at(tokens_of(pointer)) if colon else profile

    def _known_host(self, host: str) -> DeclaredProfile | None:
        name = host.rstrip(".").lower()
        if name in self._hosts:
            return self._hosts[name]
        rest = name
        while "." in rest:
            rest = rest[rest.index(".", 1) :] if "." in rest[1:] else ""
            if rest in self._suffixes:
                return self._suffixes[rest]
        return None


def _host_of(authority: str) -> str:
    """The host of a Host field."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
