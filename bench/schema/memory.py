"""Run by the benchmark in a fresh process: how much memory one large body adds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.schema.measuring import route_exchange, through_gate
from bench.schema.payloads import record_stream
from clyra_proxy.schemalock.check import SchemaCheck


def peak_kib() -> int:
    """Peak resident memory of this program. (`ru_maxrss` would include the parent's, across exec.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("the memory test needs /proc/self/status")


def main() -> None:
    check = SchemaCheck()
    through_gate(record_stream(100_000), route_exchange(), check)  # code and the bench's own blocks are loaded
    before = peak_kib()
    through_gate(record_stream(int(sys.argv[1])), route_exchange(), check)
    after = peak_kib()
    sys.stdout.write(json.dumps({"growth_bytes": (after - before) * 1024}))


if __name__ == "__main__":
    main()
