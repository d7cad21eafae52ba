"""The section `data_platform.activation`: how writes into other systems are judged, row by row."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.rows import RowLimits
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.sql import SqlSafety


class OnBadRows(StrEnum):
    """What becomes of a batch with rows that may not go."""

    REJECT_ROW = "reject_row"
    REJECT_BATCH = "reject_batch"
    MARK = "mark"


class Activation(Section):
    """Writes into other systems, judged row by row."""

    enabled: bool = Field(True, description="Read writes to known destinations at all.")
    max_body_bytes: Annotated[int, Field(ge=1024, le=256 << 20)] = Field(
        16 << 20,
        description="Largest request body that is read as rows, in bytes; larger ones are `rows.unreadable`.",
    )
    on_bad_rows: OnBadRows = Field(
        OnBadRows.REJECT_ROW,
        description="`reject_row` takes bad rows out, forwards the rest and reports the bad ones in the destination's "
        "own error shape; `reject_batch` refuses the whole request; `mark` forwards everything and says so.",
    )
    quarantine: bool = Field(
        True, description="Keep rejected rows, encrypted, for `clyra quarantine`; false drops them."
    )
    rows: RowLimits = Field(default_factory=RowLimits, description=RowLimits.__doc__)
    sql: SqlSafety = Field(default_factory=SqlSafety, description=SqlSafety.__doc__)
