"""`python -m bench.activation`: batches of 100 rows through the gateway; ends with one JSON line.

Reading the line: rps is what two workers carry in a closed loop, every row primitive and the engine's checks on,
evidence durable, with client, upstream and recorder on the same cores; added_p95_ms is the 95th percentile in an open
loop at `rate` requests per second minus that of a direct connection; ratio_to_stock is rps over that of stock mitmdump.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench.activation.batches import MARK, SHARE, sections, write_mix
from bench.engine.contenders import Contender, carrying, start_mitmdump
from bench.engine.generator import Generator, MissingToolError, Result, Target
from bench.engine.report import Report
from bench.engine.upstream import Nginx
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy

RATE = 1000.0
WARMING = 200
"""Requests before the first round."""
CLOSED = "100-row batches of four destinations, 32 connections, closed loop"
OPEN = "the same in an open loop, 95th percentile"
COST = "processor time of the workers per batch"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.activation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for a first look; no number to quote")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one measurement")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second of the open loop")
    chosen = parser.parse_args()
    rounds, seconds = (2, 1.5) if chosen.quick else (chosen.rounds, chosen.seconds)
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="clyra-bench-") as name, ExitStack() as stack:
        try:
            line = _measure(Path(name), stack, console, rounds, seconds, chosen.rate)
        except MissingToolError as error:
            console.print(f"[red]The benchmark cannot run:[/red] {error}")
            return 2
    print(json.dumps(line))
    return 0


def _measure(
    folder: Path, stack: ExitStack, console: Console, rounds: int, seconds: float, rate: float
) -> dict[str, float]:
    authority = Authority(folder / "authority")
    generator, report = Generator(folder, None), Report()
    nginx = Nginx.start(folder / "nginx", authority, b'{"status":"COMPLETE","results":[]}', ())
    stack.enter_context(nginx.process)
    stock = start_mitmdump(folder, authority, ())
    stack.enter_context(stock.process)
    clyra = _start(folder, stack, authority)
    mix = write_mix(folder)
    rows: list[tuple[str, Target, Contender | None]] = [("direct", Target(f"127.0.0.1:{nginx.port}"), None)]
    rows += [(one.name, one.plain(nginx), one) for one in (stock, clyra)]
    for _, target, _ in rows:  # what a process loads with its first requests is no part of any round
        generator.run(target, body=None, mix=mix, vary=MARK, connections=32, requests=WARMING)
    for number in range(rounds):
        console.print(f"[dim]round {number + 1} of {rounds}[/dim]")
        for name, target, contender in rows:
            before = contender.cpu_seconds() if contender else 0.0
            found = generator.run(target, body=None, mix=mix, vary=MARK, connections=32, seconds=seconds)
            _expect_refusals(found, clyra is contender)
            report.add(CLOSED, name, found.rps)
            if contender is not None:
                report.add(COST, name, 1000 * (contender.cpu_seconds() - before) / found.requests)
            if contender is not stock:  # it cannot keep up with the rate, so its figure would mean nothing
                paced = generator.run(
                    target, body=None, mix=mix, vary=MARK, connections=64, seconds=seconds, rate=rate, warmup=1.0
                )
                report.add(OPEN, name, paced.p95)
    report.notes[OPEN] = f"{rate:g} requests a second"
    report.show(console, CLOSED, "requests/s", stock.name)
    report.show(console, COST, "ms", stock.name, 3)
    report.show(console, OPEN, "ms", "direct", 2)
    return {
        "rps": round(report.median(CLOSED, clyra.name), 0),
        "added_p95_ms": round(report.median(OPEN, clyra.name) - report.median(OPEN, "direct"), 2),
        "ratio_to_stock": round(report.ratio(CLOSED, clyra.name, stock.name), 2),
        "rate": rate,
    }


def _expect_refusals(found: Result, judged: bool) -> None:
    """Raise RuntimeError unless the batches with a bad row, and no others, were answered as refused in part."""
    bad = found.requests / SHARE if judged else 0.0
    if abs(found.partial - bad) > SHARE + 64:  # some are on their way when the run ends
        raise RuntimeError(f"{found.partial} of {found.requests} batches were refused in part, not {bad:.0f}")


def _start(folder: Path, stack: ExitStack, authority: Authority) -> Contender:
    """Two workers, everything enforced."""
    home = folder / "clyra"
    home.mkdir()
    proxy = RunningProxy.start(home, local_policy(authority, **sections(folder)), workers=2)
    stack.enter_context(proxy.process)
    host, port = proxy.address
    workers = carrying(proxy.process.pid)
    return Contender("clyra x2", f"{host}:{port}", proxy.home.ca_certificate, proxy.process, workers)


if __name__ == "__main__":
    sys.exit(main())
