"""The `destinations` section: who may be talked to, and what is expected of the conversation.

A destination is a name, the hosts and ports it covers, and settings; its rules narrow the settings by method, path
and content type. Of several destinations the most specific host wins (exact name, then the longest wildcard, then
`*`); of a destination's rules the first written that matches wins. `clyra_proxy.policy.compiler` makes both fast.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from clyra_proxy.policy.paths import pattern_source
from clyra_proxy.policy.route import Atomic, EvidenceClass, Tls
from clyra_proxy.policy.section import FilePath, HostPattern, Name, RuleModes, Section

Port = Annotated[int, Field(ge=1, le=65535)]
Method = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Z-]+$")]
MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[^\s\x00]([^\r\n\x00]{0,254}[^\s\x00])?$")]
PathPattern = Annotated[str, StringConstraints(pattern=r"^/[^\s?#\x00]*$")]


class SchemaBinding(Section):
    """What bodies must look like. Every file is relative to the folder of the policy file."""

    request: FilePath | None = Field(None, description="JSON Schema (Draft 2020-12) of request bodies.")
    response: FilePath | None = Field(None, description="JSON Schema (Draft 2020-12) of response bodies.")
    events: dict[EventName, FilePath] = Field(
        default_factory=dict,
        description="Server-sent events by name -> JSON Schema of their data. Events of other names, and those without "
        "one unless `message` is named here, fall under `response`.",
    )
    openapi: FilePath | None = Field(
        None, description="OpenAPI 3.0 or 3.1 document; its operation gives the schemas of request and response."
    )
    lock: FilePath | None = Field(None, description="Schema lock file written by `clyra schema lock`.")
    rows: FilePath | None = Field(
        None, description="JSON Schema of one row of an NDJSON, CSV or form-encoded request body."
    )
    media: list[MediaType] = Field(
        default_factory=list,
        description="Content types a request body may have; `type/*` covers a family. Empty: any.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> SchemaBinding:
        direct = [name for name in ("request", "response") if getattr(self, name)]
        if self.openapi and direct:
            raise ValueError(f"`openapi` and `{direct[0]}` both say what the body is; keep one")
        if self.events and not self.response:
            raise ValueError("`events` needs `response`, the schema of events that are not named")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here, in field order."""
        named = (self.request, self.response, *self.events.values(), self.openapi, self.lock, self.rows)
        return tuple(file for file in named if file)


class RouteSettings(Section):
    """Settings a destination and each of its rules can have; a rule's own value replaces the destination's."""

    schema_: SchemaBinding | None = Field(None, alias="schema", description="What the bodies must look like.")
    atomic: Atomic | None = Field(
        None,
        description="`stream` releases validated bytes as they come; `spool` forwards a body only when all of it "
        "passed, for upstreams that act on partial bodies. Default: `data_platform.schemalock.atomic`.",
    )
    evidence: EvidenceClass | None = Field(
        None,
        description="`required`: the intent record is durable before the first byte goes upstream. `queued`: recorded "
        "soon after. Default: `evidence.writes` or `evidence.reads`, by method.",
    )
    genai: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = Field(
        None,
        description="How exchanges are read as conversations with models and tool servers: `auto` recognises the API, "
        "`off` reads none, or the id of one (see docs/genai.md). Default: `auto`.",
    )
    activation: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}(:/.{0,255})?$")] | None = Field(
        None,
        description="How writes are read as rows: `auto` recognises the destination, `off` reads none, or the id of a "
        "profile, with the place of its rows where it has none of its own (`generic-json:/data/rows`); see "
        "docs/destinations.md. Default: `auto`.",
    )
    modes: RuleModes = Field(
        default_factory=dict,
        description="Rule id or family -> `off`, `shadow` or `enforce`, laid over `enforcement.rules`.",
    )


class MatchRule(RouteSettings):
    """Settings for a part of a destination. All given conditions must hold; an empty list means any."""

    name: Name = Field(description="Name of the rule; verdicts carry `destination/name`.")
    methods: list[Method] = Field(default_factory=list, description="HTTP methods, upper case.")
    paths: list[PathPattern] = Field(
        default_factory=list,
        description="Path patterns without query: `*` matches within one segment, `**` as a segment any number of "
        "segments (`/v1/**` covers /v1 and all below); without either the path must be equal. Matched "
        "after decoding unreserved escapes, removing dot segments and merging slashes; where no rule matches so, as "
        "servers read it that ignore case, a last slash or `;` parameters, or decode `%2F` (not with `only_rules`).",
    )
    content_types: list[MediaType] = Field(
        default_factory=list, description="Content types of the request, without parameters; `type/*` covers a family."
    )

    @field_validator("paths")
    @classmethod
    def _readable_paths(cls, paths: list[str]) -> list[str]:
        for path in paths:
            pattern_source(path)
        return paths


class DestinationSettings(RouteSettings):
    """One entry of the allow-list, keyed by its name."""

    hosts: list[HostPattern] = Field(
        min_length=1,
        description="Host names or IP literals; `*.example.com` covers every name below example.com, `*` every host.",
    )
    ports: list[Port] | Literal["any"] = Field([80, 443], description="Ports that belong to the destination.")
    tls: Tls = Field(
        Tls.INTERCEPT,
        description="`passthrough` forwards TLS unread; nothing is checked and the record says `opaque`.",
    )
    allow_private: bool = Field(
        False,
        description="Let the host resolve to private, loopback or shared addresses. Link-local, multicast and "
        "cloud-metadata addresses stay refused.",
    )
    only_rules: bool = Field(
        False, description="Treat a request that none of the rules matches as an unknown destination."
    )
    rules: list[MatchRule] = Field(default_factory=list, description="Narrower settings; the first that matches wins.")

    @model_validator(mode="after")
    def _sensible(self) -> DestinationSettings:
        names = [rule.name for rule in self.rules]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two rules are named `{twice}`")
        if self.only_rules and not self.rules:
            raise ValueError("`only_rules` without any rule would refuse every request")
        if self.tls is Tls.PASSTHROUGH and (self.rules or self.schema_):
            raise ValueError("`tls: passthrough` leaves the traffic unread, so `rules` and `schema` can never apply")
        return self
