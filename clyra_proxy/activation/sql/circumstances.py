"""Who sends a statement where, as far as permissions ask. Imported without the parser."""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.rows.selecting import places_of
from clyra_proxy.genai.inspection import Caller


@dataclass(frozen=True, slots=True)
class Circumstances:
    """places: names under which policy may mean the destination."""

    caller: Caller
    places: tuple[str, ...]

    @classmethod
    def of(cls, inspection: RowInspection) -> Circumstances:
        return cls(inspection.caller, places_of(inspection))
