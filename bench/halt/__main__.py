"""`python -m bench.halt`: from the trigger to the first refused request, on every worker and replica; one JSON line.

Reading the line: p50_ms, p99_ms, worst_ms are over `trials` halts, alternately by command, sentinel file, signed call
and threshold. A trial's time runs from the moment the order is sent (the file made, the last bad answer received) to
the moment the last of all watching clients is first refused; watchers ask again and again on connections of their own
through two replicas of two workers each, sharing Redis. after is how many requests that began later than a watcher's
first refusal passed all the same: it must be 0. cut_p99_ms: until the last open stream of events was cut.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.halt.trials import Ground, measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.halt", description=__doc__)
    parser.add_argument("--trials", type=int, default=120)
    parser.add_argument("--watchers", type=int, default=4, help="clients asking again and again, per replica")
    parser.add_argument("--streams", type=int, default=4, help="open streams of events, per replica")
    parser.add_argument("--quick", action="store_true", help="a dozen trials, for a first look; no number to quote")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clyra-bench-") as name, ExitStack() as stack:
        ground = Ground.prepare(Path(name), stack)
        line = measure(ground, 12 if chosen.quick else chosen.trials, chosen.watchers, chosen.streams)
    print(json.dumps(line))
    return 0 if line["after"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
