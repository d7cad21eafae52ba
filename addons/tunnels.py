"""Tunnels and opaque connections: exchanges that are not an HTTP request of their own, and still leave a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.connection import Client
from mitmproxy.http import Headers, HTTPFlow, Response

from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Destination, Exchange, RequestHead
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import build
from clyra_proxy.verdict.identifiers import new_identifier
from clyra_proxy.verdict.model import Coverage, Seen

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime


def opaque_exchange(
    client: Client, address: tuple[str, int], runtime: Runtime, *, scheme: str, sni: str = ""
) -> Exchange:
    """The exchange of a connection that is not read: only its ends are known.

    address: tunnel target, or original address of a redirected connection.
    """
    policy = runtime.policy.current
    host, port = address
    peer = client.peername or ("", 0)
    unread = Coverage(Seen.SKIPPED, "opaque")
    transparent = client.proxy_mode.type_name == "transparent"
    authority = f"{sni or host}:{port}"
    destination = Destination(host, port, scheme, authority=authority, sni=sni, transparent=transparent, opaque=True)
    return Exchange(
        id=new_identifier(),
        client_ip=peer[0],
        client_port=peer[1],
        destination=destination,
        request=RequestHead((), "CONNECT", "", ""),
        route=runtime.match(named_host(destination), port, "CONNECT", "/", ""),
        policy_sha256=policy.sha256,
        policy_generation=policy.generation,
        request_coverage=unread,
        response_coverage=unread,
    )


def refuse_tunnel(flow: HTTPFlow, exchange: Exchange, runtime: Runtime) -> None:
    """Answer a CONNECT with the denial and settle its exchange."""
    exchange.verdict = decide(exchange)
    exchange.denial = denial = build(exchange.verdict, exchange)
    flow.response = Response.make(denial.status, denial.body, Headers(denial.headers))
    settle(exchange, runtime)


def settle(exchange: Exchange, runtime: Runtime) -> None:
    """The end of an exchange that has no `clyra_done` of its own: verdict, record, log line."""
    if not exchange.finished:
        exchange.finished = True
        exchange.verdict = decide(exchange)
        runtime.recorder.outcome(exchange)
        runtime.metrics.count(exchange)
        elapsed_ms = runtime.verdict_log.elapsed_ms(exchange)
        runtime.candidates.begin(exchange)
        runtime.candidates.then(exchange, lambda it: runtime.verdict_log.write(it, elapsed_ms))
