"""The section `enforcement.approvals`: which actions need a person, how many, what he is shown, and how long there is.

Who may approve is not said here: the guarded side must not choose its own approvers. People, identity providers,
authenticators and notifications are settings of the recorder (`recorder/approvals/settings.py`).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from clyra_proxy.activation.model import Operation
from clyra_proxy.policy.destinations import Method, PathPattern
from clyra_proxy.policy.paths import pattern_source
from clyra_proxy.policy.section import FilePath, Name, Section
from clyra_proxy.verdict.rules import FAMILIES, RULES

Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/\x00]|~[01])*)+$", max_length=512)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=256)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$")]

DEFAULT_HEADERS = (
    "content-type",
    "idempotency-key",
    "x-idempotency-key",
    "if-match",
    "if-none-match",
    "prefer",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-tenant-id",
    "x-account-id",
    "x-api-version",
    "stripe-account",
    "stripe-version",
)


class ActionClass(StrEnum):
    """A goes freely, B needs one person, C needs two, or nobody may approve it."""

    A = "A"
    B = "B"
    C = "C"


class Amount(Section):
    """Where a sum of money stands in a JSON body, and from which one on a rule holds."""

    pointer: Pointer = Field(description="JSON pointer (RFC 6901) to the amount, a number or decimal text.")
    currency: Pointer | None = Field(None, description="JSON pointer to its ISO 4217 currency.")
    above: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,24}(\.[0-9]{1,9})?$")] = Field(
        "0",
        description="The rule holds above this amount, as decimal text in the unit that the body uses. An amount that "
        "is missing or cannot be read counts as above.",
    )

    @property
    def limit(self) -> Decimal:
        return Decimal(self.above)


class ActionRule(Section):
    """One kind of action. All given conditions must hold; an empty list means any."""

    name: Name = Field(description="Name of the rule; packets and receipts carry it.")
    class_: ActionClass = Field(
        alias="class", description="`A`: free, `B`: one person approves, `C`: two different persons approve."
    )
    destinations: list[Name] = Field(default_factory=list, description="Names of destinations.")
    routes: list[Glob] = Field(
        default_factory=list, description="Route ids, `destination/rule`; `*` matches any characters."
    )
    methods: list[Method] = Field(default_factory=list, description="HTTP methods, upper case.")
    paths: list[PathPattern] = Field(default_factory=list, description="Path patterns, as in `destinations`.")
    tools: list[Glob] = Field(default_factory=list, description="Names of tools that are called; `*` as above.")
    operations: list[Operation] = Field(
        default_factory=list,
        description="What rows of a write or SQL statements do; where neither is known, HTTP DELETE is `delete`, and "
        "so is what a path or a body calls so (`POST /users/delete`, GraphQL; see docs/approvals-howto.md).",
    )
    targets: list[Glob] = Field(default_factory=list, description="Objects or tables that are written; `*` as above.")
    agents: list[Glob] = Field(default_factory=list, description="Agents that ask; `*` as above.")
    findings: list[str] = Field(
        default_factory=list,
        description="Rule ids or families; one enforced finding of them must be there, such as `bec.suspected`.",
    )
    amount: Amount | None = Field(None, description=Amount.__doc__)
    approvers: Annotated[int, Field(ge=1, le=16)] | None = Field(
        None, description="Different persons needed. Default: 1 for class B, 2 for class C."
    )
    forbidden: bool = Field(False, description="Nobody may approve it (class C only).")
    role: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = Field(
        "", description="Role that approvers must have; empty: any approver."
    )
    show: list[Pointer] = Field(
        default_factory=list,
        max_length=64,
        description="JSON pointers of the body that the approver is shown. Default: its scalar values, the first 32, "
        "without those whose name or form is that of a secret.",
    )

    @field_validator("paths")
    @classmethod
    def _readable_paths(cls, paths: list[str]) -> list[str]:
        for path in paths:
            pattern_source(path)
        return paths

    @field_validator("findings")
    @classmethod
    def _known_rules(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in RULES and name not in FAMILIES:
                raise ValueError(f"unknown rule `{name}`")
        return names

    @model_validator(mode="after")
    def _sensible(self) -> ActionRule:
        if self.forbidden and self.class_ is not ActionClass.C:
            raise ValueError("`forbidden` goes with class C")
        if self.class_ is ActionClass.A and (self.approvers or self.role):
            raise ValueError("class A needs nobody, so `approvers` and `role` have no meaning")
        if self.class_ is ActionClass.C and not self.forbidden and self.approvers == 1:
            raise ValueError("class C needs at least two approvers")
        return self

    @property
    def need(self) -> int:
        """Different persons that must approve."""
        return self.approvers or (2 if self.class_ is ActionClass.C else 1)


class ApprovalsRecorder(Section):
    """A recorder that several replicas share for approvals, over TCP with mutual TLS."""

    address: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:\[\]-]{1,255}:[0-9]{1,5}$")] = Field(
        description="HOST:PORT of its TCP listener (`clyra-recorder serve --tcp`)."
    )
    authority: FilePath = Field(description="PEM file of the authority of its certificate.")
    certificate: FilePath = Field(description="PEM file of this replica's client certificate.")
    key: FilePath = Field(description="PEM file of the certificate's key.")
    source_key: FilePath = Field(description="File of the ingestion key that signs requests to it (0600, hex).")
    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = Field(
        "source", description="Name of that ingestion key at the recorder."
    )


class Approvals(Section):
    """Actions that wait for a person."""

    actions: list[ActionRule] = Field(
        default_factory=list,
        description="Kinds of actions in order; the first that matches says the class. What none matches is class A, "
        "unless an enforced finding asks for an approval: then it is class B.",
    )
    wait_seconds: Annotated[int, Field(ge=0, le=600)] = Field(
        20, description="A request waits so long for a person; then it is answered 202 with an id to come back with."
    )
    waiting: Annotated[int, Field(ge=1, le=10_000)] = Field(
        256, description="Requests that may wait in one worker at the same time; more are answered 202 at once."
    )
    retry_after_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(10, description="Retry-After of that answer.")
    decide_within_seconds: Annotated[int, Field(ge=10, le=7 * 86_400)] = Field(
        3600, description="Time that people have to decide (the SLA); after it the request is expired."
    )
    valid_seconds: Annotated[int, Field(ge=5, le=86_400)] = Field(
        300, description="Time in which a granted approval must be used, from the last signature on."
    )
    headers: list[HeaderName] = Field(
        default_factory=lambda: list(DEFAULT_HEADERS),
        description="Request headers that matter, lower case: an approval holds only for the same values.",
    )
    bind_credentials: bool = Field(
        True,
        description="Bind an approval to the account that the request's credentials name too (`Authorization` and the "
        "usual headers of API keys, not cookies): a token's subject, a signature's key id, else the whole value.",
    )
    audience: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$")] = Field(
        "clyra", description="Name of this deployment; approvals of another audience are not accepted."
    )
    recorder: ApprovalsRecorder | None = Field(None, description=ApprovalsRecorder.__doc__)

    @model_validator(mode="after")
    def _unique_names(self) -> Approvals:
        names = [action.name for action in self.actions]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two actions are named `{twice}`")
        return self
