"""Who stands behind a client connection: resolved from all it has shown, remembered until that changes.

Guarantee: the certificate that counts is the one of the TLS connection to the proxy itself. What a client shows in a
handshake inside a tunnel is meant for the upstream, and says nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.x509 import Certificate
from mitmproxy.connection import Client
from mitmproxy.http import Headers

from clyra_proxy.engine.client import ClientState, state_of
from clyra_proxy.exchange import Identity
from clyra_proxy.identity.proxy_auth import read_credentials
from clyra_proxy.identity.resolve import Caller, Resolution

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

PROCESS = "process"
"""Note on a connection: the process behind it, once found."""
_RESOLVED = "resolution"
_NO_HEADERS = Headers()


def resolve_caller(client: Client, runtime: Runtime, headers: Headers = _NO_HEADERS) -> Resolution:
    """The caller behind a connection. headers: of the request at hand; those of a CONNECT before it count instead.

    Raises what a broken resolver raises; the guard declares the outcome.
    """
    state = state_of(client)
    callers = runtime.policy.current.callers
    authorization = (state.connect_headers or headers).get("proxy-authorization", "")
    shown = (callers, authorization, state.notes.get(PROCESS))
    known = state.notes.get(_RESOLVED)
    if known is not None and known[0] == shown:
        resolution: Resolution = known[1]
        return resolution
    resolution = _vouched(authorization, runtime) or callers.resolve(
        Caller(authorization, _certificates(client, state), shown[2])
    )
    state.notes[_RESOLVED] = (shown, resolution)
    return resolution


def _vouched(authorization: str, runtime: Runtime) -> Resolution | None:
    """The start-up self-test is let in by its own secret, whatever policy asks of callers."""
    selftest = runtime.selftest
    credentials = read_credentials(authorization) if selftest is not None and authorization else None
    if selftest is None or credentials is None or not selftest.vouches(credentials.agent, credentials.token):
        return None
    return Resolution(Identity(agent=credentials.agent, auth="proxy"))


def _certificates(client: Client, state: ClientState) -> tuple[Certificate, ...]:
    """The chain of the TLS connection to the proxy itself, leaf first."""
    shown = client.certificate_list if state.connect_headers is None else state.outer_certificates
    return tuple(certificate.to_cryptography() for certificate in shown)
