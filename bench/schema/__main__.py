"""Measure SchemaLock in process; print a table, then one JSON line.

Goals: 100 MB/s per core on 250-byte records with duplicate-key detection, 60 MB/s per core through TLS, 10 us per
1 KB body, 8 MB extra memory on a 2 GB body, no single step over 50 ms, 20 MB/s on bodies made to hurt.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

from bench.schema import measuring
from bench.schema.through_tls import rate_through_tls


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None


def measure(memory_size: int, rate_size: int) -> tuple[list[Line], dict[str, float]]:
    """All lines of the table, and the numbers of the JSON line."""
    records = measuring.record_rate(rate_size, 64 * 1024)
    small_chunks = measuring.record_rate(rate_size // 4, 1400)
    total, added = measuring.small_body_cost()
    growth = measuring.memory_growth(memory_size)
    through_tls = rate_through_tls(rate_size)
    hurtful = measuring.adversarial_passes()
    held = measuring.held_passes()
    slowest = min(found.rate for found in hurtful.values())
    longest = max(records.step_ms, small_chunks.step_ms, *(found.step_ms for found in (hurtful | held).values()))
    lines = [
        Line("records, 64 KB chunks", records.rate, "MB/s", ">= 100", records.rate >= 100),
        Line("records, 1400 B chunks", small_chunks.rate, "MB/s"),
        Line("through the proxy, TLS on both sides", through_tls, "MB per CPU second", ">= 60", through_tls >= 60),
        Line("schema check added to a 1 KB body", added, "us", "<= 10", added <= 10),
        Line("gate, commitment and check of a 1 KB body", total, "us"),
        Line(f"memory added by {memory_size / 1e9:g} GB", growth, "MB", "<= 8", growth <= 8),
        Line("longest single step", longest, "ms", "<= 50", longest <= 50),
        Line("slowest hurtful body", slowest, "MB/s", ">= 20", slowest >= 20),
    ]
    lines += [
        Line(f"  {name}", found.rate, f"MB/s, step {found.step_ms:.1f} ms") for name, found in (hurtful | held).items()
    ]
    numbers = {
        "records_mb_s": round(records.rate, 1),
        "records_1400_mb_s": round(small_chunks.rate, 1),
        "through_tls_mb_s": round(through_tls, 1),
        "added_us_per_kb": round(added, 2),
        "gate_us_per_kb": round(total, 2),
        "memory_growth_mb": round(growth, 2),
        "longest_step_ms": round(longest, 1),
        "adversarial_floor_mb_s": round(slowest, 1),
    }
    return lines, numbers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.schema", description=__doc__)
    parser.add_argument("--memory-size", type=int, default=2_000_000_000, help="bytes of the body for the memory test")
    parser.add_argument("--rate-size", type=int, default=100_000_000, help="bytes of the body for the rate tests")
    arguments = parser.parse_args()
    lines, numbers = measure(arguments.memory_size, arguments.rate_size)
    for line in lines:
        mark = "" if line.met is None else "met" if line.met else "NOT MET"
        sys.stdout.write(f"{line.name:<44} {line.value:>10.2f} {line.unit:<22} {line.goal:<8} {mark}\n")
    sys.stdout.write(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
