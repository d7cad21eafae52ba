"""Which exchanges are looked at a second time: a share of them, chosen by a key that keeps what belongs together.

Guarantee: the same key is always in or always out, in every worker and after every restart, so that what one agent or
one session does is seen whole or not at all; a larger share takes in all that a smaller one did.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from typing import Annotated

from pydantic import Field

from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.section import Section

_STEPS = 1_000_000


class Key(StrEnum):
    """What is chosen as a whole."""

    EXCHANGE = "exchange"
    AGENT = "agent"
    TENANT = "tenant"
    SESSION = "session"


class Sampling(Section):
    """A share of the exchanges, chosen by a stable key."""

    percent: Annotated[float, Field(ge=0, le=100)] = Field(100.0, description="Share of the keys, in percent.")
    by: Key = Field(
        Key.EXCHANGE,
        description="What is chosen as a whole: each `exchange` by itself, or all exchanges of an `agent`, a `tenant` "
        "or a `session` (its run, else its agent, where it names none).",
    )

    def takes(self, exchange: Exchange) -> bool:
        """Whether this exchange is among the chosen ones."""
        if self.percent >= 100:
            return True
        return place_of(self._key(exchange)) < self.percent * _STEPS / 100

    def _key(self, exchange: Exchange) -> str:
        identity = exchange.identity
        match self.by:
            case Key.AGENT:
                return identity.agent
            case Key.TENANT:
                return identity.tenant
            case Key.SESSION:
                return identity.session or identity.run or identity.agent
            case Key.EXCHANGE:
                return exchange.id


def place_of(key: str) -> int:
    """Where a key stands among all: 0 to 999,999, evenly spread and always the same."""
    digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8, person=b"clyra.sampling").digest()
    return int.from_bytes(digest) % _STEPS
