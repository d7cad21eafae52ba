"""From a policy document to what the data path reads: one hash, one generation, one `match`.

Guarantees: the same document and files give the same hash on every machine; `match` never raises and never blocks;
a destination that two entries claim, or a file that cannot be used, is a PolicyError or SchemaError here and not a
surprise in traffic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfc8785

from clyra_proxy.approvals.classification import CompiledApprovals, compile_approvals
from clyra_proxy.egress.hosts import InvalidHostError, normalise_host, normalise_pattern
from clyra_proxy.errors import PolicyError
from clyra_proxy.identity.resolve import IdentityResolver
from clyra_proxy.policy.destinations import DestinationSettings, MatchRule, RouteSettings, SchemaBinding
from clyra_proxy.policy.matching import NO_RULE, HostTable, RuleTable, bare_media_type, ports_of
from clyra_proxy.policy.models import Egress, PolicyDocument
from clyra_proxy.policy.paths import normalise_path
from clyra_proxy.policy.route import EvidenceClass, Route, Tls
from clyra_proxy.verdict.model import Action, Mode

if TYPE_CHECKING:
    from clyra_proxy.activation.compiled import CompiledActivation
    from clyra_proxy.candidate.compiled import Candidate
    from clyra_proxy.enforcement.engines.compiled import CompiledEngines
    from clyra_proxy.enforcement.mirror.compiled import CompiledMirror
    from clyra_proxy.genai.compiled import CompiledGenAi
    from clyra_proxy.genai.inspection import Workshop

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 section 9.2.1, without TRACE, which is not a read of a resource)."""

TUNNEL = "CONNECT"
"""Opens a tunnel to a host and port (RFC 9110 section 9.3.6): rules judge what is spoken inside, not the opening."""

CACHED_ROUTES = 8192
LONGEST_CACHED = 512


@dataclass(frozen=True, slots=True)
class _Pair:
    """A route as reads and as writes see it."""

    read: Route
    write: Route


@dataclass(frozen=True, slots=True)
class _Destination:
    name: str
    tunnel: Route
    otherwise: _Pair
    table: RuleTable
    rules: tuple[_Pair, ...]


