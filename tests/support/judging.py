"""Exchanges as the judging rooms see them, made from a policy text and a request, without sockets."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.exchange import Destination, Exchange, RequestHead
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.policy.route import Route
from clyra_proxy.verdict.identifiers import new_identifier


def compiled(text: str, base_dir: Path = Path()) -> CompiledPolicy:
    """A policy given as YAML text, in force."""
    return compile_policy(parse_policy(text), base_dir)


def route_under(text: str, host: str = "api.example", port: int = 443, method: str = "POST", path: str = "/") -> Route:
    return compiled(text).match(host, port, method, path)


def exchange_to(
    route: Route,
    destination: Destination | None = None,
    *,
    method: str = "POST",
    path: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    version: str = "HTTP/1.1",
) -> Exchange:
    """An exchange whose head has just arrived; by default to https://api.example."""
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return Exchange(
        id=new_identifier(),
        client_ip="127.0.0.1",
        client_port=50000,
        destination=destination or Destination("api.example", 443, "https", "api.example", "api.example"),
        request=RequestHead(fields, method, path, version),
        route=route,
        policy_sha256="0" * 64,
        policy_generation=1,
    )
