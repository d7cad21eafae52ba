"""`python -m bench.engines`: one decision, made in every way there is, in the same run; one JSON line.

Reading the line: each way has p50_us and p95_us (wall clock, one decision after the other), cpu_us (processor time of
this process per decision, of the best round), per_cpu_s (decisions that a second of this processor time makes) and,
where another process answers, server_cpu_us. The ways take turns, round by round. same: whether all of them said the
same of every case; if not, the exit status is 1. question_cpu_us: making the question from an exchange, which every
engine needs and the built-in rules do not. real: what was the real thing, and what stood in for it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from bench.engines.ways import measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.engines", description=__doc__)
    parser.add_argument("--decisions", type=int, default=2000, help="decisions a round, of each way")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a few hundred, for a first look; no number to quote")
    chosen = parser.parse_args()
    decisions, rounds = (200, 2) if chosen.quick else (chosen.decisions, chosen.rounds)
    line = asyncio.run(measure(decisions, rounds))
    print(json.dumps(line))
    return 0 if line["same"] else 1


if __name__ == "__main__":
    sys.exit(main())
