"""Reading what a stranger sent as JSON: one text, no duplicate keys, no NaN, bounded, then a strict model.

Rule: two parsers must not be able to read two different answers; whatever is not exactly the agreed shape is garbage.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from clyra_proxy.services.failure import Cause, ServiceFailure


class Told(BaseModel):
    """Base of shapes that are told to us: strict types, finite numbers. Vendors may add members; ours may not."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class ToldExactly(Told):
    """An answer that may have no member but those named, and none of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def read_json(body: bytes) -> Any:
    """The one JSON value of a body. Raises ServiceFailure."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ServiceFailure(Cause.GARBAGE) from error


def read_model[Model: BaseModel](model: type[Model], value: Any) -> Model:
    """`value` as `model`. Raises ServiceFailure."""
    try:
        return model.model_validate(value)
    except (ValidationError, RecursionError) as error:
        raise ServiceFailure(Cause.GARBAGE) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
