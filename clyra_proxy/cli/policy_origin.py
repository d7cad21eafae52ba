"""Where in a policy something was said: the file and line that gave a route its settings and a rule its mode.

Looks where the compiler looked (rule of the destination, destination, `enforcement.rules`, `enforcement.mode`), then
finds who wrote that: the policy file, the profiles it extends from near to far, or nobody (the program's default).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.policy.load import LoadedPolicy, load_with_source
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.profiles import profile_chain
from clyra_proxy.policy.source import Path as Place
from clyra_proxy.policy.source import Source
from clyra_proxy.verdict.model import Mode
from clyra_proxy.verdict.rules import RULES, STRICTNESS, rules_applied_by


@dataclass(frozen=True, slots=True)
class Origin:
    """where: `file:line`, `profile NAME:line` or `default`. key: dotted path. value: as written, or the default."""

    where: str
    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.where}  {self.key}: {self.value}"


class PolicyOrigins:
    """Origins in one policy file. Raises PolicyError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._loaded: LoadedPolicy = load_with_source(path)
        self._sources: tuple[Source, ...] = (self._loaded.source, *reversed(profile_chain(self._loaded.source)))

    @property
    def loaded(self) -> LoadedPolicy:
        return self._loaded

    def mode(self, rule: str, route: str, check: str = "") -> Origin:
        """What made `rule` enforce, shadow or off on a route id (`destination/rule`, `destination` or `default`).

        check: who failed, for a rule of the family `check`; the stricter of both counts, as in `Rule.mode`.
        """
        known = RULES.get(rule)
        if known is not None and known.fixed:
            return Origin("default", rule, "enforce (the proxy itself depends on it)")
        found = self._written_mode(rule, route)
        if known is not None and known.family == "check" and check:
            unasked = [self._written_mode(one.id, route) for one in rules_applied_by(check)]
            asked = (found, self._written_mode(check, route), *unasked)
            found = max(asked, key=lambda one: STRICTNESS.index(Mode(one.value)))
        if known is not None and known.never_off and found.value == Mode.OFF:
            return Origin("default", rule, "shadow (a fault of the proxy itself is never off)")
        return found

    def _written_mode(self, rule: str, route: str) -> Origin:
        document, family = self._loaded.document, rule.partition(".")[0]
        for place, modes in self._layers(document, route):
            for name in (rule, family):
                if name in modes:
                    return self._origin((*place, name), str(modes[name]))
        return self._origin(("enforcement", "mode"), document.enforcement.mode.value)

    def route(self, route: str) -> Origin | None:
        """Where a route is written; None for the default route, which is written nowhere."""
        place = self._place(self._loaded.document, route)
        return self._origin(place, route) if place is not None else None

    def schema(self, route: str) -> Origin | None:
        """The files a route's bodies are bound to; None when only admission applies."""
        name, _, _ = route.partition("/")
        settings = self._loaded.document.destinations.get(name)
        place = self._place(self._loaded.document, route)
        if settings is None or place is None:
            return None
        rule = settings.rules[int(place[3])] if len(place) == 4 else None
        for layer, where in ((rule, place), (settings, place[:2])):
            if layer is not None and layer.schema_ is not None:
                return self._origin((*where, "schema"), ", ".join(layer.schema_.files) or "content types only")
        return None

    def unknown_destinations(self) -> Origin:
        """What is asked for when a destination is on no allow-list."""
        return self._origin(("enforcement", "egress"), self._loaded.document.enforcement.egress.value)

    def _layers(self, document: PolicyDocument, route: str) -> Iterator[tuple[Place, dict[str, object]]]:
        place = self._place(document, route)
        if place is not None:
            settings = document.destinations[str(place[1])]
            if len(place) == 4:
                yield (*place, "modes"), dict(settings.rules[int(place[3])].modes)
            yield (*place[:2], "modes"), dict(settings.modes)
        yield ("enforcement", "rules"), dict(document.enforcement.rules)

    @staticmethod
    def _place(document: PolicyDocument, route: str) -> Place | None:
        name, _, rule_name = route.partition("/")
        settings = document.destinations.get(name)
        if settings is None:
            return None
        for number, rule in enumerate(settings.rules):
            if rule.name == rule_name:
                return ("destinations", name, "rules", number)
        return ("destinations", name)

    def _origin(self, place: Place, value: str) -> Origin:
        key = ".".join(str(part) for part in place)
        for source in self._sources:
            if place in source.lines:
                return Origin(f"{source.name}:{source.lines[place]}", key, value)
        return Origin("default", key, value)
