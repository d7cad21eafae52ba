"""What the engine remembers about one client connection, beside mitmproxy's own `Client`.

Rule: attached once by the connection handler, found by `state_of`; it dies with the connection. Addons may keep
their own things in `notes` under their own name (identity established at CONNECT, for instance).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mitmproxy.connection import Client
from mitmproxy.http import Headers, HTTPFlow

if TYPE_CHECKING:
    from mitmproxy.certs import Cert

    from clyra_proxy.engine.settings import EngineSettings


@dataclass(slots=True, eq=False)
class ClientState:
    """One client connection.

    outer_certificates: certificates (leaf first, unverified) of the TLS connection to the proxy itself; the inner
    handshake after CONNECT hides them from mitmproxy's `Client`. connect_headers, connect_authority: the CONNECT
    request that opened the tunnel. flows: exchanges without their `clyra_done`. dialling: exchanges waiting for an
    upstream connection. abort: closes this client and all its upstreams at once.
    """

    settings: EngineSettings
    abort: Callable[[str], None]
    done: Callable[[HTTPFlow], None]
    expect_head: Callable[[], None]
    head_received: Callable[[], None]
    draining: Callable[[], bool]
    outer_certificates: tuple[Cert, ...] = ()
    connect_headers: Headers | None = None
    connect_authority: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    flows: dict[str, HTTPFlow] = field(default_factory=dict)
    dialling: list[HTTPFlow] = field(default_factory=list)
    speaks_http: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)


def attach(client: Client, state: ClientState) -> None:
    """Bind the state to the connection object, for as long as that lives."""
    client.clyra = state  # type: ignore[attr-defined]


def state_of(client: Client) -> ClientState:
    """The state of a live client connection."""
    return client.clyra  # type: ignore[attr-defined,no-any-return]
