"""One exchange as the domain sees it: no mitmproxy type, no body.

The engine makes an `Exchange` when a request head arrives, the addons fill it on its way, and the recorder and the
verdict log read it at the end. Bodies are never stored here; they pass through the gates and leave only lengths and
salted commitments behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clyra_proxy.verdict.model import Coverage, Finding, Seen, Verdict

if TYPE_CHECKING:
    from clyra_proxy.policy.route import Route
    from clyra_proxy.stream.gate import BodyGate
    from clyra_proxy.stream.tap import Tap
    from clyra_proxy.verdict.denial import Denial

type HeaderFields = tuple[tuple[bytes, bytes], ...]

_NO_BODY = Coverage(Seen.NONE)
_UNJUDGED = Coverage(Seen.HEADERS_ONLY, "websocket")


@dataclass(slots=True)
class Head:
    """Header fields of a message in wire order. They do not change once the head is made."""

    fields: HeaderFields
    _first: dict[bytes, bytes] | None = field(default=None, init=False, repr=False, compare=False)

    def get(self, name: str) -> str | None:
        """First value of `name` (case-insensitive), decoded as latin-1, or None."""
        value = self._by_name().get(name.lower().encode("ascii"))
        return None if value is None else value.decode("latin-1")

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Whether one of these fields is there. names: in lower case."""
        return not names.isdisjoint(self._by_name())

    def get_all(self, name: str) -> Iterator[str]:
        wanted = name.lower().encode("ascii")
        size = len(wanted)
        for key, value in self.fields:
            if len(key) == size and key.lower() == wanted:
                yield value.decode("latin-1")

    def _by_name(self) -> dict[bytes, bytes]:
        """First values by name in lower case: many ask, so the names are put in order once."""
        first = self._first
        if first is None:
            first = self._first = {key.lower(): value for key, value in reversed(self.fields)}
        return first


@dataclass(slots=True)
class RequestHead(Head):
    """method: as sent, upper case by custom. path: origin-form with query. http_version: `HTTP/1.1`, `HTTP/2.0`."""

    method: str = ""
    path: str = ""
    http_version: str = ""


@dataclass(slots=True)
class ResponseHead(Head):
    """status: 0 until one came. http_version: as of the request."""

    status: int = 0
    http_version: str = ""


@dataclass(slots=True)
class Destination:
    """Where the client wants to go.

    host, port, scheme: what the request says (CONNECT target or absolute URL, or original address when transparent).
    authority: Host header or :authority. sni: the server name of the inner TLS handshake.
    address: the address the engine really dials, once resolved and checked. opaque: TLS passed through unread.
    """

    host: str
    port: int
    scheme: str
    authority: str = ""
    sni: str = ""
    address: str = ""
    transparent: bool = False
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling. auth: how it was established: `mtls proxy process kubernetes header none`."""

    agent: str = "anonymous"
    auth: str = "none"
    tenant: str = ""
    session: str = ""
    run: str = ""
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """W3C trace context (trace-context-1). Hex, lower case. parent_span_id is "" when the trace starts here."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    flags: str = "01"
    state: str = ""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


@dataclass(slots=True)
class BodyTally:
    """Metadata of one direction's body: raw bytes declared (-1: not), seen, released; salted commitment (hex)."""

    declared: int = -1
    seen: int = 0
    released: int = 0
    complete: bool = False
    commitment: str = ""
    media_type: str = ""


@dataclass(slots=True)
class Message:
    """A WebSocket message while checks look at it. size: bytes. number: messages of the same sender before it.

    coverage: what a check that wants no session for the message says of it.
    """

    from_client: bool
    text: bool
    size: int
    number: int
    coverage: Coverage = _UNJUDGED


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """An answer that Clyra gives for the upstream in the upstream's own shape, when the request is refused.

    headers: without content-length, in order.
    """

    status: int
    headers: HeaderFields
    body: bytes


@dataclass(slots=True)
class Exchange:
    """One request with its response (or one WebSocket session), filled as it passes."""

    id: str
    client_ip: str
    client_port: int
    destination: Destination
    request: RequestHead
    route: Route
    policy_sha256: str
    policy_generation: int
    response: ResponseHead | None = None
    identity: Identity = field(default_factory=Identity)
    trace: TraceContext | None = None
    findings: list[Finding] = field(default_factory=list)
    check_ns: dict[str, int] = field(default_factory=dict)
    request_gate: BodyGate | None = None
    response_gate: BodyGate | None = None
    request_body: BodyTally = field(default_factory=BodyTally)
    response_body: BodyTally = field(default_factory=BodyTally)
    request_coverage: Coverage = _NO_BODY
    response_coverage: Coverage = _NO_BODY
    denial: Denial | None = None
    verdict: Verdict | None = None
    intent_id: str = ""  # set once the intent record is durable
    error: str = ""  # transport failure in a few words, "" when none
    own_status: int = 0  # of an answer the engine gave by itself, neither denial nor the upstream's
    websocket: bool = False
    message: Message | None = None  # only while one is being judged (Phase.MESSAGE)
    request_rewrite: bytes | None = None  # what goes upstream instead of a body of which nothing has left yet
    response_rewrite: bytes | None = None  # the same for the client
    response_status: int = 0  # of a rewritten answer, 0: as it came
    response_fields: HeaderFields = ()  # its header fields that differ from those that came
    answer: OwnAnswer | None = None  # said instead of the usual denial
    response_events: bool = False  # its body leaves event by event, and some may be rewritten on the way
    pending: bool = False  # a body session waits for `clyra_pending` before it lets go of more
    finished: bool = False
    copy: bool = False  # a mirrored copy (`listen.mode: mirror`): judged, answered by us, sent nowhere
    tap: Tap | None = None  # hears what leaves for the upstream and what comes back
    started_ns: int = field(default_factory=time.perf_counter_ns)
    started_at: float = field(default_factory=time.time)
    upstream_ns: int = 0
    extensions: dict[str, Any] = field(default_factory=dict)  # later rooms keep their own state under their own name
