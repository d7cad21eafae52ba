"""The policy file: one strict document whose sections are the rooms of the house.

Every field says its meaning, unit and default here and nowhere else; `docs/policy-reference.md` and
`policies/policy.schema.json` are generated from this module. A section without fields refuses every key: what does
not work yet cannot be asked for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.policy.bodies import DataPlatform
from clyra_proxy.policy.candidate import CandidatePolicy
from clyra_proxy.policy.destinations import DestinationSettings
from clyra_proxy.policy.engines import Engines
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.policy.halts import Halts
from clyra_proxy.policy.mirroring import Mirroring
from clyra_proxy.policy.proving import Evidence, Telemetry
from clyra_proxy.policy.receiving import Identity, Listen
from clyra_proxy.policy.section import FilePath, Name, RuleModes, Section
from clyra_proxy.policy.sharing import SharedState
from clyra_proxy.policy.testcases import TestCase
from clyra_proxy.verdict.model import Mode

VERSION = 1


class Egress(StrEnum):
    """What `egress.destination` asks for when a destination is on no allow-list."""

    BALANCED = "balanced"  # mark
    STRICT = "strict"  # block


class OnError(StrEnum):
    """What a failed check asks for."""

    BLOCK = "block"
    MARK = "mark"


class VoiceCompliance(Section):
    """Calls and voice agents. Nothing can be set yet."""


class Compliance(Section):
    """Control frameworks. Nothing can be set yet."""


class Enforcement(Section):
    """What rules do, and what happens to the unknown."""

    mode: Mode = Field(
        Mode.SHADOW,
        description="Mode of every rule that `rules` and the destination do not name: `shadow` only says what it "
        "would do, `enforce` acts, `off` does not run.",
    )
    rules: RuleModes = Field(
        default_factory=dict, description="Rule id or family -> `off`, `shadow` or `enforce`; see docs/verdicts.md."
    )
    egress: Egress = Field(
        Egress.BALANCED, description="Unknown destinations: `balanced` marks them, `strict` blocks them."
    )
    on_error: OnError = Field(
        OnError.BLOCK,
        description="What a check of heads or addresses asks for when it fails or runs out of time. A body check that "
        "fails always asks for a block.",
    )
    upstream_ca: FilePath | None = Field(
        None,
        description="PEM file of the authorities that upstream certificates must chain to. Default: the public roots.",
    )
    approvals: Approvals = Field(default_factory=Approvals, description=Approvals.__doc__)
    halt: Halts = Field(default_factory=Halts, description=Halts.__doc__)
    state: SharedState = Field(default_factory=SharedState, description=SharedState.__doc__)
    engines: Engines = Field(default_factory=Engines, description=Engines.__doc__)
    mirror: Mirroring = Field(default_factory=Mirroring, description=Mirroring.__doc__)
    candidate: CandidatePolicy = Field(default_factory=CandidatePolicy, description=CandidatePolicy.__doc__)


class PolicyDocument(Section):
    """A whole policy, effective: profile and file merged, defaults filled in."""

    version: Annotated[int, Field(ge=VERSION, le=VERSION, description="Version of this format; 1.")] = VERSION
    extends: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None,
        description="Shipped profile this policy is laid over: `observe`, `balanced`, `strict`, `reverse-etl`, "
        "`voice` or `ci`. Mappings merge; every other value replaces the profile's.",
    )
    listen: Listen = Field(default_factory=Listen, description="Where clients connect.")
    identity: Identity = Field(default_factory=Identity, description="How callers are told apart.")
    destinations: dict[Name, DestinationSettings] = Field(
        default_factory=dict, description="The allow-list: name of a destination -> its settings."
    )
    data_platform: DataPlatform = Field(default_factory=DataPlatform, description="Bodies and rows.")
    genai_security: GenAiSecurity = Field(default_factory=GenAiSecurity, description=GenAiSecurity.__doc__)
    voice_compliance: VoiceCompliance = Field(default_factory=VoiceCompliance, description=VoiceCompliance.__doc__)
    enforcement: Enforcement = Field(default_factory=Enforcement, description="What rules do.")
    compliance: Compliance = Field(default_factory=Compliance, description=Compliance.__doc__)
    evidence: Evidence = Field(default_factory=Evidence, description="Records and bundles.")
    telemetry: Telemetry = Field(default_factory=Telemetry, description="Verdict log and metrics.")
    tests: list[TestCase] = Field(
        default_factory=list,
        description="Cases run by `clyra policy test`; not part of the policy hash. May also stand in a file "
        "beside the policy, `NAME.tests.yaml`.",
    )

    @model_validator(mode="after")
    def _open_listener_asks_who(self) -> PolicyDocument:
        if not self.listen.is_loopback and not self.identity.required:
            raise ValueError(
                f"`listen.host: {self.listen.host}` can be reached from other machines, so `identity.required` "
                "must be true; or bind a loopback address"
            )
        return self
