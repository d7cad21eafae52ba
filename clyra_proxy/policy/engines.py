"""The section `enforcement.engines`: policy engines and authorisation sources that are asked beside our own rules.

Rule: an engine can only tighten. Whatever it answers, what the built-in rules refuse stays refused; what it does not
answer properly has an outcome that is written here. It is told facts about a request, never its body, but for the
values at the JSON pointers that are named here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from clyra_proxy.policy.section import FilePath, Name, Section
from clyra_proxy.policy.services import Milliseconds, Service

RoutePattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*/-]{1,129}$")]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/\x00]|~[01])*)+$", max_length=512)]
DataPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z0-9_-]+)*$", max_length=256)]
StoreId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Template = Annotated[str, StringConstraints(pattern=r"^[^\s]{1,256}$")]

PLACEHOLDERS = (
    "agent",
    "tenant",
    "destination",
    "host",
    "route",
    "kind",
    "method",
    "tool",
    "operation",
    "target",
    "model",
)
"""What a template may name; `tool` and `operation` stand for each one there is."""


class OnDenied(StrEnum):
    """What an engine's no asks for."""

    BLOCK = "block"
    APPROVE = "approve"  # a person decides


class OnUnavailable(StrEnum):
    """What is done when there is no usable answer."""

    BLOCK = "block"
    APPROVE = "approve"
    MARK = "mark"


class Asked(Section):
    """What is the same for every engine."""

    routes: list[RoutePattern] = Field(
        default_factory=list, description="Route ids (`*` stands for anything) where it is asked. Empty: everywhere."
    )
    reads: bool = Field(True, description="Ask about GET, HEAD and OPTIONS too.")
    on_denied: OnDenied = Field(
        OnDenied.BLOCK, description="What a plain no asks for: `block`, or `approve`: a person decides."
    )
    on_unavailable: OnUnavailable = Field(
        OnUnavailable.BLOCK,
        description="No usable answer (none in time, an error, garbage, no opinion): `block`, `approve` or `mark`.",
    )
    values: list[Pointer] = Field(
        default_factory=list,
        max_length=32,
        description="JSON pointers (RFC 6901) of the request body whose scalar values are told. Empty: nothing of a "
        "body is ever told.",
    )
    timeout_ms: Milliseconds = Field(250, description="Longest time one answer may take, waiting included, in ms.")


class Remembering(Section):
    """Answers that are used again."""

    cache_seconds: Annotated[int, Field(ge=0, le=60)] = Field(
        0,
        description="How long an answer holds for the same question, in seconds; 0: not at all. The time of day is no "
        "part of the question then.",
    )
    cache_entries: Annotated[int, Field(ge=1, le=1_000_000)] = Field(4096, description="Answers kept, a worker.")


class Opa(Asked, Remembering, Service):
    """An Open Policy Agent, asked over its data API."""

    path: DataPath = Field(
        description="Path of the decision below `/v1/data/`, such as `clyra/decision`. Its value is `true`, `false`, "
        "or an object with `allow`, and maybe `approve` and `reasons`."
    )


class Cedar(Asked):
    """Cedar policies, judged inside of the proxy. Needs the extra `clyra[cedar]`."""

    name: Name = Field(description="Name in verdicts.")
    policies: list[FilePath] = Field(min_length=1, max_length=64, description="Files of Cedar policies.")
    schema_: FilePath | None = Field(
        None,
        alias="schema",
        description="Cedar schema that policies and questions must fit. Default: the shipped "
        "`policies/engines/clyra.cedarschema`.",
    )
    entities: FilePath | None = Field(
        None, description="JSON file of Cedar entities: groups of agents and of destinations."
    )

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for file in (*self.policies, self.schema_, self.entities) if file)


class TupleKey(Section):
    """A relationship. Words in braces are filled in from the request: {placeholders}."""

    user: Template = Field(description="Who, such as `agent:{agent}`.")
    relation: Template = Field(description="Stands in which relation, such as `can_{kind}`.")
    object: Template = Field(description="To what, such as `destination:{destination}`.")

    @field_validator("user", "relation", "object")
    @classmethod
    def _known_placeholders(cls, template: str) -> str:
        rest = template
        for name in PLACEHOLDERS:
            rest = rest.replace(f"{{{name}}}", "")
        if "{" in rest or "}" in rest:
            raise ValueError(f"`{template}` has an unknown placeholder; known: {', '.join(PLACEHOLDERS)}")
        return template

    @field_validator("user", "object")
    @classmethod
    def _typed(cls, template: str) -> str:
        kind, colon, name = template.partition(":")
        if not colon or not kind or "{" in kind or not name:
            raise ValueError(f"`{template}` is not `type:id`")
        return template


class OpenFga(Asked, Remembering, Service):
    """An OpenFGA store, asked whether relationships hold."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s@#?]+$", max_length=2048)] = Field(
        description="Address of the server, without `/stores`. `http` only to this machine."
    )
    store: StoreId = Field(description="Id of the store.")
    model: StoreId | None = Field(None, description="Id of the authorisation model. Default: the store's latest.")
    consistency: Literal["MINIMIZE_LATENCY", "HIGHER_CONSISTENCY"] | None = Field(
        None, description="`HIGHER_CONSISTENCY` leaves the server's caches out. Default: the server's own."
    )
    checks: list[TupleKey] = Field(
        min_length=1,
        max_length=16,
        description="Relationships that must all hold. One that names what the request does not have (no tool is "
        "called) is left out; at least one must remain.",
    )
    contextual: list[TupleKey] = Field(
        default_factory=list,
        max_length=16,
        description="Relationships that are told with the question and hold for it alone.",
    )

    @model_validator(mode="after")
    def _no_values(self) -> OpenFga:
        if self.values:
            raise ValueError("`values` has no meaning here: OpenFGA is asked about relationships alone")
        return self


class Engines(Section):
    """Policy engines beside the built-in rules."""

    budget_ms: Annotated[int, Field(ge=10, le=10_000)] = Field(
        500, description="Longest time all engines of one request may take together, in milliseconds."
    )
    opa: list[Opa] = Field(default_factory=list, max_length=16, description="Open Policy Agents.")
    cedar: list[Cedar] = Field(default_factory=list, max_length=16, description="Sets of Cedar policies.")
    openfga: list[OpenFga] = Field(default_factory=list, max_length=16, description="OpenFGA stores.")

    @model_validator(mode="after")
    def _unique_names(self) -> Engines:
        names = [engine.name for engine in self.all]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two engines are named `{twice}`")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here whose content belongs to the policy (secrets do not)."""
        return tuple(file for engine in self.all for file in engine.files)

    @property
    def all(self) -> tuple[Opa | Cedar | OpenFga, ...]:
        """Every engine, in the order in which their findings are told."""
        engines: list[Opa | Cedar | OpenFga] = [*self.opa, *self.cedar, *self.openfga]
        return tuple(engines)