class CompiledPolicy:
    """A policy in force. sha256: hex, over the effective policy and the files it names. generation: counts reloads.

    callers: tells who is calling, by the policy's `identity` section. approvals: which actions need a person. genai:
    what looks at conversations, activation: what looks at rows, engines: policy engines; None when that is switched off
    or was not compiled.
    candidate: a second policy that judges the same exchanges and never acts, None without one.
    mirror: second upstreams, None without any.
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
        hosts: HostTable[_Destination],
        default: _Pair,
        callers: IdentityResolver,
        approvals: CompiledApprovals,
        genai: CompiledGenAi | None = None,
        activation: CompiledActivation | None = None,
    ) -> None:
        self.document = document
        self.approvals = approvals
        self.genai = genai
        self.activation = activation
        self.engines: CompiledEngines | None = None
        self.candidate: Candidate | None = None
        self.mirror: CompiledMirror | None = None
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
            position = destination.table.find(method, normalise_path(path), bare_media_type(content_type))
            pair = destination.otherwise if position == NO_RULE else destination.rules[position]
        return pair.read if method in READ_METHODS else pair.write

    def _destination(self, host: str, port: int) -> _Destination | None:
        try:
            return self._hosts.find(normalise_host(host), port)
        except InvalidHostError:
            return None


def compile_policy(
    document: PolicyDocument, base_dir: Path, generation: int = 1, workshop: Workshop | None = None
) -> CompiledPolicy:
    """Compile for the data path. base_dir: folder that file names start from. Raises PolicyError, SchemaError.

    workshop: what the GenAI checks are compiled with; without one they are left out, as where no traffic is judged.
    """
    compiler = _Compiler(document, base_dir)
    hosts: HostTable[_Destination] = HostTable()
    for name, settings in document.destinations.items():
        destination = compiler.destination(name, settings)
        for host in settings.hosts:
            taken = hosts.add(normalise_pattern(host), ports_of(settings), destination)
            if taken is not None:
                raise PolicyError(
                    f"destinations.{name}.hosts: `{host}` belongs to destination `{taken.name}` already.",
                    "A request must have one destination.",
                    "Give them different hosts or ports, or make one a rule of the other.",
                )
    sha256 = policy_hash(document, base_dir)
    callers = IdentityResolver(document.identity, base_dir)
    approvals = compile_approvals(document.enforcement.approvals)
    genai = _compile_genai(document, base_dir, workshop) if workshop is not None else None
    rows = _compile_activation(document, base_dir, workshop) if workshop is not None else None
    policy = CompiledPolicy(document, sha256, generation, hosts, compiler.default(), callers, approvals, genai, rows)
    policy.engines = _compile_engines(document, base_dir) if workshop is not None else None
    policy.mirror = _compile_mirror(document, base_dir, workshop) if workshop is not None else None
    policy.candidate = _compile_candidate(document, base_dir, generation, workshop) if workshop is not None else None
    return policy


def _compile_genai(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledGenAi | None:
    from clyra_proxy.genai.compiled import compile_genai

    return compile_genai(
        document.genai_security, base_dir, replace(workshop, sql=document.data_platform.activation.sql)
    )


def _compile_activation(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledActivation | None:
    from clyra_proxy.activation.compiled import compile_activation
    from clyra_proxy.activation.inspection import RowWorkshop

    tools = RowWorkshop(workshop.state, workshop.secret)
    return compile_activation(document.data_platform.activation, base_dir, tools, workshop.folder)


def _compile_candidate(
    document: PolicyDocument, base_dir: Path, generation: int, workshop: Workshop
) -> Candidate | None:
    if document.enforcement.candidate.policy is None:
        return None
    from clyra_proxy.candidate.compiled import compile_candidate

    return compile_candidate(document, base_dir, generation, workshop)


def _compile_mirror(document: PolicyDocument, base_dir: Path, workshop: Workshop) -> CompiledMirror | None:
    if not document.enforcement.mirror.targets:
        return None
    from clyra_proxy.enforcement.mirror.compiled import compile_mirror

    return compile_mirror(document.enforcement.mirror, document.genai_security.leaks, base_dir, workshop.secret)


def _compile_engines(document: PolicyDocument, base_dir: Path) -> CompiledEngines | None:
    if not document.enforcement.engines.all:
        return None
    from clyra_proxy.enforcement.engines.compiled import compile_engines

    return compile_engines(document.enforcement.engines, base_dir)


class _Compiler:
    def __init__(self, document: PolicyDocument, base_dir: Path) -> None:
        self._document = document
        self._base_dir = base_dir
        self._limits = document.data_platform.schemalock.limits.compiled()
        self._unknown = Action.BLOCK if document.enforcement.egress is Egress.STRICT else Action.MARK
        self._bound: dict[str, object] = {}

    def default(self) -> _Pair:
        return self._routes("default", "", None, None, known=False)

    def destination(self, name: str, settings: DestinationSettings) -> _Destination:
        return _Destination(
            name=name,
            tunnel=self._routes(name, name, settings, None, known=True).write,
            otherwise=self._routes(name, name, settings, None, known=not settings.only_rules),
            table=RuleTable(settings.rules),
            rules=tuple(
                self._routes(f"{name}/{rule.name}", name, settings, rule, known=True) for rule in settings.rules
            ),
        )

    def _routes(
        self, route_id: str, name: str, settings: DestinationSettings | None, rule: MatchRule | None, *, known: bool
    ) -> _Pair:
        layers = [layer for layer in (rule, settings) if layer is not None]
        evidence = self._document.evidence
        return _Pair(
            read=self._route(route_id, name, settings, layers, evidence.reads, known),
            write=self._route(route_id, name, settings, layers, evidence.writes, known),
        )

    def _route(
        self,
        route_id: str,
        name: str,
        settings: DestinationSettings | None,
        layers: Sequence[RouteSettings],
        evidence: EvidenceClass,
        known: bool,
    ) -> Route:
        enforcement = self._document.enforcement
        modes: Mapping[str, Mode] = enforcement.rules
        for layer in reversed(layers):
            modes = overlay_modes(modes, layer.modes)
        binding = next((layer.schema_ for layer in layers if layer.schema_ is not None), None)
        request_schema, response_schema = self._bind(binding)
        return Route(
            id=route_id,
            destination=name,
            known=known,
            evidence=next((layer.evidence for layer in layers if layer.evidence is not None), evidence),
            default_mode=enforcement.mode,
            modes=modes,
            tls=settings.tls if settings is not None else Tls.INTERCEPT,
            allow_private=settings.allow_private if settings is not None else False,
            atomic=next(
                (layer.atomic for layer in layers if layer.atomic is not None),
                self._document.data_platform.schemalock.atomic,
            ),
            unknown_action=self._unknown,
            limits=self._limits,
            media=frozenset(binding.media) if binding is not None else frozenset(),
            request_schema=request_schema,
            response_schema=response_schema,
            activation=_profile(route_id, next((layer.activation for layer in layers if layer.activation), "auto")),
            genai=_reading(route_id, next((layer.genai for layer in layers if layer.genai is not None), "auto")),
            on_error=Action[enforcement.on_error.name],
        )

    def _bind(self, binding: SchemaBinding | None) -> tuple[object | None, object | None]:
        if binding is None or not binding.files:
            return None, None
        from clyra_proxy.schemalock.binding import bind

        key = binding.model_dump_json()
        if key not in self._bound:
            self._bound[key] = bind(binding, self._base_dir)
        bound = self._bound[key]
        return bound, bound


def _reading(route_id: str, name: str) -> str:
    """The name of a reading, if there is one of that name. Raises PolicyError."""
    if name not in ("auto", "off"):
        from clyra_proxy.genai.protocols.recognise import READINGS

        if name not in READINGS:
            raise PolicyError(
                f"destinations: `genai: {name}` of `{route_id}` names no API that is known.",
                "The bodies of this route could not be read as conversations.",
                f"Choose `auto`, `off` or one of: {', '.join(sorted(READINGS))}.",
            )
    return name


def _profile(route_id: str, name: str) -> str:
    """The name of a destination profile, if there is one of that name. Raises PolicyError."""
    if name not in ("auto", "off"):
        from clyra_proxy.activation.profiles import compile_catalogue

        try:
            compile_catalogue().declared(name)
        except PolicyError as error:
            raise PolicyError(
                f"destinations: `activation: {name}` of `{route_id}` cannot be used: {error.what}",
                error.why,
                error.todo,
            ) from error
    return name


def overlay_modes(below: Mapping[str, Mode], above: Mapping[str, Mode]) -> Mapping[str, Mode]:
    """Modes of a layer over those below it: a family named above also replaces that family's single rules below."""
    kept = {name: mode for name, mode in below.items() if name.partition(".")[0] not in above}
    return {**kept, **above}


