"""`python -m bench.evidence`: latency and rate of durable, signed records; full verification by three verifiers.

Prints tables (medians with their range) and ends with one JSON line. Goals: 50th percentile <= 1 ms and 99th <= 10 ms
at 1,000 records a second; >= 10,000 records a second sustained; 100,000 records verified in full by Go in < 0.5 s, by
TypeScript in < 1 s, by Python in < 1.2 s; a million by Go in < 5 s; memory that does not grow with the bundle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.engine.report import Report
from bench.evidence import recording, verifying

LATENCY = "one record until durable and signed, open loop"
INGEST = "sustained, 8 sources with batches of 64"
MEMORY = "peak memory of a full verification"


def measure_recording(report: Report, folder: Path, rounds: int, seconds: float, rate: int) -> None:
    """Latency at `rate` records a second, then the highest sustained rate, on one log."""
    with recording.recorder(folder) as layout:
        for _ in range(rounds):
            found = asyncio.run(recording.paced(layout, rate, seconds))
            for share in (0.5, 0.95, 0.99):
                report.add(LATENCY, f"{rate:,}/s, percentile {share * 100:.0f}", found.percentile(share))
        for _ in range(rounds):
            report.add(INGEST, "records/s", asyncio.run(recording.sustained(layout, seconds)))


def make_bundle(folder: Path, records: int) -> tuple[Path, Path]:
    """A sealed bundle of `records` records, and its trust file."""
    with recording.recorder(folder) as layout:
        asyncio.run(recording.fill(layout, records))
        command = [sys.executable, "-P", "-m", "recorder.main", "seal", f"--home={folder}"]
        subprocess.run(command, check=True, capture_output=True)
    return max(layout.bundles.glob("*.zip"), key=lambda path: path.stat().st_mtime), layout.trust


def measure_verifying(report: Report, folder: Path, records: int, rounds: int) -> None:
    """Each verifier in turn, `rounds` times over; their reports must be equal."""
    bundle, trust = make_bundle(folder, records)
    group = f"full verification of {records:,} records ({bundle.stat().st_size / 1e6:,.0f} MB packed)"
    reports = set()
    for _ in range(rounds):
        for verifier in verifying.available():
            found = verifying.run(verifier, bundle, trust)
            report.add(group, verifier.name, found.seconds)
            report.add(MEMORY, f"{verifier.name}, {records:,} records", found.peak_mb)
            reports.add(found.report)
    if len(reports) != 1:
        raise SystemExit("The verifiers' reports differ.")


def numbers(report: Report) -> dict[str, float]:
    """What the JSON line says: medians by a short name."""
    found = {}
    for group, rows in report.groups.items():
        for name, series in rows.items():
            found[f"{group.partition(' (')[0]}: {name}"] = round(series.median, 3)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement of the recorder")
    parser.add_argument("--rate", type=int, default=1000, help="records per second for the latency")
    parser.add_argument("--records", type=int, nargs="+", default=[100_000], help="sizes of the bundles")
    parser.add_argument("--million", action="store_true", help="also a bundle of a million records")
    parser.add_argument("--only", choices=["recording", "verifying"])
    options = parser.parse_args()
    console, report = Console(), Report()
    with tempfile.TemporaryDirectory(prefix="clyra-bench-") as scratch:
        if options.only != "verifying":
            measure_recording(report, Path(scratch) / "recording", options.rounds, options.seconds, options.rate)
        if options.only != "recording":
            sizes = [*options.records, *([1_000_000] if options.million else [])]
            for records in sizes:
                measure_verifying(report, Path(scratch) / f"bundle-{records}", records, options.rounds)
    for group in report.groups:
        unit = {LATENCY: "ms", INGEST: "records/s", MEMORY: "MB"}.get(group, "s")
        report.show(console, group, unit, "Python" if unit == "s" else "", 0 if group == INGEST else 2)
    print(json.dumps(numbers(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
