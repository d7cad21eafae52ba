"""Schemas and destination profiles: where a schema refuses the very place in which the profile looks for rows.

Only what is plain is said: a schema that is closed (`additionalProperties: false`) or wants another type at the place
of the rows. Schemas that combine others are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clyra_proxy.activation.profiles.catalogue import AUTO, OFF, Catalogue, shipped
from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness
from clyra_proxy.errors import ClyraError
from clyra_proxy.policy.destinations import RouteSettings
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.schemalock.document import parse_document


def of_shapes(document: PolicyDocument, base_dir: Path) -> Iterator[Contradiction]:
    """Every destination and rule with a request schema and a declared profile."""
    catalogue = Catalogue(shipped())
    for name, settings in document.destinations.items():
        layers: list[tuple[str, RouteSettings]] = [(f"destinations.{name}", settings)]
        layers += [(f"destinations.{name}.rules[{at}]", rule) for at, rule in enumerate(settings.rules)]
        for place, layer in layers:
            profile = layer.activation or settings.activation or AUTO
            binding = layer.schema_
            if profile in (AUTO, OFF) or binding is None or binding.request is None:
                continue
            yield from _disagree(place, profile, catalogue, _read(base_dir / binding.request), settings.hosts[0])


def _disagree(
    place: str, profile: str, catalogue: Catalogue, schema: Mapping[str, Any], host: str
) -> Iterator[Contradiction]:
    places = [tuple(map(str, tokens)) for tokens in catalogue.declared(profile).row_places()]
    if not places or any(_admits(schema, tokens) for tokens in places):
        return
    pointer = "/" + "/".join(places[0])
    yield Contradiction(
        Kind.SHAPES_DISAGREE,
        Weight.ERROR,
        (f"{place}.schema.request", f"{place}.activation"),
        f"the profile `{profile}` reads rows at `{pointer}`, and the request schema refuses every body that has them.",
        Witness(method="POST", host=host, name=f"a body with `{pointer}`"),
        "Mend the schema, or choose the profile that fits.",
    )


def _admits(schema: object, tokens: tuple[str, ...]) -> bool:
    """Whether a body with an array of objects at that place could satisfy the schema; True where that is not plain."""
    for token in tokens:
        if not isinstance(schema, Mapping) or _combines(schema):
            return schema is not False
        if not _allows(schema, "object"):
            return False
        properties = schema.get("properties", {})
        if token not in properties:
            return schema.get("additionalProperties", True) is not False
        schema = properties[token]
    return not isinstance(schema, Mapping) or _combines(schema) or _allows(schema, "array")


def _combines(schema: Mapping[str, Any]) -> bool:
    return bool({"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "patternProperties", "not"} & set(schema))


def _allows(schema: Mapping[str, Any], kind: str) -> bool:
    types = schema.get("type", kind)
    return kind in (types if isinstance(types, list) else [types])


def _read(path: Path) -> Mapping[str, Any]:
    """The schema; an empty one when it cannot be read, which compiling the policy has told already."""
    try:
        value = parse_document(path.read_bytes(), path.name).value
    except (OSError, ClyraError, ValueError):
        return {}
    return value if isinstance(value, Mapping) else {}
