"""`genai_security.budgets`: tokens, cost, rate, concurrency, models; loops and drift."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from clyra_proxy.policy.genai.selecting import NamePattern, Selection
from clyra_proxy.policy.section import FilePath, Name, Section

Positive = Annotated[int, Field(ge=1, le=1 << 53)]
Seconds = Annotated[int, Field(ge=1, le=31 * 86_400)]


class Per(StrEnum):
    """What is counted together."""

    AGENT = "agent"
    TENANT = "tenant"
    SESSION = "session"
    RUN = "run"
    DESTINATION = "destination"
    ALL = "all"


class Budget(Selection):
    """A limit on model calls."""

    name: Name = Field(description="Name of the budget; findings carry it.")
    models: list[NamePattern] = Field(default_factory=list, description="Models it is for; empty: any.")
    per: Per = Field(
        Per.AGENT,
        description="What is counted together: each `agent`, `tenant`, `session`, `run` or `destination`, or `all`.",
    )
    window_s: Seconds = Field(3600, description="Sliding window of tokens, cost and calls, in seconds.")
    tokens: Positive | None = Field(None, description="Most tokens, input and output together, in the window.")
    cost: Annotated[float, Field(gt=0, le=1e9)] | None = Field(
        None, description="Most cost in the window, in the currency of the price table."
    )
    calls: Positive | None = Field(None, description="Most calls in the window.")
    concurrent: Annotated[int, Field(ge=1, le=100_000)] | None = Field(None, description="Most calls at once.")
    input_tokens: Positive | None = Field(None, description="Most input tokens of one call, estimated.")
    output_tokens: Positive | None = Field(
        None, description="Most output tokens one call may ask for; a call that names no limit asks for more."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Budget:
        limits = (self.tokens, self.cost, self.calls, self.concurrent, self.input_tokens, self.output_tokens)
        if all(limit is None for limit in limits):
            raise ValueError(
                "a budget limits nothing; give `tokens`, `cost`, `calls`, `concurrent`, `input_tokens` or "
                "`output_tokens`"
            )
        return self


class ModelRule(Selection):
    """Which models some callers may use."""

    allow: list[NamePattern] = Field(
        min_length=1, description="Models that may be used; `*` and `?` are wildcards, case is ignored."
    )


type Limit = Positive | Literal["off"] | None
"""A limit of one's own, no limit, or (None) the default one, which only marks."""


class LoopLimits(Section):
    """When a run counts as caught in a loop. What a run is: the caller's run, its session, or its conversation.

    A limit that the policy gives asks for a block; a default only for a mark. `off`: no limit.
    """

    repeated_calls: Limit = Field(
        None,
        description="Most equal calls of one tool within `window_s` (`loop.repeat`). Default: 25, a mark.",
    )
    repeated_prompts: Limit = Field(
        None, description="Most equal prompts of a user within `window_s` (`loop.repeat`). Default: 50, a mark."
    )
    similar_prompts: Limit = Field(
        None,
        description="Most prompts that differ in numbers, ids and blanks alone, within `window_s` (`loop.repeat`). "
        "Default: 500, a mark.",
    )
    window_s: Seconds = Field(600, description="Window in which repetitions are counted, in seconds.")
    calls: Limit = Field(None, description="Most model calls of one run (`loop.limit`). Default: 5000, a mark.")
    tool_calls: Limit = Field(None, description="Most tool calls of one run (`loop.limit`). Default: 10000, a mark.")
    tokens: Limit = Field(None, description="Most tokens of one run (`loop.limit`). Default: no limit.")
    seconds: Limit = Field(
        None,
        description="Longest time from the first to the last call of a run, in seconds, at most a day (`loop.limit`). "
        "Default: no limit.",
    )
    cool_off_s: Annotated[int, Field(ge=0, le=86_400)] = Field(
        60,
        description="How long a run that broke a limit of the policy stays stopped (`loop.limit`), in seconds; 0: not "
        "at all.",
    )


class LoopRule(LoopLimits, Selection):
    """Limits of their own for some callers. They replace those of `loops`; the first that matches wins."""


class Loops(LoopLimits):
    """The loop breaker. A limit that the policy gives asks for a block; a default only for a mark; `off`: none."""

    enabled: bool = Field(True, description="Count calls and repetitions of runs.")
    agents: list[LoopRule] = Field(default_factory=list, description="Limits of their own for some callers.")


class Drift(Section):
    """Changes of what an agent is told and of what it can do."""

    enabled: bool = Field(
        True,
        description="Remember salted hashes of system prompts and tool sets per agent, never their text; one that "
        "differs from the first is `drift.prompt` or `drift.tools` until `clyra genai drift accept`.",
    )
    learn_s: Annotated[int, Field(ge=0, le=31 * 86_400)] = Field(
        0, description="How long after an agent was first seen others are learned silently, in seconds."
    )
    most: Annotated[int, Field(ge=1, le=1000)] = Field(
        16,
        description="System prompts, or tool sets, of an agent that are remembered. One that has more is told once and "
        "then no longer tracked: it writes its prompts anew each time.",
    )


class Budgets(Section):
    """Tokens, cost, rate, concurrency, models; loops and drift."""

    limits: list[Budget] = Field(default_factory=list, description="Budgets; every one that matches counts.")
    models: list[ModelRule] = Field(
        default_factory=list,
        description="Model allow-lists; the first that matches the caller decides (`budget.model`). None: any model.",
    )
    prices: FilePath | None = Field(
        None,
        description="YAML file of prices laid over `policies/rules/prices.yaml`: model pattern -> price of a million "
        "input and output tokens.",
    )
    unpriced: Annotated[float, Field(ge=0, le=1e6)] = Field(
        30.0, description="Price of a million tokens of a model that is in no table."
    )
    output_estimate: Positive = Field(
        1024, description="Output tokens reserved for a call that names no limit, until the real count is known."
    )
    loops: Loops = Field(default_factory=Loops, description=Loops.__doc__)
    drift: Drift = Field(default_factory=Drift, description=Drift.__doc__)
