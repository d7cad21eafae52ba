"""Which exchanges a target gets: by caller, destination, method and path, and of those a share of stable keys.

Guarantees: the same key has the same answer in every worker and after every restart of a data folder; a larger share
takes in all that a smaller one did; whoever does not know the folder's secret cannot tell beforehand what is chosen,
and so cannot send past a mirror, or into it. Pure.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.mirroring import Key, MirrorTarget
from clyra_proxy.policy.paths import normalise_path, pattern_source

_ALL = 1 << 64


class Share:
    """A share of keys. secret: any bytes; name: sets the shares of two targets apart."""

    __slots__ = ("_below", "_key")

    def __init__(self, secret: bytes, name: str, percent: float) -> None:
        self._key = hmac.new(secret, f"clyra mirror {name}".encode(), sha256).digest()
        self._below = int(percent * _ALL / 100)

    def takes(self, *parts: str) -> bool:
        if self._below >= _ALL:
            return True
        message = b"".join(len(part).to_bytes(4) + part for part in (text.encode("utf-8", "replace") for text in parts))
        return int.from_bytes(hmac.digest(self._key, message, sha256)[:8]) < self._below


class Paths:
    """A list of path patterns. empty: what a list without any matches. Raises ValueError for a pattern that is none."""

    __slots__ = ("_empty", "_pattern")

    def __init__(self, patterns: Sequence[str], *, empty: bool) -> None:
        self._empty = empty
        self._pattern = re.compile("|".join(map(pattern_source, patterns)), re.DOTALL) if patterns else None

    def match(self, path: str) -> bool:
        """path: normalised."""
        return self._empty if self._pattern is None else self._pattern.fullmatch(path) is not None


class Choice:
    """What one target is for. Raises ValueError for a path pattern that is none."""

    def __init__(self, settings: MirrorTarget, secret: bytes) -> None:
        self._agents = Names(settings.agents)
        self._tenants = Names(settings.tenants)
        self._destinations = Names(settings.destinations)
        self._methods = frozenset(settings.methods)
        self._paths = Paths(settings.paths, empty=True)
        self._share = Share(secret, settings.name, settings.percent)
        self._by = settings.by

    def covers(self, exchange: Exchange) -> bool:
        """Whether the target is for such an exchange at all."""
        identity, request = exchange.identity, exchange.request
        return (
            (not self._methods or request.method in self._methods)
            and self._agents.match(identity.agent)
            and self._tenants.match(identity.tenant)
            and any(map(self._destinations.match, places_of(exchange)))
            and self._paths.match(normalise_path(request.path))
        )

    def takes(self, exchange: Exchange) -> bool:
        """Whether this one is in the share."""
        return self._share.takes(*key_of(exchange, self._by))


def places_of(exchange: Exchange) -> tuple[str, ...]:
    """Every name of where an exchange goes: destination and route of the policy, host, host and port."""
    host = named_host(exchange.destination)
    return (exchange.route.destination, exchange.route.id, host, f"{host}:{exchange.destination.port}")


def key_of(exchange: Exchange, by: Key) -> tuple[str, ...]:
    """What is chosen as a whole. A trace that nobody continues is that of one exchange."""
    identity = exchange.identity
    match by:
        case Key.TRACE:
            return (exchange.trace.trace_id if exchange.trace is not None else exchange.id,)
        case Key.RUN:
            return (identity.tenant, identity.agent, identity.run or identity.session)
        case Key.AGENT:
            return (identity.tenant, identity.agent)
        case Key.TENANT:
            return (identity.tenant,)
        case Key.PATH:
            return (named_host(exchange.destination), normalise_path(exchange.request.path))
