"""Members a bundle carries because of what its records say: certificates they refer to, and schemas of their types.

Rule. They follow from the window and from what was kept, so the same window gives the same members. A certificate that
was never kept, or is damaged, is left out: the verifier then says so, and sealing does not stop for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recorder import approval, record, record_schemas
from recorder.approval_store import ApprovalStore

SCHEMAS = "schemas/"


@dataclass(slots=True)
class Covered:
    """Gathers, record by record, what the bundle of a window has to carry."""

    store: ApprovalStore
    _types: set[str] = field(default_factory=set)
    _certificates: set[str] = field(default_factory=set)

    def add(self, found: Mapping[str, Any]) -> None:
        """Take one record of the window."""
        self._types.add(found["typ"])
        appr = found.get("appr")
        if appr is not None:
            self._certificates.update(found["data"].get("certificates", ()))
            if "cert_sha256" in appr:
                self._certificates.add(appr["cert_sha256"])

    def members(self) -> dict[str, bytes]:
        """Name and content of each member."""
        found = {f"{SCHEMAS}{typ}.json": record_schemas.packaged(typ) for typ in self._types.intersection(record.TYPES)}
        for digest in self._certificates:
            envelope = self.store.read(digest)
            if envelope is not None:
                found[approval.member_name(digest)] = envelope
        return found
