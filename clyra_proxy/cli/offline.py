"""An exchange without a connection, for judging a body from a file as live traffic would be judged."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from clyra_proxy.errors import UsageError
from clyra_proxy.exchange import Destination, Exchange, RequestHead, ResponseHead
from clyra_proxy.home import Home
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.destinations import SchemaBinding
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.schemalock.binding import bind
from clyra_proxy.verdict.identifiers import new_identifier
from clyra_proxy.verdict.model import Mode

_ROWS = ("ndjson", "jsonl", "jsonlines", "csv", "x-www-form-urlencoded")


def schema_exchange(schema: Path | None, media: str, coding: str, response: bool) -> Exchange:
    """An exchange on a route where everything is enforced and `schema` applies. Raises SchemaError."""
    plan = None
    if schema is not None:
        name = schema.name
        rows = not response and any(word in media for word in _ROWS)
        part = "rows" if rows else "response" if response else "request"
        binding = SchemaBinding.model_validate({part: name})
        plan = bind(binding, schema.resolve().parent)
    route = Route(
        id="check",
        destination="check",
        known=True,
        evidence=EvidenceClass.QUEUED,
        default_mode=Mode.ENFORCE,
        request_schema=None if response else plan,
        response_schema=plan if response else None,
    )
    return _exchange(Destination("check.invalid", 443, "https"), "POST", "/", route, media, coding, response)


def described_exchange(
    url: str, method: str, policy: Path | None, home: Path | None, media: str, coding: str, response: bool
) -> Exchange:
    """An exchange on the route that policy gives a URL. Raises UsageError, PolicyError, SchemaError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--route {url!r} is not a URL.", "", "Example: --route https://api.example.com/v2/batch.")
    loaded = load_with_source(policy or Home.locate(home).policy)
    compiled = compile_policy(loaded.document, loaded.base_dir)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    route = compiled.match(parts.hostname, port, method, path, media)
    return _exchange(Destination(parts.hostname, port, parts.scheme), method, path, route, media, coding, response)


def _exchange(
    destination: Destination, method: str, path: str, route: Route, media: str, coding: str, response: bool
) -> Exchange:
    fields = [(b"content-type", media.encode("latin-1"))]
    if coding:
        fields.append((b"content-encoding", coding.encode("latin-1")))
    return Exchange(
        id=new_identifier(),
        client_ip="",
        client_port=0,
        destination=destination,
        request=RequestHead(() if response else tuple(fields), method, path, "HTTP/1.1"),
        route=route,
        policy_sha256="",
        policy_generation=0,
        response=ResponseHead(tuple(fields), 200, "HTTP/1.1") if response else None,
    )
