"""What the kernel says of a process's memory (Linux, proc(5))."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.proxy import RunningProxy

MIB = 1 << 20


def worker_of(proxy: RunningProxy) -> int:
    """Process id of the proxy's only worker."""
    (worker,) = json.loads(proxy.clyra("proxy", "state", check=True).stdout)["workers"]
    return int(worker["pid"])


class Peak:
    """The most that process `pid` has resident from now on; `grown` is how much more that is than now, in bytes."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts again from what is resident
        self._before = self.highest

    @property
    def highest(self) -> int:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", self._status.read_text(), re.MULTILINE)
        if found is None:
            raise AssertionError(f"{self._status} has no VmHWM")
        return int(found[1]) * 1024

    @property
    def grown(self) -> int:
        return self.highest - self._before
