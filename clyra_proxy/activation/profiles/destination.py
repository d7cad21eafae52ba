"""A destination made from its file: which request is which endpoint.

Guarantees: the cost of an endpoint is one look-up by the number of path segments and a few word comparisons; calls
that only read are nobody's (`None`); a write to a path that the file does not name is read as a generic API would be,
so that no new path of a known destination is a way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clyra_proxy.activation.profile import Endpoint
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint, compile_endpoint
from clyra_proxy.activation.profiles.declaration import DestinationShape, EndpointShape, Media
from clyra_proxy.activation.profiles.detection import ASKING, KEYS
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.generic import OTHER, GenericEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import Tokens
from clyra_proxy.activation.profiles.paths import Call, Template, call_of
from clyra_proxy.activation.profiles.special import SPECIAL
from clyra_proxy.exchange import Destination, RequestHead

GENERIC = "generic"
"""`special` of endpoints that answer as generic APIs do."""
_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})
_OTHER = EndpointShape(
    id=OTHER,
    request="* /{path...}",
    media=Media.DETECTED,
    key=[f"/{name}" for name in KEYS],
    single="",
    scalar="value",
    split=["ids"],
)


class DeclaredProfile:
    """One destination. jobs: what is remembered of its asynchronous jobs. place: declared place of generic rows."""

    def __init__(self, shape: DestinationShape, jobs: Jobs, place: Tokens | None = None) -> None:
        self.id = shape.id
        self.shape = shape
        self._jobs = jobs
        self._place = place
        self._endpoints = [compile_endpoint(shape, endpoint) for endpoint in shape.endpoints]
        self._other = compile_endpoint(shape, _OTHER.model_copy(update={"answer": shape.other_answer}))
        self._ignored: dict[int, list[Template]] = {}
        self._ignored_below: list[Template] = []
        for template in map(Template.compile, shape.ignored):
            size = len(template.segments)
            (self._ignored_below if template.rest else self._ignored.setdefault(size, [])).append(template)
        self._fixed: dict[int, list[CompiledEndpoint]] = {}
        self._open: list[CompiledEndpoint] = []
        for one in self._endpoints:
            (self._open if one.template.rest else self._fixed.setdefault(len(one.template.segments), [])).append(one)

    @property
    def endpoints(self) -> tuple[CompiledEndpoint, ...]:
        return tuple(self._endpoints)

    def row_places(self) -> tuple[Tokens, ...]:
        """Where in a JSON body rows may stand, for any of its endpoints; empty when nothing says so."""
        if self._place is not None:
            return (self._place,)
        return tuple(dict.fromkeys(place for one in self._endpoints for place in one.reading.containers if place))

    def at(self, place: Tokens) -> DeclaredProfile:
        """The same destination with its rows at a declared place."""
        return DeclaredProfile(self.shape, self._jobs, place)

    def endpoint(self, head: RequestHead, destination: Destination) -> Endpoint | None:
        call = call_of(head).without_suffix(self.shape.optional_suffix)
        for template in (*self._ignored.get(len(call.segments), ()), *self._ignored_below):
            if template.match(call) is not None:
                return None
        if self._reads(call):
            return None
        found = self._declared(call)
        if found is None and call.method != head.method:
            found = self._declared(replace(call, method=head.method))  # a server may not know the override
        if found is not None:
            return found
        if call.method in _READING or not self.shape.other_writes or _asks(call):
            return None
        return self._made(self._other, call, {})

    def _reads(self, call: Call) -> bool:
        """Whether a POST reads, by the parameter with which this API says so."""
        name = self.shape.asks_by
        return bool(name) and call.method == "POST" and call.query.get(name, "").upper() == "GET"

    def _declared(self, call: Call) -> DeclaredEndpoint | None:
        for compiled in (*self._fixed.get(len(call.segments), ()), *self._open):
            captures = compiled.template.match(call)
            if captures is not None:
                return self._made(compiled, call, captures)
        return None

    def _made(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str]) -> DeclaredEndpoint:
        special = compiled.shape.special
        if special is not None and special != GENERIC:
            return SPECIAL[special](compiled, call, captures, self._jobs)
        if special == GENERIC or compiled.shape.media is Media.DETECTED:
            made = GenericEndpoint(compiled, call, captures)
            made.place = self._place
            return made
        return DeclaredEndpoint(compiled, call, captures)


def _asks(call: Call) -> bool:
    """Whether a POST to an API that nobody described only asks, by the last word of its path."""
    return call.method == "POST" and bool(call.segments) and call.segments[-1].casefold() in ASKING
