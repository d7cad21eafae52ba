"""The schemas a policy binds, by destination and rule, for `clyra schema explain POLICY`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from clyra_proxy.policy.destinations import SchemaBinding
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.schemalock.catalogue import Catalogue, open_catalogue
from clyra_proxy.schemalock.document import load_document


def is_policy(path: Path) -> bool:
    """True for a file with the sections of a policy, which no schema, API description or lock has."""
    value = load_document(path).value
    return isinstance(value, dict) and bool({"destinations", "extends", "enforcement"} & value.keys())


def policy_catalogue(path: Path) -> Catalogue:
    """Every schema of every file that the policy binds. Raises PolicyError and SchemaError."""
    loaded = load_with_source(path)
    whole = Catalogue(str(path), "policy", ())
    for place, name in _bound(loaded.document):
        part = open_catalogue(loaded.base_dir / name)
        named = tuple(replace(one, name=f"{place}: {one.name or name}") for one in part.schemas)
        whole = replace(
            whole,
            schemas=whole.schemas + named,
            quarantined=whole.quarantined + part.quarantined,
            warnings=whole.warnings + part.warnings,
            notes=whole.notes + part.notes,
        )
    return whole


def _bound(document: PolicyDocument) -> Iterator[tuple[str, str]]:
    """(destination or destination/rule, file name) of every file bound."""
    for destination, settings in document.destinations.items():
        yield from _files(destination, settings.schema_)
        for rule in settings.rules:
            yield from _files(f"{destination}/{rule.name}", rule.schema_)


def _files(place: str, binding: SchemaBinding | None) -> Iterator[tuple[str, str]]:
    if binding is not None:
        yield from ((place, name) for name in binding.files)
