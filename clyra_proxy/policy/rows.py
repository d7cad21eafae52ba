"""The section `data_platform.activation.rows`: what one request, run or window of time may do to a table.

A limit is looked up for every destination, target and operation: the first rule that matches and gives it decides, and
`default` where none does. So a rule may change one limit and leave the rest as they are.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from clyra_proxy.activation.model import Operation
from clyra_proxy.policy.genai.selecting import NamePattern, Selection
from clyra_proxy.policy.row_primitives import (
    Asks,
    Deletes,
    Distribution,
    FieldLists,
    Idempotency,
    Most,
    NullOverwrites,
    Rows,
    Share,
    TenantFence,
    Velocity,
    WindowLimit,
    WriteHours,
)
from clyra_proxy.policy.section import FilePath, Name, Section


class Limits(Section):
    """Limits of writes. What is not given is looked up in the next rule that matches, at last in `default`."""

    per_request: Most | None = Field(None, description="Most rows of one request; `off`: no limit.")
    per_run: Most | None = Field(None, description="Most rows of one run; `off`: no limit.")
    windows: list[WindowLimit] | None = Field(None, description="Most rows in windows of time; every one counts.")
    table_rows: Annotated[int, Field(ge=1, le=1 << 53)] | None = Field(
        None, description="Rows that the table has, for `share`. Default: what `table_sizes` says."
    )
    share: Share | None = Field(
        None, description="Largest part of the table that one run may touch, counted by different record keys."
    )
    deletes: Deletes | None = Field(None, description=Deletes.__doc__)
    nulls: NullOverwrites | None = Field(None, description=NullOverwrites.__doc__)
    fields: FieldLists | None = Field(None, description=FieldLists.__doc__)
    row_schema: FilePath | None = Field(
        None, description="JSON Schema (Draft 2020-12) of one row; a row that breaks it is `rows.invalid`."
    )
    distribution: Distribution | None = Field(None, description=Distribution.__doc__)
    tenant: TenantFence | None = Field(None, description=TenantFence.__doc__)
    velocity: Velocity | None = Field(None, description=Velocity.__doc__)
    idempotency: Idempotency | None = Field(None, description=Idempotency.__doc__)
    hours: WriteHours | None = Field(None, description=WriteHours.__doc__)


class RowRule(Limits, Selection):
    """Limits for some writes."""

    name: Name = Field(description="Name of the rule; findings carry it.")
    targets: list[NamePattern] = Field(
        default_factory=list,
        description="Objects or tables it is for (`contacts`, `Contact`, `db.schema.table`), whatever their case; "
        "`*` and `?` are wildcards; empty: any.",
    )
    operations: list[Operation] = Field(
        default_factory=list,
        description="What is done: `insert`, `update`, `upsert`, `delete`, `send`, `unknown`; empty: any.",
    )
    syncs: list[NamePattern] = Field(default_factory=list, description="Syncs it is for; wildcards as above.")

    @model_validator(mode="after")
    def _limits_something(self) -> RowRule:
        if not set(Limits.model_fields) & self.model_fields_set:
            raise ValueError(f"the rule `{self.name}` limits nothing")
        return self


class Unattributed(StrEnum):
    """What rows of nobody's sync ask for."""

    ALLOW = "allow"
    MARK = "mark"
    BLOCK = "block"


class OnLoss(Section):
    """What each limit asks for when what was counted cannot be read or written.

    `block` answers 429 with Retry-After, so that senders come again; `mark` lets the rows pass uncounted.
    """

    limits: Asks = Field(Asks.BLOCK, description="Rows per run and window, and shares of a table.")
    deletes: Asks = Field(Asks.BLOCK, description="Deletes.")
    velocity: Asks = Field(Asks.MARK, description="Token buckets.")
    idempotency: Asks = Field(Asks.MARK, description="Stored outcomes: `mark` lets the same write happen twice.")
    profiles: Asks = Field(Asks.MARK, description="What earlier runs looked like (nulls and distributions).")


DEFAULTS = Limits(
    per_request=10_000,
    per_run=100_000,
    windows=[WindowLimit(rows=250_000)],
    share=0.5,
    deletes=Deletes(),
    nulls=NullOverwrites(),
    distribution=Distribution(),
    idempotency=Idempotency(),
)


class RowLimits(Section):
    """Limits of writes."""

    enabled: bool = Field(True, description="Look at rows at all.")
    default: Limits = Field(
        DEFAULTS,
        description="Limits where no rule gives one. Replacing this section keeps the shipped values of what it does "
        "not name: 10,000 rows a request, 100,000 a run, 250,000 an hour, half of a table, and the defaults of "
        "`deletes`, `nulls`, `distribution` and `idempotency`.",
    )
    rules: list[RowRule] = Field(default_factory=list, description="Limits for some writes; the first that gives one.")
    table_sizes: dict[NamePattern, Rows] = Field(
        default_factory=dict, description="Target or table -> rows it has; wildcards in names."
    )
    table_sizes_file: FilePath | None = Field(
        None,
        description="JSON or YAML file of the same form, read when the policy is loaded; `table_sizes` goes first.",
    )
    run_s: Annotated[int, Field(ge=60, le=31 * 86_400)] = Field(
        86_400, description="How long a run is counted as one, in seconds."
    )
    unattributed: Unattributed = Field(
        Unattributed.MARK,
        description="Rows of which nobody knows the sync or run: `allow`, `mark` or `block` (`rows.unattributed`).",
    )
    on_loss: OnLoss = Field(default_factory=OnLoss, description=OnLoss.__doc__)
