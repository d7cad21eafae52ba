"""The section `enforcement.halt`: what stops traffic by itself, for how long, and how it comes back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from clyra_proxy.enforcement.halt.model import Scope
from clyra_proxy.policy.section import FilePath, Section
from clyra_proxy.verdict.model import Mode

Seconds = Annotated[int, Field(ge=1, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1 << 31)]
Percent = Annotated[float, Field(gt=0, le=100)]


def _scope(default: Scope) -> Any:
    said = "What is halted: `global`, or the `tenant`, `agent` or `destination` it came from."
    return Field(default, description=said)


def _count(default: int) -> Any:
    return Field(default, description="Events within the window that trip it.")


def _percent(default: float | None) -> Any:
    said = "Also needed: this share of the exchanges within the window, in percent. Null: any share."
    return Field(default, description=said)


def _sample(default: int) -> Any:
    return Field(default, description="Exchanges within the window below which it never trips.")


def _window(default: int) -> Any:
    return Field(default, description="Length of the sliding window, in seconds.")


def _lasting(default: int | None) -> Any:
    said = "How long the halt lasts before it is tried again, in seconds; null: until a person resumes."
    return Field(default, description=said)


class Trigger(Section):
    """A threshold. It is reached when `count` events came within the window and they are `percent` of the sample."""

    mode: Mode | None = Field(
        None, description="`enforce` halts, `shadow` only says so, `off` does not look. Default: `automatic`."
    )
    scope: Scope = _scope(Scope.GLOBAL)
    count: Count = _count(1)
    percent: Percent | None = _percent(None)
    minimum_sample: Count = _sample(1)
    window_seconds: Seconds = _window(60)
    halt_seconds: Seconds | None = _lasting(300)

    @model_validator(mode="after")
    def _has_a_place(self) -> Trigger:
        if self.scope is Scope.TOOL:
            raise ValueError("a trigger cannot have `scope: tool`; choose global, tenant, agent or destination")
        return self


class SchemaViolations(Trigger):
    """Exchanges with documents or rows that break their schema."""

    scope: Scope = _scope(Scope.DESTINATION)
    count: Count = _count(50)
    percent: Percent | None = _percent(50.0)
    minimum_sample: Count = _sample(50)


class RowJump(Trigger):
    """Rows written within the window, against the mean of the windows before it."""

    scope: Scope = _scope(Scope.DESTINATION)
    count: Count = _count(10_000)
    factor: Annotated[float, Field(gt=1, le=1e6)] = Field(
        10.0, description="Trips when the window holds this many times the mean of the earlier windows."
    )
    history_windows: Annotated[int, Field(ge=1, le=1000)] = Field(
        10, description="How many earlier windows make the mean; before the first of them is over nothing trips."
    )


class NullOverwrites(Trigger):
    """Requests that overwrite values with nothing too often (`rows.null_overwrite`)."""

    scope: Scope = _scope(Scope.DESTINATION)
    count: Count = _count(5)


class Injections(Trigger):
    """Exchanges in which an injection was found."""

    scope: Scope = _scope(Scope.AGENT)
    count: Count = _count(10)


class Canaries(Trigger):
    """Exchanges in which a canary was seen (`leak.canary`)."""

    scope: Scope = _scope(Scope.AGENT)
    count: Count = _count(1)
    halt_seconds: Seconds | None = _lasting(None)


class Errors(Trigger):
    """Exchanges in which a check failed or ran out of time."""

    scope: Scope = _scope(Scope.DESTINATION)
    count: Count = _count(20)
    percent: Percent | None = _percent(50.0)
    minimum_sample: Count = _sample(20)


class UpstreamErrors(Trigger):
    """Exchanges whose upstream answered 5xx, broke off or could not be reached."""

    scope: Scope = _scope(Scope.DESTINATION)
    count: Count = _count(20)
    percent: Percent | None = _percent(50.0)
    minimum_sample: Count = _sample(20)
    window_seconds: Seconds = _window(30)
    halt_seconds: Seconds | None = _lasting(30)


class RecorderLoss(Section):
    """The recorder does not answer."""

    mode: Mode | None = Field(None, description="As of a trigger. Default: `automatic`.")
    seconds: Seconds = Field(30, description="How long the recorder may be away before everything is halted.")
    halt_seconds: Seconds | None = _lasting(30)


class Triggers(Section):
    """What halts by itself."""

    schema_violations: SchemaViolations = Field(default_factory=SchemaViolations, description=SchemaViolations.__doc__)
    row_volume: RowJump = Field(default_factory=RowJump, description=RowJump.__doc__)
    null_overwrites: NullOverwrites = Field(default_factory=NullOverwrites, description=NullOverwrites.__doc__)
    injections: Injections = Field(default_factory=Injections, description=Injections.__doc__)
    canaries: Canaries = Field(default_factory=Canaries, description=Canaries.__doc__)
    errors: Errors = Field(default_factory=Errors, description=Errors.__doc__)
    upstream_errors: UpstreamErrors = Field(default_factory=UpstreamErrors, description=UpstreamErrors.__doc__)
    recorder_loss: RecorderLoss = Field(default_factory=RecorderLoss, description=RecorderLoss.__doc__)


class Halts(Section):
    """The kill switch."""

    automatic: Mode = Field(
        Mode.SHADOW,
        description="What a trigger does that names no mode: `enforce` halts, `shadow` only says so, `off` is not "
        "looked at. Halts by a person always hold.",
    )
    probes: Annotated[int, Field(ge=1, le=1000)] = Field(
        3, description="Requests that must pass well, one at a time and worker, before a trigger's halt ends."
    )
    longest_override_seconds: Annotated[int, Field(ge=60, le=7 * 86_400)] = Field(
        86_400, description="Longest time for which a person may let a halted place pass (`clyra resume --for`)."
    )
    sentinel_file: FilePath | None = Field(
        None,
        description="A file whose presence halts everything. Taking it away does not resume. Default: `HALT` in the "
        "folder `halt` of the data folder.",
    )
    triggers: Triggers = Field(default_factory=Triggers, description=Triggers.__doc__)
