"""The hooks that are ours, beside mitmproxy's own.

Order for one exchange: `requestheaders`, then (while the body passes its gate) either `clyra_refused` or
`clyra_release`, `request`, `responseheaders`, either `clyra_refused` or `response`, or `error` when a side fails;
and `clyra_done` exactly once at the very end, whatever happened. In a WebSocket session `websocket_message` comes with
every message, or `clyra_oversize` with one that is too large to become whole. Names of methods on addons are the hook
names.

An addon may also have `on_hook_failure(data, hook_name, exception)`: the engine calls it when any hook raised or
ran out of time. It records what it must and may set `exchange.denial`; the exchange does not proceed either way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mitmproxy.connection import Client, Server
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.commands import StartHook

PASSED = "clyra_passed"
"""Key in a flow's metadata after `websocket_message`: (content, is text) of each message to pass on now, in place of
the one that was dropped."""


@dataclass
class ClyraApproveHook(StartHook):
    """The request is whole and judged, and nothing of it has left. Awaited, for as long as a person may take; setting
    `exchange.denial` stops the exchange."""

    flow: HTTPFlow


@dataclass
class ClyraReleaseHook(StartHook):
    """The first byte is about to go upstream. Awaited; setting `exchange.denial` stops the exchange."""

    flow: HTTPFlow


@dataclass
class ClyraPendingHook(StartHook):
    """A session on the response body asks for something that takes time (`exchange.pending`). Awaited; then the gate
    is resumed. Setting `exchange.denial` stops the exchange."""

    flow: HTTPFlow


@dataclass
class ClyraRefusedHook(StartHook):
    """A gate raised BodyRefused. Addons put the Denial into `exchange.denial`."""

    flow: HTTPFlow


@dataclass
class ClyraRecheckHook(StartHook):
    """What is allowed has changed. Addons set `exchange.denial` on those of the client's exchanges that must be cut."""

    client: Client


@dataclass
class Oversize:
    """A WebSocket message of which `size` bytes came, more than `limit`. It is dropped and the session is closed."""

    client: Client
    flow: HTTPFlow
    from_client: bool
    size: int
    limit: int


@dataclass
class ClyraOversizeHook(StartHook):
    """Addons say why in `exchange.denial`. Synchronous."""

    data: Oversize


@dataclass
class ClyraDoneHook(StartHook):
    """The exchange is over, however it ended. Fired exactly once per exchange; nothing waits for it."""

    blocking = False
    flow: HTTPFlow


@dataclass
class Dial:
    """One upstream connection about to be opened.

    host, port: as named by the client. addresses: every IP literal the name resolved to, in resolver order.
    flows: exchanges that wait for this connection. own_listener: the connection would come back to us; it is not
    opened, whatever addons say. Addons call `approve` or `refuse`; if any addon listens to
    `clyra_dial` and none approves, nothing is dialled.
    """

    client: Client
    server: Server
    host: str
    port: int
    addresses: tuple[str, ...]
    flows: tuple[HTTPFlow, ...] = ()
    own_listener: bool = False
    approved: tuple[str, ...] = ()
    error: str = ""

    def approve(self, *addresses: str) -> None:
        """Dial these, in this order, and no other."""
        self.approved = addresses

    def refuse(self, reason: str) -> None:
        """Dial nothing; `reason` (a few words, no secrets) becomes the flow's error."""
        self.error = reason


@dataclass
class ClyraDialHook(StartHook):
    """Names are resolved, no socket is open yet. Async-capable."""

    data: Dial


@dataclass
class Protocol:
    """A connection whose protocol is not HTTP. kind: `tcp` or `dns`. Denied unless an addon sets `allow`."""

    client: Client
    server: Server
    kind: str
    allow: bool = field(default=False)


@dataclass
class ClyraProtocolHook(StartHook):
    """Something other than HTTP or TLS was spoken. Synchronous."""

    data: Protocol
