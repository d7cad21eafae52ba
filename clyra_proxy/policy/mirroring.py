"""The section `enforcement.mirror`: copies of live requests for a second upstream, off the path.

Rule: a mirror may cost nothing that anybody waits for, so everything here has a bound and what is beyond it is dropped
and counted; and it may change nothing anywhere, so writes go only to a target that is declared a sandbox.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.destinations import Method, PathPattern
from clyra_proxy.policy.genai.selecting import NamePattern, Selection
from clyra_proxy.policy.section import Name, Section
from clyra_proxy.policy.services import Breaker, Credential, HeaderName, ServiceTls, is_this_machine

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s@]+/?$", max_length=512)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/[^/\x00-\x1f]*)+$", max_length=512)]
"""A JSON pointer (RFC 6901); `*` stands for one whole token."""
FieldName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,128}$")]


class Key(StrEnum):
    """What is chosen as a whole."""

    TRACE = "trace"
    RUN = "run"
    AGENT = "agent"
    TENANT = "tenant"
    PATH = "path"


class HostField(StrEnum):
    """What the target is told in `Host`."""

    TARGET = "target"
    ORIGINAL = "original"
    SHADOW = "shadow"


class Comparing(Section):
    """How the two answers are compared. What is kept of it are pointers and kinds of difference, never a value."""

    enabled: bool = Field(True, description="Compare at all.")
    max_body_bytes: Annotated[int, Field(ge=1024, le=4 << 20)] = Field(
        64 << 10, description="Bytes kept of either answer; of larger ones only status and media type are compared."
    )
    max_values: Annotated[int, Field(ge=16, le=100_000)] = Field(
        5_000, description="Values compared of one pair of answers."
    )
    wait_ms: Annotated[int, Field(ge=10, le=600_000)] = Field(
        30_000, description="How long the mirror's answer waits for the real one, in milliseconds."
    )
    ignore: list[Pointer] = Field(
        default_factory=list,
        description="JSON pointers that may differ, everything below them included; `*` stands for one token "
        "(`/items/*/etag`).",
    )
    ignore_headers: list[HeaderName] = Field(
        default_factory=list, description="Header fields of answers that may differ, beside the well-known ones."
    )
    noise_share: Annotated[float, Field(gt=0.5, le=1.0)] = Field(
        0.95, description="A value that differs in at least this share of the pairs of a route is noise."
    )
    noise_pairs: Annotated[int, Field(ge=5, le=100_000)] = Field(
        20, description="Pairs of a route that must have been seen before anything of it is called noise."
    )


class MirrorTarget(Selection):
    """A second upstream for some of the traffic."""

    name: Name = Field(description="Name in metrics, in the log and in reports.")
    url: Origin = Field(description="Origin of the target, `https://host[:port]`. Path and query are the request's.")
    methods: list[Method] = Field(default_factory=list, description="Methods it is for; empty: any.")
    paths: list[PathPattern] = Field(default_factory=list, description="Paths it is for; empty: any.")
    percent: Annotated[float, Field(ge=0, le=100)] = Field(100.0, description="Share of the keys, in percent.")
    by: Key = Field(
        Key.TRACE,
        description="What is chosen as a whole: all requests of a `trace`, of a `run` of an agent, of an `agent`, of a "
        "`tenant`, or to a `path`. The choice is keyed by the data folder's secret: always the same for the same key, "
        "and nobody outside can tell it beforehand.",
    )
    sandbox: bool = Field(
        False, description="Nothing written there matters. Only then are requests mirrored that may write."
    )
    reads: list[PathPattern] = Field(
        default_factory=list,
        description="Paths whose requests only read, whatever their method (`/search`, a GraphQL endpoint).",
    )
    writes: list[PathPattern] = Field(
        default_factory=list, description="Paths whose requests write although their method says otherwise."
    )
    allow_private: bool = Field(
        False,
        description="The target may have a private, loopback or shared address. Link-local, multicast and metadata "
        "addresses stay closed.",
    )
    allow_plaintext: bool = Field(False, description="Allow `http` to other machines: content then goes unencrypted.")
    tls: ServiceTls = Field(default_factory=ServiceTls, description=ServiceTls.__doc__)
    host: HostField = Field(
        HostField.TARGET,
        description="The `Host` field sent: the target's own, the `original` one, or `shadow`, the original with "
        "`-shadow` after its name.",
    )
    credential: Credential | None = Field(
        None, description="The target's own secret; those of the request are never sent."
    )
    strip_headers: list[HeaderName] = Field(
        default_factory=list, description="Header fields taken out, beside all that are known to carry secrets."
    )
    strip_fields: list[FieldName] = Field(
        default_factory=list,
        description="Names of query parameters, form fields and JSON members whose values are taken out, beside those "
        "that are known to carry secrets; letter case does not matter.",
    )
    find_secrets: bool = Field(
        True, description="Also look for secrets and canaries by their form, as `genai_security.leaks` does."
    )
    timeout_ms: Annotated[int, Field(ge=10, le=600_000)] = Field(
        5_000, description="Time for one mirrored request from connecting to the end of its answer, in milliseconds."
    )
    max_body_bytes: Annotated[int, Field(ge=0, le=64 << 20)] = Field(
        256 << 10, description="Largest request body mirrored, in bytes; a larger request is not mirrored, and counted."
    )
    queue: Annotated[int, Field(ge=1, le=100_000)] = Field(
        256, description="Copies a worker keeps at the same time, waiting and under way; more are dropped and counted."
    )
    queue_bytes: Annotated[int, Field(ge=64 << 10, le=4 << 30)] = Field(
        16 << 20, description="Bytes a worker keeps for copies and their answers at the same time."
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(8, description="Mirrored requests at once, a worker.")
    per_second: Annotated[float, Field(gt=0, le=100_000)] = Field(
        100.0, description="Mirrored requests a second, a worker; bursts of one second's worth are possible."
    )
    breaker: Breaker = Field(default_factory=Breaker, description=Breaker.__doc__)
    compare: Comparing = Field(default_factory=Comparing, description=Comparing.__doc__)

    @model_validator(mode="after")
    def _encrypted(self) -> MirrorTarget:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.allow_plaintext and not is_this_machine(parts.hostname or ""):
            raise ValueError(f"`url: {self.url}` would send content unencrypted; use https, or say `allow_plaintext`")
        try:
            parts.port  # noqa: B018 - asked for its error
        except ValueError as error:
            raise ValueError(f"`url: {self.url}` has no sound port") from error
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here whose content belongs to the policy (secrets do not)."""
        return tuple(file for file in (self.tls.ca, self.tls.certificate) if file)


class Mirroring(Section):
    """Copies of live requests for a second upstream, off the path; docs/mirroring.md."""

    targets: list[MirrorTarget] = Field(
        default_factory=list, description="Where copies go; the first that is for a request gets it."
    )
    log_bytes: Annotated[int, Field(ge=64 << 10, le=1 << 40)] = Field(
        16 << 20, description="Size at which `mirror.log` is rotated, in bytes."
    )
    log_files: Annotated[int, Field(ge=1, le=100)] = Field(4, description="Rotated files of `mirror.log` kept.")

    @model_validator(mode="after")
    def _one_name_each(self) -> Mirroring:
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ValueError("two targets have the same name")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here whose content belongs to the policy."""
        return tuple(file for target in self.targets for file in target.files)


__all__ = ["Comparing", "HostField", "Key", "MirrorTarget", "Mirroring", "NamePattern"]
