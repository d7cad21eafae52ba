"""From records back to an exchange: the one place that says what a record holds of a request, and what it does not.

A record has who, where to, which method and path, header names, media types, lengths, the address that was dialled,
findings, and commitments. It has no header values, no query, no body, no resolved addresses that were refused. What was
disclosed beside the bundle (bodies, the target) is used where it is there; the verifier has held it against the
commitments already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead, ResponseHead
from clyra_proxy.policy.compiler import CompiledPolicy
from clyra_proxy.policy.route import Route
from clyra_proxy.telemetry.redaction import LONGEST_PATH, MASK
from recorder.export.entry import Entry

MAX_TARGET = 1024


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange that ended. bodies: disclosed bytes by field (`req`, `res`, `target`)."""

    seq: int
    exchange: str
    agent: Mapping[str, Any]
    act: Mapping[str, Any]
    basics: Mapping[str, Any]
    ending: Mapping[str, Any]
    verdict: Mapping[str, Any]
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    declared: int
    bodies: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        return bool(self.ending.get("result") == "refused")

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.ending.get("findings", ()))

    def fact(self, rule: str) -> dict[str, Any] | None:
        """The recorded finding of a rule, if there was one."""
        return next((finding for finding in self.findings if finding["rule"] == rule), None)

    @property
    def path(self) -> str:
        """As disclosed, else as recorded: without query, perhaps masked."""
        if "target" in self.bodies:
            return self.bodies["target"].decode("utf-8", "surrogateescape")
        return str(self.act["target"])

    @property
    def path_is_exact(self) -> bool:
        """Whether the path is the one that was sent (the query does not matter to policy)."""
        if "target" in self.bodies:
            return True
        path = self.act["target"]
        return MASK not in path.split("/") and len(path) < min(MAX_TARGET, LONGEST_PATH) and "\\u" not in path

    @property
    def coded(self) -> bool:
        """Whether the request had a Content-Encoding, whose value is not recorded."""
        return "content-encoding" in self.basics.get("headers", ())

    @property
    def media_known(self) -> bool:
        return "mt" in self.request or "content-type" not in self.basics.get("headers", ())

    def body(self, side: str) -> bytes | None:
        """The body of `req` or `res` if it is known: disclosed, or empty by its length."""
        flow = self.request if side == "req" else self.response
        if side in self.bodies:
            return self.bodies[side]
        return b"" if not flow.get("len") else None

    def route(self, policy: CompiledPolicy) -> Route:
        _, host, port = self.place
        path = "/" if self.basics.get("opaque") else self.path
        return policy.match(host, port, str(self.act["method"]), path, str(self.request.get("mt", "")))

    @property
    def place(self) -> tuple[str, str, int]:
        """Scheme, host as sent, port."""
        scheme, _, rest = str(self.act.get("host", "")).partition("://")
        host, _, port = rest.rpartition(":")
        return scheme, host, int(port) if port.isdigit() else 0


def recorded_of(entry: Entry, bodies: Mapping[str, bytes]) -> Recorded | None:
    """The exchange that ended with this record; None when the record cannot stand for one."""
    record, subject = entry.record, entry.subject
    if not entry.ends or subject is None or "verdict" not in record or "action" not in record["data"]:
        return None
    flow = record.get("io") or {}
    before = (subject.get("io") or {}).get("req", {}) if subject is not record else {}
    return Recorded(
        seq=entry.item.seq,
        exchange=str(record["data"]["exchange"]),
        agent=subject["agent"],
        act=subject["act"],
        basics=subject["data"],
        ending=record["data"],
        verdict=record["verdict"],
        request=flow.get("req", {}),
        response=flow.get("res", {}),
        declared=int(before.get("len", flow.get("req", {}).get("len", 0))),
        bodies=bodies,
    )


def exchange_of(recorded: Recorded, route: Route, policy: CompiledPolicy) -> Exchange:
    """The exchange as far as the record tells it, on a route, not judged yet."""
    scheme, host, port = recorded.place
    agent = recorded.agent
    exchange = Exchange(
        id=recorded.exchange,
        client_ip="",
        client_port=0,
        destination=Destination(
            host, port, scheme, address=str(recorded.basics.get("address", "")), opaque=_is_tls(recorded, scheme)
        ),
        request=RequestHead(_request_fields(recorded), str(recorded.act["method"]), recorded.path, "HTTP/1.1"),
        route=route,
        policy_sha256=policy.sha256,
        policy_generation=policy.generation,
        identity=Identity(agent["uid"], agent["auth"], agent.get("tenant", "")),
        websocket=bool(recorded.basics.get("websocket")),
    )
    if "status" in recorded.response:
        exchange.response = ResponseHead(_content_type(recorded.response), int(recorded.response["status"]), "HTTP/1.1")
    return exchange


def _is_tls(recorded: Recorded, scheme: str) -> bool:
    return bool(recorded.basics.get("opaque")) and scheme == "tls"


def _content_type(flow: Mapping[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"content-type", str(flow["mt"]).encode("latin-1", "replace")),) if "mt" in flow else ()


def _request_fields(recorded: Recorded) -> tuple[tuple[bytes, bytes], ...]:
    """The header fields whose value follows from the record."""
    fields = [*_content_type(recorded.request)]
    if recorded.declared and "content-length" in recorded.basics.get("headers", ()):
        fields.append((b"content-length", str(recorded.declared).encode()))
    return tuple(fields)
