"""From the destinations and rules of a document to routes: what holds for a request, its layers laid over one another.

Rule: a rule of a destination says more than the destination, and that more than `enforcement`; whatever a route needs
is looked up here once, so that matching a request is a look-up and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.destinations import DestinationSettings, MatchRule, RouteSettings, SchemaBinding
from clyra_proxy.policy.matching import RuleTable
from clyra_proxy.policy.models import Egress, PolicyDocument
from clyra_proxy.policy.route import EvidenceClass, Route, Tls
from clyra_proxy.verdict.model import Action, Mode


@dataclass(frozen=True, slots=True)
class Pair:
    """A route as reads and as writes see it."""

    read: Route
    write: Route


@dataclass(frozen=True, slots=True)
class RoutedDestination:
    """Routes of one destination. table: finds the position of the rule that matches; rules: its routes, by position."""

    name: str
    tunnel: Route
    otherwise: Pair
    table: RuleTable
    rules: tuple[Pair, ...]


def route_ids(document: PolicyDocument) -> list[str]:
    """Ids of all routes that a document makes: `default`, each destination, and each of its rules."""
    rules = [f"{name}/{rule.name}" for name, settings in document.destinations.items() for rule in settings.rules]
    return ["default", *document.destinations, *rules]


class RouteCompiler:
    """Makes the routes of one document; each schema file is read once. Raises PolicyError and SchemaError."""

    def __init__(self, document: PolicyDocument, base_dir: Path) -> None:
        self._document = document
        self._base_dir = base_dir
        self._limits = document.data_platform.schemalock.limits.compiled()
        self._unknown = Action.BLOCK if document.enforcement.egress is Egress.STRICT else Action.MARK
        self._bound: dict[str, object] = {}

    def default(self) -> Pair:
        """The routes of what belongs to no destination."""
        return self._routes("default", "", None, None, known=False)

    def destination(self, name: str, settings: DestinationSettings) -> RoutedDestination:
        """All routes of one destination."""
        return RoutedDestination(
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
    ) -> Pair:
        layers = [layer for layer in (rule, settings) if layer is not None]
        evidence = self._document.evidence
        return Pair(
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
