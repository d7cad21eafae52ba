"""From a policy document to what the data path reads: one hash, one generation, one `match`.

Guarantees: the same document and files give the same hash on every machine; `match` never raises and never blocks;
a destination that two entries claim, or a file that cannot be used, is a PolicyError or SchemaError here and not a
surprise in traffic.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.approvals.classification import CompiledApprovals, compile_approvals
from clyra_proxy.egress.hosts import InvalidHostError, normalise_host, normalise_pattern
from clyra_proxy.errors import PolicyError
from clyra_proxy.identity.resolve import IdentityResolver
from clyra_proxy.policy.fingerprint import policy_hash
from clyra_proxy.policy.matching import NO_RULE, HostTable, bare_media_type, ports_of
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.paths import normalise_path
from clyra_proxy.policy.rooms import Rooms, compile_rooms
from clyra_proxy.policy.route import Route
from clyra_proxy.policy.routing import Pair, RouteCompiler, RoutedDestination

if TYPE_CHECKING:
    from clyra_proxy.genai.inspection import Workshop

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1, without TRACE, which is not a read of a resource)."""

TUNNEL = "CONNECT"
"""Opens a tunnel to a host and port (RFC 9110 section 9.3.6): rules judge what is spoken inside, not the opening."""

CACHED_ROUTES = 8192
LONGEST_CACHED = 512


class CompiledPolicy:
    """A policy in force. sha256: hex, over the effective policy and the files it names. generation: counts reloads.

    callers: tells who is calling, by the policy's `identity` section. approvals: which actions need a person. genai,
    activation, engines, mirror, candidate: see `Rooms`; None when that is switched off or was not compiled.
    """

    __slots__ = (
        "_cached",
        "_default",
        "_hosts",
        "activation",
        "approvals",
        "callers",
        "candidate",
        "document",
        "engines",
        "genai",
        "generation",
        "mirror",
        "sha256",
    )

    def __init__(
        self,
        document: PolicyDocument,
        sha256: str,
        generation: int,
        hosts: HostTable[RoutedDestination],
        default: Pair,
        callers: IdentityResolver,
        approvals: CompiledApprovals,
        rooms: Rooms,
    ) -> None:
        self.document = document
        self.approvals = approvals
        self.genai = rooms.genai
        self.activation = rooms.activation
        self.engines = rooms.engines
        self.candidate = rooms.candidate
        self.mirror = rooms.mirror
        self.callers = callers
        self.sha256 = sha256
        self.generation = generation
        self._hosts = hosts
        self._default = default
        self._cached = lru_cache(maxsize=CACHED_ROUTES)(self._find)

    def match(self, host: str, port: int, method: str, path: str, content_type: str = "") -> Route:
        """The route of a request. path: as sent, with or without query. content_type: as sent, or ""."""
        path = path.partition("?")[0]
        if len(path) + len(content_type) + len(host) + len(method) > LONGEST_CACHED:
            return self._find(host, port, method, path, content_type)
        return self._cached(host, port, method, path, content_type)

    @property
    def engines_failing(self) -> int:
        """How many policy engines are left alone because they do not answer."""
        return 0 if self.engines is None else self.engines.failing

    async def aclose(self) -> None:
        """Close all connections to services that the policy has us ask."""
        if self.genai is not None and self.genai.detectors is not None:
            await self.genai.detectors.aclose()
        if self.engines is not None:
            await self.engines.aclose()

    def _find(self, host: str, port: int, method: str, path: str, content_type: str) -> Route:
        method = method.upper()
        destination = self._destination(host, port)
        if destination is None:
            pair = self._default
        elif method == TUNNEL:
            return destination.tunnel
        else:
            media = bare_media_type(content_type)
            position = destination.table.find(method, normalise_path(path), media)
            if position == NO_RULE and destination.otherwise.read.known:
                position = destination.table.find_otherwise(method, path, media)
            pair = destination.otherwise if position == NO_RULE else destination.rules[position]
        return pair.read if method in READ_METHODS else pair.write

    def _destination(self, host: str, port: int) -> RoutedDestination | None:
        try:
            return self._hosts.find(normalise_host(host), port)
        except InvalidHostError:
            return None


def compile_policy(
    document: PolicyDocument, base_dir: Path, generation: int = 1, workshop: Workshop | None = None
) -> CompiledPolicy:
    """Compile for the data path. base_dir: folder that file names start from. Raises PolicyError, SchemaError.

    workshop: what the rooms are compiled with; without one they are left out, as where no traffic is judged.
    """
    routes = RouteCompiler(document, base_dir)
    hosts = _hosts(document, routes)
    sha256 = policy_hash(document, base_dir)
    callers = IdentityResolver(document.identity, base_dir)
    approvals = compile_approvals(document.enforcement.approvals)
    rooms = Rooms() if workshop is None else compile_rooms(document, base_dir, generation, workshop)
    return CompiledPolicy(document, sha256, generation, hosts, routes.default(), callers, approvals, rooms)


def _hosts(document: PolicyDocument, routes: RouteCompiler) -> HostTable[RoutedDestination]:
    """Which destination a host and port belong to. Raises PolicyError where two claim the same."""
    hosts: HostTable[RoutedDestination] = HostTable()
    for name, settings in document.destinations.items():
        destination = routes.destination(name, settings)
        for host in settings.hosts:
            taken = hosts.add(normalise_pattern(host), ports_of(settings), destination)
            if taken is not None:
                raise PolicyError(
                    f"destinations.{name}.hosts: `{host}` belongs to destination `{taken.name}` already.",
                    "A request must have one destination.",
                    "Give them different hosts or ports, or make one a rule of the other.",
                )
    return hosts
