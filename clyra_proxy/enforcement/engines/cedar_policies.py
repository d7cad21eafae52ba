"""Cedar policies as they are judged by: parsed, held against the schema and the question, once, when policy is loaded.

Guarantees: what does not parse, does not fit the schema, has a slot (templates) or would not understand a question of
Clyra's is a PolicyError with file and line here, and never a surprise in traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clyra_proxy.enforcement.engines.cedar_source import Statement, read_statements
from clyra_proxy.enforcement.engines.question import example
from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.engines import Cedar
from clyra_proxy.policy.files import read_named_text
from clyra_proxy.policy.profiles import policies_folder

if TYPE_CHECKING:
    import cedarpy

SHIPPED = "engines/clyra.cedarschema"
ASKS = "clyra"
"""Annotation of a `forbid` that asks for a person instead of a refusal: `@clyra("approve")`."""


@dataclass(frozen=True, slots=True)
class CedarPolicies:
    """policies, schema, entities: Cedar's own. ids: policy -> its `@id`, else file and line. asks: those that ask."""

    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    entities: cedarpy.Entities
    ids: Mapping[str, str]
    asks: frozenset[str]


def load_policies(settings: Cedar, base_dir: Path) -> CedarPolicies:
    """Read and compile. Raises PolicyError."""
    owner = f"Policy engine `{settings.name}`"
    cedar = _library(owner)
    statements = [one for file in settings.policies for one in read_statements(file, base_dir)]
    for statement in statements:
        _parse_alone(cedar, statement)
    text = "\n".join(statement.text for statement in statements)
    schema = _schema(cedar, settings.schema_, base_dir)
    places = {f"policy{number}": statement for number, statement in enumerate(statements)}
    _validate(cedar, text, schema, places)
    nodes = cedar.policies_to_pst(text).static_policies
    if nodes.keys() != places.keys():
        raise PolicyError(f"{owner}: its policies cannot be told apart.", "Cedar counts them otherwise than Clyra.")
    named = {key: node.annotations.get("id") for key, node in nodes.items()}
    return CedarPolicies(
        cedar.PolicySet.from_str(text),
        schema,
        _entities(cedar, settings.entities, schema, base_dir),
        {key: name or places[key].place for key, name in named.items()},
        frozenset(key for key, node in nodes.items() if _asks(node, places[key])),
    )


def _library(owner: str) -> Any:
    try:
        import cedarpy
    except ImportError as error:
        raise PolicyError(
            f"{owner} needs Cedar, which is not installed.",
            f"Python says: {error}.",
            "Install `clyra[cedar]`.",
        ) from error
    return cedarpy


def _parse_alone(cedar: Any, statement: Statement) -> None:
    try:
        found = cedar.PolicySet.from_str(statement.text)
    except ValueError as error:
        raise PolicyError(f"{statement.place}: this is not a Cedar policy.", f"Cedar says: {error}.") from error
    if found.templates() or len(found) != 1:
        raise PolicyError(
            f"{statement.place}: templates (`?principal`, `?resource`) cannot be used here.",
            todo="Name the principal, or a group it is in.",
        )


def _schema(cedar: Any, file: str | None, base_dir: Path) -> cedarpy.Schema:
    text = (policies_folder() / SHIPPED).read_text("utf-8") if file is None else read_named_text(file, base_dir)
    try:
        schema: cedarpy.Schema = (
            cedar.Schema.from_json_str(text) if text.lstrip().startswith("{") else cedar.Schema.from_str(text)
        )
    except ValueError as error:
        raise PolicyError(f"{file}: this is not a Cedar schema.", f"Cedar says: {error}.") from error
    return schema


def _validate(cedar: Any, text: str, schema: cedarpy.Schema, places: Mapping[str, Statement]) -> None:
    result = cedar.validate_policies(text, schema)
    if result.validation_passed:
        return
    wrong = []
    for error in result.errors:
        place = places[error.policy_id].place if error.policy_id in places else "a policy"
        wrong.append(f"{place}: {error.error.replace(f'for policy `{error.policy_id}`, ', '')}.")
    raise PolicyError("\n".join(wrong), "The policy does not fit the Cedar schema.", "See docs/policy-engines.md.")


def _entities(cedar: Any, file: str | None, schema: cedarpy.Schema, base_dir: Path) -> cedarpy.Entities:
    text = "[]" if file is None else read_named_text(file, base_dir)
    try:
        entities: cedarpy.Entities = cedar.Entities.from_json_str(text, schema)
    except ValueError as error:
        raise PolicyError(f"{file}: these are not usable Cedar entities.", f"Cedar says: {error}.") from error
    return entities


def _asks(node: Any, statement: Statement) -> bool:
    said = node.annotations.get(ASKS)
    if said is None:
        return False
    if said != "approve" or node.effect != "forbid":
        raise PolicyError(
            f"{statement.place}: the annotation `@{ASKS}` is not understood.",
            todo=f'Write `@{ASKS}("approve")` on a `forbid`.',
        )
    return True


def check_question(judged: Any, settings: Cedar) -> None:
    """Hold the schema against a whole question. judged: asks Cedar; what it says. Raises PolicyError."""
    problems = judged(example())
    if problems:
        raise PolicyError(
            f"{settings.schema_}: Clyra's question does not fit this Cedar schema.",
            f"Cedar says: {problems[0]}.",
            "Start from the shipped `policies/engines/clyra.cedarschema`; members you add to `values` are optional.",
        )
