"""What the engine needs to know before it starts: where to listen, as what, and which limits hold.

Rule: plain values only, frozen, no mitmproxy type; everything that may change at run time (policy, certificates) is
reloaded through the master, never by editing these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

KIB = 1024
MIB = 1024 * 1024


class Mode(StrEnum):
    """How clients reach us.

    explicit: they know a proxy (CONNECT, absolute-form, TLS to the proxy works too).
    reverse: they think we are the upstream. transparent: the kernel redirected them (SO_ORIGINAL_DST).
    mirror: another proxy sends copies of what it forwards; they are answered 204 at once and sent nowhere.
    """

    EXPLICIT = "explicit"
    REVERSE = "reverse"
    TRANSPARENT = "transparent"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. port 0 lets the kernel choose. upstream: URL, for reverse mode and, if wanted, mirror."""

    host: str = "127.0.0.1"
    port: int = 8080
    mode: Mode = Mode.EXPLICIT
    upstream: str = ""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Everything `build_master` takes.

    confdir: folder that holds `mitmproxy-ca.pem` (the certificate authority with its key).
    reuse_port: several worker processes share each port (SO_REUSEPORT).
    http2: offer HTTP/2 to clients and upstreams. keep_host_header: reverse mode passes the client's Host on.
    upstream_trust: PEM file of roots for upstream certificates (None: certifi's). upstream_insecure: test use only.
    client_certificate: ask TLS clients for a certificate; it is accepted unread, the identify addon must verify it.
    header_timeout_s: for a TLS handshake or a request head to arrive once it began. idle_timeout_s: silence allowed on
    a connection. connect_timeout_s: for one upstream address, and for the TLS handshake with it. hook_timeout_s: budget
    of an async hook. drain_bytes / drain_s: how much of a refused request body is still read before the connection is
    cut. head_bytes: largest request or response head. parked_bytes: how many body bytes may wait inside one client
    connection before reading stops. http10_buffer_bytes: largest response buffered for an HTTP/1.0 client.
    websocket_message_bytes: largest WebSocket message, all fragments together.
    """

    confdir: Path
    listeners: tuple[Listener, ...] = field(default=(Listener(),))
    reuse_port: bool = False
    backlog: int = 1024
    http2: bool = True
    keep_host_header: bool = False
    upstream_trust: Path | None = None
    upstream_insecure: bool = False
    client_certificate: bool = False
    header_timeout_s: float = 10.0
    idle_timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    hook_timeout_s: float = 5.0
    drain_bytes: int = MIB
    drain_s: float = 5.0
    head_bytes: int = 64 * KIB
    parked_bytes: int = 256 * KIB
    http10_buffer_bytes: int = 8 * MIB
    websocket_message_bytes: int = 8 * MIB
