"""What limits of writes are made of: one section for each way in which rows can do harm.

Rule: a share is a number above 0 and at most 1 (`0.05` is five in a hundred); times are seconds; every section has
defaults that let ordinary syncs pass.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from clyra_proxy.policy.genai.selecting import NamePattern
from clyra_proxy.policy.moments import Date, DayTime, Moment
from clyra_proxy.policy.section import Name, Section

Rows = Annotated[int, Field(ge=0, le=1 << 53)]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[int, Field(ge=1, le=31 * 86_400)]
type Most = Rows | Literal["off"]


class Asks(StrEnum):
    """What a finding asks for."""

    MARK = "mark"
    BLOCK = "block"


class Together(StrEnum):
    """What is counted together."""

    TENANT = "tenant"
    AGENT = "agent"
    SYNC = "sync"
    DESTINATION = "destination"
    TARGET = "target"


class WindowLimit(Section):
    """Rows in a sliding window of time."""

    rows: Rows = Field(description="Most rows in the window.")
    window_s: Seconds = Field(3600, description="Length of the window, in seconds.")
    per: list[Together] = Field(
        [Together.TENANT, Together.AGENT, Together.DESTINATION, Together.TARGET],
        description="Rows that agree in all of these are counted together: `tenant`, `agent`, `sync`, `destination`, "
        "`target`. Empty: all rows.",
    )


class Deletes(Section):
    """Records that are deleted."""

    allow: bool = Field(True, description="Whether records may be deleted at all.")
    per_request: Most = Field(100, description="Most deletes of one request; `off`: no limit.")
    per_run: Most = Field(1000, description="Most deletes of one run; `off`: no limit.")
    share: Share | None = Field(
        0.05, description="Largest part of the table that one run may delete, where the table's size is known."
    )


class NullOverwrites(Section):
    """Fields that are overwritten with nothing: null, the empty text, blanks, or empty lists and objects."""

    enabled: bool = Field(True, description="Watch how often fields are empty.")
    fields: list[NamePattern] = Field(default_factory=list, description="Fields that are watched; empty: every field.")
    share: Share | None = Field(
        None,
        description="Where no earlier runs are known: largest part of a batch, and of a run so far, in which one field "
        "may be empty. Default: 0.5, and more only asks for a mark, because many fields are empty by nature.",
    )
    rise: Share = Field(
        0.3, description="Where earlier runs are known: how much more often than in them a field may be empty."
    )
    minimum: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        20, description="Rows with the field below which nothing is said."
    )


class FieldLists(Section):
    """Which fields may be written. A nested field is named with dots: `address.city`."""

    allow: list[NamePattern] = Field(
        default_factory=list,
        description="Fields that may be written; a field inside of an allowed one may too. Empty: every field.",
    )
    deny: list[NamePattern] = Field(
        default_factory=list,
        description="Fields that may not be written, at any depth and in whatever case they are spelled.",
    )


class Distribution(Section):
    """How values are spread, compared with earlier runs of the same sync. Kept are counts of buckets, never values."""

    enabled: bool = Field(True, description="Compare runs.")
    fields: list[NamePattern] = Field(default_factory=list, description="Fields that are compared; empty: every field.")
    threshold: Annotated[float, Field(gt=0, le=100)] = Field(
        0.25, description="Largest population stability index; above 0.25 is commonly called a shift."
    )
    minimum: Annotated[int, Field(ge=20, le=10_000_000)] = Field(
        100, description="Values of a field, in this run and in the earlier ones, below which nothing is said."
    )
    runs: Annotated[int, Field(ge=1, le=64)] = Field(8, description="Earlier runs that are compared with.")
    action: Asks = Field(Asks.MARK, description="What a jump asks for: `mark` or `block`.")


class TenantFence(Section):
    """Rows may only go where their tenant is."""

    field: Annotated[str, StringConstraints(min_length=1, max_length=512)] = Field(
        description="Field of a row that names its tenant; nested with dots."
    )
    tenants: list[Annotated[str, StringConstraints(min_length=1, max_length=512)]] = Field(
        default_factory=list,
        description="Tenants of the destination, as rows name them. Empty: the caller's own tenant; rows of a caller "
        "without one are refused.",
    )
    missing: Literal["reject", "allow"] = Field(
        "reject", description="What becomes of a row that names no tenant: `reject` or `allow`."
    )


class Velocity(Section):
    """A token bucket. What finds it empty is told to come again (429 with Retry-After), never with a 5xx."""

    rows_per_s: Annotated[float, Field(gt=0, le=1e9)] = Field(description="Rows a second, in the long run.")
    burst: Annotated[int, Field(ge=1, le=1 << 40)] | None = Field(
        None, description="Rows that may come at once. Default: ten seconds' worth."
    )
    per: list[Together] = Field(
        [Together.TENANT, Together.DESTINATION],
        description="Rows that agree in all of these share a bucket; see `per` of windows.",
    )
    fair: bool = Field(
        True,
        description="Share a bucket fairly: each sync that is active has its part of the rate for certain, and what "
        "others leave besides.",
    )


class Idempotency(Section):
    """The same write again is answered with what became of it the first time."""

    enabled: bool = Field(True, description="Remember outcomes.")
    window_s: Seconds = Field(300, description="How long an outcome is remembered, in seconds.")
    derive: bool = Field(
        True,
        description="Where the sender gives no key, derive one from caller, run, endpoint and the payload's RFC 8785 "
        "hash; false: only the sender's keys count.",
    )
    largest_answer: Annotated[int, Field(ge=0, le=512 << 10)] = Field(
        64 << 10, description="Largest answer that is kept (encrypted) to be given again, in bytes."
    )


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise PydanticCustomError("time_zone", "no time zone of the IANA database: `{name}`", {"name": name}) from error
    return name


Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]
type Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OpenHours(Section):
    """Hours of the week in which writes may happen."""

    days: list[Day] = Field(
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], min_length=1, description="Days on which they begin."
    )
    start: DayTime = Field("00:00", description="Beginning, `HH:MM`, included.")
    end: DayTime = Field("24:00", description="End, `HH:MM`, not included; before the beginning: on the next day.")


class Freeze(Section):
    """A time in which nothing is written."""

    name: Name = Field(description="Name of the freeze; findings carry it.")
    start: Moment = Field(description="Beginning: `2026-12-18` or `2026-12-18T18:00`, in the zone of the section.")
    end: Moment = Field(description="End, not included; a date alone means the end of that day.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Freeze:
        if self.end < self.start:
            raise ValueError(f"the freeze `{self.name}` ends before it begins")
        return self


class WriteHours(Section):
    """When writes may happen."""

    zone: Zone = Field("UTC", description="Time zone of everything here, as in the IANA database (`Europe/Berlin`).")
    open: list[OpenHours] = Field(
        default_factory=list, description="Hours in which writes may happen; empty: at any time."
    )
    holidays: list[Date] = Field(default_factory=list, description="Days without any write, `2026-12-25`.")
    freezes: list[Freeze] = Field(default_factory=list, description="Times without any write.")