def policy_hash(document: PolicyDocument, base_dir: Path) -> str:
    """SHA-256 (hex) over the RFC 8785 form of the effective policy and the digests of the files it names.

    Tests, the name of the profile and the candidate do not count: they do not change a decision. Raises PolicyError.
    """
    values = effective_values(document)
    del values["enforcement"]["candidate"]
    whole = {"policy": values, "files": file_digests(document, base_dir)}
    return hashlib.sha256(rfc8785.dumps(whole)).hexdigest()


def effective_values(document: PolicyDocument) -> dict[str, Any]:
    """The policy as JSON values, every default filled in, without its tests and the name of its profile."""
    return document.model_dump(mode="json", by_alias=True, exclude={"tests", "extends"})


def file_digests(document: PolicyDocument, base_dir: Path) -> dict[str, str]:
    """SHA-256 (hex) of every file the policy names, by its name as written. Raises PolicyError."""
    return {name: _digest(base_dir / name, name) for name in referenced_files(document)}


def referenced_files(document: PolicyDocument) -> tuple[str, ...]:
    """Every file the policy names, as written, sorted."""
    files = {document.identity.client_ca, document.enforcement.upstream_ca, document.genai_security.exceptions}
    files.update((document.genai_security.budgets.prices, *document.genai_security.detectors.files))
    files.update((*document.enforcement.engines.files, *document.enforcement.mirror.files))
    for destination in document.destinations.values():
        for layer in (destination, *destination.rules):
            if layer.schema_ is not None:
                files.update(layer.schema_.files)
    return tuple(sorted(file for file in files if file is not None))


def _digest(path: Path, name: str) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PolicyError(
            f"The policy names the file {name}, which cannot be read.",
            f"{path}: {error.strerror}.",
            "File names start from the folder of the policy file.",
        ) from error
