"""Modes: an enforced rule that relies on another one which only watches can be walked round.

Each pair is a fact of how checks work: what cannot be read is not judged, a key given twice is read differently by the
upstream, a body that is let pass unread carries anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness, example_host
from clyra_proxy.policy.genai.section import Unreadable
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.routing import overlay_modes
from clyra_proxy.verdict.model import Mode
from clyra_proxy.verdict.rules import RULES

EXAMPLES: Mapping[str, str] = {
    "json.duplicate_key": "a JSON body with one key twice",
    "json.syntax": "a body that breaks off within its JSON",
    "body.coding_unsupported": "a body with `content-encoding: x-other`",
    "schema.not_streamable": "a body larger than its schema lets be read at once",
    "rows.unreadable": "a write whose rows are in no form that is known",
    "sql.opaque": "a statement such as `EXECUTE IMMEDIATE`",
    "approval.invalid": "a request with `clyra-approval: 0`",
}
"""Rule that others rely on -> a request that it is about."""
RELIES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "schema.violation": (
        ("json.duplicate_key", "the upstream may read the other of two equal keys than the one that was validated"),
        ("json.syntax", "a body that is not JSON is not validated"),
        ("body.coding_unsupported", "a body in an unknown coding is not validated"),
        ("schema.not_streamable", "a body that is too large for its schema is not validated"),
    ),
    "schema.row": (("body.coding_unsupported", "rows in an unknown coding are not validated"),),
    "rows": (
        ("rows.unreadable", "a write whose rows cannot be found passes without any limit"),
        ("json.duplicate_key", "the destination may read the other of two equal keys than the one that was judged"),
    ),
    "sql": (("sql.opaque", "a statement that cannot be read passes, whatever it does"),),
    "approval.required": (("approval.invalid", "a token that does not fit the call is let pass"),),
    "injection": (("body.coding_unsupported", "a conversation in an unknown coding is not read"),),
    "leak": (("body.coding_unsupported", "a conversation in an unknown coding is not read"),),
}
"""Enforced rule or family -> rules it relies on, with what happens where these only watch."""


def of_modes(document: PolicyDocument) -> Iterator[Contradiction]:
    """What is undermined, for the whole policy and for every destination and rule that has modes of its own."""
    base = document.enforcement.rules
    first = next((settings.hosts[0] for settings in document.destinations.values()), "")
    yield from _undermined("enforcement.rules", base, document.enforcement.mode, example_host(first))
    for name, settings in document.destinations.items():
        own = overlay_modes(base, settings.modes)
        host = example_host(settings.hosts[0])
        if settings.modes:
            yield from _undermined(f"destinations.{name}.modes", own, document.enforcement.mode, host)
        for position, rule in enumerate(settings.rules):
            if rule.modes:
                place = f"destinations.{name}.rules[{position}].modes"
                yield from _undermined(place, overlay_modes(own, rule.modes), document.enforcement.mode, host)
    yield from _unread(document)


def _undermined(place: str, modes: Mapping[str, Mode], default: Mode, host: str) -> Iterator[Contradiction]:
    for rule, relied in RELIES.items():
        if _mode(rule, modes, default) is not Mode.ENFORCE:
            continue
        for other, why in relied:
            if RULES[other].fixed or _mode(other, modes, default) is Mode.ENFORCE:
                continue
            yield Contradiction(
                Kind.UNDERMINED,
                Weight.WARNING,
                (f"{place}.{other}", f"{place}.{rule}"),
                f"`{rule}` is enforced and `{other}` is not: {why}.",
                Witness("POST", host, "/", name=EXAMPLES[other]),
                f"Enforce `{other}` too.",
            )


def _unread(document: PolicyDocument) -> Iterator[Contradiction]:
    families = [name for name in ("injection", "leak", "tools") if _enforced_anywhere(document, name)]
    genai = document.genai_security
    said = "unreadable" in genai.model_fields_set or any(_named(document, name) for name in families)
    if said and families and genai.enabled and genai.unreadable is Unreadable.MARK:
        yield Contradiction(
            Kind.UNDERMINED,
            Weight.WARNING,
            ("genai_security.unreadable", f"enforcement.rules.{families[0]}"),
            f"`{families[0]}` is enforced, and conversations that cannot be read pass with a mark.",
            Witness(
                "POST",
                example_host(next((one.hosts[0] for one in document.destinations.values()), "")),
                "/",
                name="a conversation that cannot be read",
            ),
            "Set `genai_security.unreadable: block`, once `genai.unreadable` is quiet in shadow.",
        )


def _named(document: PolicyDocument, family: str) -> bool:
    """Whether the policy itself speaks of the family; a default is nobody's promise."""
    return any(name.partition(".")[0] == family for name in document.enforcement.rules)


def _enforced_anywhere(document: PolicyDocument, family: str) -> bool:
    return _mode(family, document.enforcement.rules, document.enforcement.mode) is Mode.ENFORCE


def _mode(rule: str, modes: Mapping[str, Mode], default: Mode) -> Mode:
    while rule:
        if (found := modes.get(rule)) is not None:
            return found
        rule = rule.rpartition(".")[0]
    return default
