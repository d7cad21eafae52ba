"""`python -m bench.engine`: measures, prints tables of ratios, and ends with one JSON line.

Reading the line: http_ratio and https_ratio are Clyra's requests per second over stock mitmdump's, one worker each on
the same single core; two_worker_ratio is two workers over one with nothing pinned; added_p95_ms is the 95th
percentile at 200 requests per second in an open loop minus that of a direct connection (the worse of HTTP and HTTPS);
rss_growth is the growth of a worker's resident memory between 20k and 120k exchanges, as a fraction.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench.engine.generator import MissingToolError
from bench.engine.parts import compare, grow, model_calls, scale, stream
from bench.engine.session import OTHER_CPU, PROXY_CPU, Bench

PARTS = ["compare", "scale", "stream", "memory"]
MEASURES = {"scale": scale, "stream": stream, "memory": grow}
LINE = ("http_ratio", "https_ratio", "two_worker_ratio", "added_p95_ms", "rss_growth")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.engine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for a first look; no number to quote")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    parser.add_argument("--peers", action="store_true", help="also other proxies, where they install")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="measure only these parts")
    chosen = parser.parse_args()
    console = Console(width=120)
    pinned = {PROXY_CPU, OTHER_CPU} <= os.sched_getaffinity(0)
    quick = chosen.quick
    with tempfile.TemporaryDirectory(prefix="clyra-bench-") as folder, ExitStack() as stack:
        try:
            bench = Bench(
                rounds=2 if quick else chosen.rounds,
                seconds=1.0 if quick else chosen.seconds,
                megabytes=10 if quick else 100,
                exchanges=(2_000, 12_000) if quick else (20_000, 120_000),
                pinned=pinned,
                folder=Path(folder),
                console=console,
                stack=stack,
            )
            line: dict[str, float | None] = dict.fromkeys(LINE)
            for part in chosen.only:
                console.print(f"[bold]{part}[/bold]")
                line |= compare(bench, chosen.peers) if part == "compare" else MEASURES[part](bench)
            if chosen.peers:
                model_calls(bench)
        except MissingToolError as error:
            console.print(f"[red]The benchmark cannot run:[/red] {error}")
            return 2
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
