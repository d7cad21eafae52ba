"""Whether a policy expects conversations, so that the checks of them are loaded before the first one comes.

Rule: what is loaded needs about as much memory as the rest of a worker, and the first conversation should not wait for
it. So a worker loads ahead where a destination is declared to converse, is a provider of models, or is said nothing of;
not where all that policy names is for data (a schema, a destination profile), is never read, or is switched off.
Unknown destinations count only for a policy without any. A wrong guess costs a wait or memory, never a check.
"""

from __future__ import annotations

from collections.abc import Iterator

from clyra_proxy.activation.profiles.catalogue import shipped
from clyra_proxy.policy.destinations import DestinationSettings, RouteSettings
from clyra_proxy.policy.genai.section import Loading
from clyra_proxy.policy.models import Egress, PolicyDocument
from clyra_proxy.policy.route import Tls
from clyra_proxy.verdict.model import Mode
from clyra_proxy.verdict.protocol import is_provider

_UNDECLARED = frozenset({"auto", "off"})


def expects_conversations(document: PolicyDocument) -> bool:
    """Whether checks of conversations should be loaded when a worker starts, rather than for the first one."""
    settings = document.genai_security
    if not settings.enabled or _all_off(document):
        return False
    if settings.load is not Loading.AUTO:
        return settings.load is Loading.AT_START
    if not document.destinations:
        return document.enforcement.egress is not Egress.STRICT
    return any(map(_converses, document.destinations.values()))


def _all_off(document: PolicyDocument) -> bool:
    """Whether no rule runs anywhere."""
    enforcement, destinations = document.enforcement, document.destinations.values()
    told = enforcement.rules or any(layer.modes for settings in destinations for layer in _layers(settings))
    return enforcement.mode is Mode.OFF and not told


def _converses(settings: DestinationSettings) -> bool:
    readings = {layer.genai or settings.genai or "auto" for layer in _layers(settings)}
    if settings.tls is Tls.PASSTHROUGH or readings == {"off"}:
        return False
    if readings - _UNDECLARED or any(is_provider(host.removeprefix("*.")) for host in settings.hosts):
        return True
    return not any(map(_carries_data, _layers(settings))) and not all(map(_is_of_data, settings.hosts))


def _layers(settings: DestinationSettings) -> Iterator[RouteSettings]:
    yield settings
    yield from settings.rules


def _carries_data(layer: RouteSettings) -> bool:
    """Whether policy says what its rows or documents are."""
    bound = layer.schema_ is not None and layer.schema_.files
    return bool(bound) or (layer.activation or "auto") not in _UNDECLARED


def _is_of_data(host: str) -> bool:
    """Whether a shipped destination profile is for this host, or pattern of hosts."""
    name = host.removeprefix("*.").lower()
    known = (profiled.removeprefix("*.") for shape in shipped() for profiled in shape.hosts)
    return any(name == one or name.endswith(f".{one}") for one in known)
