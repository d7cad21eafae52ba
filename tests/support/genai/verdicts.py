"""The verdict log of a running proxy, read as it grows: verdicts by trace id."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def new_trace() -> tuple[str, dict[str, str]]:
    """A trace id and the header that carries it."""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}


@dataclass(slots=True)
class VerdictLog:
    """What the log said since this object was made (or from `_offset` on). `of` waits for the line of a trace."""

    path: Path
    _offset: int = -1
    _rest: bytes = b""
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self._offset < 0:
            self._offset = self.path.stat().st_size if self.path.exists() else 0

    def of(self, trace: str, seconds: float = 60.0) -> dict[str, Any]:
        """`unmapped.clyra` of the exchange with this trace id. Raises AssertionError when it does not come."""
        deadline = time.monotonic() + seconds
        while trace not in self._known:
            self._read()
            assert trace in self._known or time.monotonic() < deadline, "no verdict was logged"
            if trace not in self._known:
                time.sleep(0.005)
        return self._known[trace]

    def _read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            ours = json.loads(line)["unmapped"]["clyra"]
            self._known[str(ours.get("trace_id", ""))] = ours
