"""`make bench-approvals`: certificates validated cold and cached, tokens used up durably; ends with one JSON line.

    python -m bench.approvals            400 certificates
    python -m bench.approvals --quick    100

Everything is real: keys, signatures, the book and the log on disk. Each certificate is another one; `cold` is the first
time a validator sees it, `cached` the second. Wall time is what a caller waits, CPU time what it costs while other
processes run on the machine. Percentiles are by nearest rank.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from recorder.approvals.enrolled import trust_entry
from recorder.approvals.validate import Validator
from recorder.layout import Layout
from recorder.main import prepare
from recorder.store import Store
from tests.support.approval_desk import ApprovalRoom

COLD_LIMIT_MS, CACHED_LIMIT_MS = 10.0, 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when the limits of certificate validation are kept, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m bench.approvals")
    parser.add_argument("--quick", action="store_true", help="fewer certificates")
    count = 100 if parser.parse_args(arguments).quick else 400
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), count)
    for name, value in found.items():
        sys.stderr.write(f"{name:28} {value}\n")
    sys.stdout.write(json.dumps(found) + "\n")
    kept = found["cold_p95_ms"] < COLD_LIMIT_MS and found["cached_p95_ms"] < CACHED_LIMIT_MS
    return 0 if kept else 1


def measure(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds by name."""
    layout = Layout(folder / "home")
    prepare(layout)
    store = Store(layout, layout.keys.signing_key("log"), layout.keys.signing_key("seal"))
    try:
        room = ApprovalRoom(store)
        granted = [room.granted(headers_sha256=f"{number:064x}") for number in range(count)]
        used: list[str] = []

        def use(number: int) -> None:
            spent = room.consume(granted[number], headers_sha256=f"{number:064x}")
            used.append(spent["certificates"][0])

        consume = _times(use, count)
        raw = [room.desk.certificates.path(digest).read_bytes() for digest in used]
        validator = Validator.of_trust(layout.trust.read_bytes())
        key = room.passkey_answer("ann", "").key
        assert key is not None
        validator.trust_also(trust_entry(key))

        def validate(number: int) -> None:
            assert validator.validate(raw[number]).bec

        cold, cached = _times(validate, count), _times(validate, count)
    finally:
        store.shut()
    return {
        "certificates": count,
        **_figures("cold", cold),
        **_figures("cached", cached),
        **_figures("consume", consume),
    }


def _times(work: Callable[[int], None], count: int) -> list[tuple[float, float]]:
    """(wall, CPU of this thread) of each call, milliseconds."""
    found = []
    for number in range(count):
        wall, cpu = time.perf_counter(), time.thread_time()
        work(number)
        found.append(((time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000))
    return found


def _figures(name: str, times: list[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = (sorted(one[at] for one in times) for at in (0, 1))
    return {
        f"{name}_p50_ms": _rank(wall, 0.5),
        f"{name}_p95_ms": _rank(wall, 0.95),
        f"{name}_cpu_p95_ms": _rank(cpu, 0.95),
    }


def _rank(values: list[float], share: float) -> float:
    return round(values[math.ceil(share * len(values)) - 1], 4)


if __name__ == "__main__":
    sys.exit(main())
