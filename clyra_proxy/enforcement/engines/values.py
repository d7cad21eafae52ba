"""The values of a body that policy tells an engine: scalars at named JSON pointers, and nothing else.

Rule: what cannot be told plainly is a failure, never a value that is missing: a body that is no JSON, keys that stand
twice, an object where a scalar should be, text that is too long. Only a pointer that leads nowhere is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clyra_proxy.enforcement.engines.question import Scalar
from clyra_proxy.json_pointer import MISSING, look_up
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.strict_json import read_json

LONGEST = 1024
"""Characters of a text that is told."""


def values_of(body: bytes, pointers: Iterable[str]) -> Mapping[str, Scalar]:
    """Pointer -> value, of those that are there. An empty body has none. Raises ServiceFailure."""
    if not body:
        return {}
    try:
        document = read_json(body)
    except ServiceFailure as failure:
        raise ServiceFailure(Cause.MISMATCH, blames=False) from failure
    return {pointer: _scalar(found) for pointer in pointers if (found := look_up(document, pointer)) is not MISSING}


def _scalar(found: object) -> Scalar:
    if isinstance(found, str) and len(found) > LONGEST:
        raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    if isinstance(found, int) and not isinstance(found, bool) and not -(1 << 63) <= found < 1 << 63:
        raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    if found is None or isinstance(found, str | int | float):
        return found
    raise ServiceFailure(Cause.MISMATCH, blames=False)
