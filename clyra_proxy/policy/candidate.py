"""The section `enforcement.candidate`: a second policy that judges the same live traffic and never acts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.sampling import Sampling
from clyra_proxy.policy.section import FilePath, Section


class CandidatePolicy(Section):
    """A second policy that judges the same live traffic and never acts; docs/shadow.md."""

    policy: FilePath | None = Field(
        None,
        description="The second policy file. Null: there is none, and nothing is kept or judged for it. It is no part "
        "of the policy hash, because it changes no decision.",
    )
    sample: Sampling = Field(default_factory=Sampling, description="Which exchanges it judges.")
    max_body_bytes: Annotated[int, Field(ge=1024, le=64 << 20)] = Field(
        1 << 20,
        description="Bytes kept of each direction of an exchange until the candidate has judged it. Of a larger body "
        "it sees this much, and its verdict says `skipped:too_large`.",
    )
    max_held_bytes: Annotated[int, Field(ge=1 << 20, le=4 << 30)] = Field(
        64 << 20,
        description="Bytes kept for it in a worker at the same time; beyond them its verdict says `skipped:memory`.",
    )
    budget_ms: Annotated[int, Field(ge=10, le=60_000)] = Field(
        2000,
        description="Longest time between the end of an exchange and the candidate's verdict on it, in milliseconds; "
        "one that takes longer has failed.",
    )
