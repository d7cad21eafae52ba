"""Run by the benchmark in a fresh process: how much memory one large body adds."""

from __future__ import annotations

import json
import resource
import sys

from bench.schema.measuring import route_exchange, through_gate
from bench.schema.payloads import record_stream
from clyra_proxy.schemalock.check import SchemaCheck


def main() -> None:
    check = SchemaCheck()
    through_gate(record_stream(4_000_000), route_exchange(), check)  # code, pools and caches are loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    through_gate(record_stream(int(sys.argv[1])), route_exchange(), check)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"growth_bytes": (after - before) * 1024}))


if __name__ == "__main__":
    main()
