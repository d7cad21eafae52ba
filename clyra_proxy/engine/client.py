"""What the engine remembers about one client connection, beside mitmproxy's own `Client`.

Rule: attached once by the connection handler, found by `state_of`; it dies with the connection. Addons may keep
their own things in `notes` under their own name (identity established at CONNECT, for instance).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mitmproxy.connection import Client, Connection
from mitmproxy.http import Headers, HTTPFlow

if TYPE_CHECKING:
    from mitmproxy.certs import Cert

    from clyra_proxy.engine.settings import EngineSettings


def _nothing_unsent(_: int) -> int:
    return 0


@dataclass(slots=True, eq=False)
class ClientState:
    """One client connection.

    takes_copies: what comes are mirrored copies (`engine.mirrored`).
    outer_certificates: certificates (leaf first, unverified) of the TLS connection to the proxy itself; the inner
    handshake after CONNECT hides them from mitmproxy's `Client`. connect_headers, connect_authority: the CONNECT
    request that opened the tunnel. flows: exchanges without their `clyra_done`. dialling: exchanges waiting for an
    upstream connection.

    Callables of the connection handler: abort closes this client and all its upstreams at once; begun and done count
    an exchange; fault reports a fault that is not a hook's; call runs a hook, and returns a task if it must be waited
    for; crowded_up and crowded_down tell whether a socket towards the upstreams, or the client's, is full; room_made
    and withhold wake those who wait for room.

    Bytes that wait, all bounded by `parked_bytes` before reading stops: pipelined (further requests of an HTTP/1
    client), parked (per stream, behind a hook), client_unsent and upstream_unsent (per stream, behind the other
    peer's HTTP/2 window). serving: the stream that an HTTP/1 upstream connection currently carries.
    """

    settings: EngineSettings
    abort: Callable[[str], None]
    begun: Callable[[HTTPFlow], None]
    done: Callable[[HTTPFlow], None]
    fault: Callable[[HTTPFlow, str, BaseException], None]
    call: Callable[[str, HTTPFlow], asyncio.Task[None] | None]
    expect_head: Callable[[], None]
    head_received: Callable[[], None]
    draining: Callable[[], bool]
    crowded_up: Callable[[], bool]
    crowded_down: Callable[[], bool]
    room_made: Callable[[], None]
    withhold: Callable[[Connection], None]
    takes_copies: bool = False
    outer_certificates: tuple[Cert, ...] = ()
    connect_headers: Headers | None = None
    connect_authority: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    flows: dict[str, HTTPFlow] = field(default_factory=dict)
    dialling: list[HTTPFlow] = field(default_factory=list)
    speaks_http: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    pipelined: int = 0
    parked: dict[int, int] = field(default_factory=dict)
    client_unsent: Callable[[int], int] = _nothing_unsent
    upstream_unsent: dict[Connection, Callable[[int], int]] = field(default_factory=dict)
    serving: dict[Connection, int] = field(default_factory=dict)
    streams: set[int] = field(default_factory=set)

    def may_send_up(self, stream_id: int) -> bool:
        """Whether more of this stream's request body may be asked of the client."""
        limit = self.settings.parked_bytes
        if self.parked.get(stream_id, 0) > limit or self.crowded_up():
            return False
        upstreams = self.upstream_unsent  # of HTTP/2 alone: mostly there are none
        return not upstreams or all(unsent(stream_id) <= limit for unsent in upstreams.values())

    def may_send_down(self, stream_id: int) -> bool:
        """Whether more of this stream's response body may be asked of the upstream."""
        limit = self.settings.parked_bytes
        return (
            self.parked.get(stream_id, 0) <= limit
            and self.client_unsent(stream_id) <= limit
            and not self.crowded_down()
        )

    def may_read(self, connection: Connection, is_client: bool) -> bool:
        """Whether to read on from this connection. HTTP/2 is always read; there, windows are withheld instead."""
        if connection.alpn == b"h2":
            return True
        if is_client:
            return self.pipelined <= self.settings.parked_bytes and all(map(self.may_send_up, self.streams or (0,)))
        stream_id = self.serving.get(connection)
        return not self.crowded_down() if stream_id is None else self.may_send_down(stream_id)


def attach(client: Client, state: ClientState) -> None:
    """Bind the state to the connection object, for as long as that lives."""
    client.clyra = state  # type: ignore[attr-defined]


def state_of(client: Client) -> ClientState:
    """The state of a live client connection."""
    return client.clyra  # type: ignore[attr-defined,no-any-return]
