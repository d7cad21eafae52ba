"""Measure what judging adds to streamed answers; print a table, then one JSON line.

Goals: less than 15 ms to the first token with all checks on, less than 5 ms between tokens at the 95th percentile,
both against the same stream asked for directly in the same run. The delay of a token is counted from its being written
to its being read, which is stricter than the time between two tokens: a steady delay shows as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.genai.measuring import Delays, Load, compare, quantile
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy

FIRST_TOKEN_MS, TOKEN_MS = 15.0, 5.0
ALL_CHECKS: dict[str, Any] = {
    "leaks": {"canaries": [{"name": "planted", "value": "canary-bench-0001"}], "reversible": True},
    "tools": {"rules": [{"name": "no-wiping", "tools": ["wipe_disk"], "action": "deny"}]},
    "output": {"contexts": [{"name": "page", "into": ["html", "markdown", "sql", "shell"]}]},
    "budgets": {"limits": [{"name": "day", "tokens": 1_000_000_000, "calls": 10_000_000, "cost": 1_000_000}]},
}
"""Everything that can be on without a service outside."""


def measure(loads: dict[str, Load]) -> dict[str, tuple[Delays, Delays]]:
    """Name of the load -> (direct, through the proxy)."""
    with tempfile.TemporaryDirectory(prefix="clyra-bench-") as name:
        folder = Path(name)
        authority = Authority(folder / "authority")
        leaf = authority.leaf()
        words = [sys.executable, "-m", "bench.genai.upstream", str(leaf.certificate), str(leaf.key)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as upstream:
            try:
                assert upstream.stdout is not None
                url = f"https://localhost:{int(upstream.stdout.readline())}"
                policy = local_policy(authority, genai_security=ALL_CHECKS)
                with RunningProxy.start(folder / "proxy", policy) as proxy:
                    contexts = authority.client_context(), proxy.trust()
                    return {name: compare(load, url, proxy.url, *contexts) for name, load in loads.items()}
            finally:
                upstream.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.genai", description=__doc__)
    parser.add_argument("--streams", type=int, default=60, help="streams per way and size of prompt")
    parser.add_argument("--tokens", type=int, default=120, help="tokens a stream")
    parser.add_argument("--gap-ms", type=float, default=8.0, help="pace of the tokens")
    parser.add_argument("--quick", action="store_true", help="a fifth of the streams")
    given = parser.parse_args()
    streams = max(5, given.streams // 5) if given.quick else given.streams
    loads = {
        f"{size // 1024} KB": Load(streams, given.tokens, given.gap_ms, size) for size in (1024, 10 * 1024, 100 * 1024)
    }
    numbers: dict[str, float] = {}
    sys.stdout.write(f"{'prompt':<9}{'':<22}{'direct':>10}{'proxied':>10}{'added':>10}  ms\n")
    for name, ways in measure(loads).items():
        key = name.replace(" KB", "kb")
        parts = {
            "first token": [way.first_ms for way in ways],
            "token delay": [way.token_ms for way in ways],
            "between tokens": [way.interval_ms for way in ways],
        }
        for part, values in parts.items():
            for title, share in (("p50", 0.5), ("p95", 0.95)):
                numbers |= _row(name, f"{part} {title}", f"{key}_{part.replace(' ', '_')}_{title}_ms", values, share)
    met = numbers["1kb_first_token_p50_ms"] < FIRST_TOKEN_MS and numbers["1kb_token_delay_p95_ms"] < TOKEN_MS
    sys.stdout.write(f"goals (1 KB): first token < {FIRST_TOKEN_MS:g}, tokens p95 < {TOKEN_MS:g}: ")
    sys.stdout.write("met\n" if met else "NOT MET\n")
    sys.stdout.write(json.dumps({**numbers, "met": met}) + "\n")


def _row(load: str, title: str, key: str, values: list[list[float]], share: float) -> dict[str, float]:
    direct, proxied = (quantile(one, share) for one in values)
    added = proxied - direct
    sys.stdout.write(f"{load:<9}{title:<22}{direct:>10.2f}{proxied:>10.2f}{added:>10.2f}\n")
    return {key: round(added, 3)}


if __name__ == "__main__":
    main()
