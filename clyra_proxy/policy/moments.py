"""Dates and times of day as a policy writes them: text of one form, checked when the policy is loaded.

Rule: `2026-12-25`, `18:00` and `2026-12-18T18:00` are local to the time zone that stands beside them; an offset or a
zone inside the text is refused, because then two places would say what the hour means. ISO 8601.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError


def _date(text: str) -> str:
    try:
        dt.date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("date", "`{text}` is no date of the calendar", {"text": text}) from error
    return text


def _moment(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("moment", "`{text}` is no date and time", {"text": text}) from error
    return text


Date = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_date)]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?$"), AfterValidator(_moment)]
DayTime = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
