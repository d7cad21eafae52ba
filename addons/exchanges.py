"""From a mitmproxy flow to the domain's `Exchange`, and nothing back: the one place where the two worlds touch.

Guarantee: what policy decides on is taken from the connection first (original address, CONNECT target, server name)
and from what the client claims second; a Host header alone never names the destination of intercepted TLS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import HTTPFlow

from clyra_proxy.egress.names import named_host
from clyra_proxy.engine.client import state_of
from clyra_proxy.exchange import Destination, Exchange, RequestHead, ResponseHead
from clyra_proxy.verdict.identifiers import new_identifier

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime

KEY = "clyra"


def exchange_of(flow: HTTPFlow) -> Exchange | None:
    """The exchange of a flow, None before `begin` (the engine's own failures can come earlier)."""
    return flow.metadata.get(KEY)


def begin(flow: HTTPFlow, runtime: Runtime) -> Exchange:
    """Make the exchange of a flow whose request head has arrived, with its route and the policy it is judged by."""
    request, client, policy = flow.request, flow.client_conn, runtime.policy.current
    data = request.data
    destination = Destination(
        host=request.host,
        port=request.port,
        scheme=request.scheme,
        authority=request.authority or request.headers.get("host", ""),
        sni=_inner_server_name(flow),
        transparent=client.proxy_mode.type_name == "transparent",
    )
    head = RequestHead(data.headers.fields, request.method, request.path, request.http_version)
    peer = client.peername or ("", 0)
    exchange = Exchange(
        id=new_identifier(),
        client_ip=peer[0],
        client_port=peer[1],
        destination=destination,
        request=head,
        route=runtime.match(
            named_host(destination), destination.port, head.method, head.path, request.headers.get("content-type", "")
        ),
        policy_sha256=policy.sha256,
        policy_generation=policy.generation,
        copy=state_of(client).takes_copies,
    )
    flow.metadata[KEY] = exchange
    return exchange


def _inner_server_name(flow: HTTPFlow) -> str:
    """The TLS server name that names the destination. One that names us (TLS to the proxy, reverse mode) does not."""
    client = flow.client_conn
    if flow.request.scheme != "https" or not client.sni:
        return ""
    kind = client.proxy_mode.type_name
    meant_for_upstream = kind == "transparent" or (kind == "regular" and state_of(client).connect_headers is not None)
    return client.sni if meant_for_upstream else ""


def take_response_head(flow: HTTPFlow, exchange: Exchange) -> None:
    """Copy the response head into the exchange."""
    response = flow.response
    if response is not None:
        exchange.response = ResponseHead(response.data.headers.fields, response.status_code, response.http_version)
