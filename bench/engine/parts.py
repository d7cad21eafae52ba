"""The parts of the benchmark: each measures in alternated rounds, prints its tables, and returns its numbers."""

from __future__ import annotations

from dataclasses import replace

from bench.engine import peers, streaming
from bench.engine.contenders import Contender
from bench.engine.generator import Target
from bench.engine.session import Bench
from bench.engine.upstream import model_call

HTTP = "keep-alive HTTP, 1 KB JSON POST, 16 connections, closed loop"
HTTPS = "keep-alive HTTPS (CONNECT, intercepted), 1 KB JSON POST, 16 connections, closed loop"
LATENCY_HTTP = "HTTP at 200 requests/s, open loop, 95th percentile"
LATENCY_HTTPS = "HTTPS at 200 requests/s, open loop, 95th percentile"
CPU_HTTP = "processor time per request, HTTP, closed loop"
CPU_HTTPS = "processor time per request, HTTPS, closed loop"
MODEL_CALLS = "model calls, keep-alive HTTP, 1 KB chat completion, 16 connections, closed loop"
TWO = "one worker and two, nothing pinned, HTTP, 32 connections"
UPLOAD = "streamed upload of a JSON array of records"
FIRST = "server-sent events, time to first event"
DELAY = "server-sent events, delay per event, 95th percentile"
MEMORY = "resident memory of one worker"


def throughput(bench: Bench, contenders: list[Contender]) -> None:
    """Alternated rounds of the four groups that compare everybody."""
    nginx = bench.nginx
    direct_tls = Target(f"127.0.0.1:{nginx.tls_port}", trust=bench.authority.certificate)
    rows: list[tuple[str, Target, Target, Contender | None]] = [
        ("direct", Target(f"127.0.0.1:{nginx.port}"), direct_tls, None)
    ]
    rows += [(one.name, one.plain(nginx), one.secure(nginx), one) for one in contenders]
    for number in range(bench.rounds):
        bench.say(f"round {number + 1} of {bench.rounds}")
        for name, plain, secure, contender in rows:
            for groups, target in (
                ((HTTP, CPU_HTTP, LATENCY_HTTP), plain),
                ((HTTPS, CPU_HTTPS, LATENCY_HTTPS), secure),
            ):
                closed, cost, paced = groups
                before = contender.cpu_seconds() if contender else 0.0
                measured = bench.generator.run(target, body=bench.body, seconds=bench.seconds)
                bench.report.add(closed, name, measured.rps)
                if contender:
                    used = contender.cpu_seconds() - before
                    bench.report.add(cost, name, 1000 * used / measured.requests)
                paced_run = bench.generator.run(
                    target, body=bench.body, rate=200, connections=32, seconds=max(3.0, bench.seconds), warmup=1.5
                )
                bench.report.add(paced, name, paced_run.p95)


def workers(bench: Bench) -> None:
    """One worker against two with client, upstream and recorder on the same two cores."""
    one, two = bench.clyra(1, pinned=False), bench.clyra(2, pinned=False)
    for _ in range(bench.rounds):
        for found in (one, two):
            measured = bench.generator.run(
                found.plain(bench.nginx), body=bench.body, connections=32, seconds=bench.seconds, pinned=False
            )
            bench.report.add(TWO, found.name, measured.rps)
    one.process.stop()
    two.process.stop()


def streams(bench: Bench, contenders: list[Contender]) -> None:
    """Upload and events, through the same plain-HTTP path."""
    origin = f"127.0.0.1:{bench.sink.port}"
    rows = [("direct", Target(origin))] + [(one.name, Target(origin, one.address)) for one in contenders]
    for _ in range(max(2, bench.rounds - 2)):
        for name, target in rows:
            bench.report.add(UPLOAD, name, streaming.upload(target, bench.megabytes))
            times = streaming.events(target)
            bench.report.add(FIRST, name, times.first)
            bench.report.add(DELAY, name, times.p95)


def memory(bench: Bench) -> float:
    """Growth of a fresh worker between the two exchange counts, as a fraction."""
    fresh = bench.clyra(1)
    first, last = bench.exchanges
    target = fresh.plain(bench.nginx)
    bench.generator.run(target, body=bench.body, requests=first)
    early = fresh.resident()
    bench.generator.run(target, body=bench.body, requests=last - first)
    late = fresh.resident()
    fresh.process.stop()
    bench.report.add(MEMORY, f"after {first:,} exchanges", early / 1e6)
    bench.report.add(MEMORY, f"after {last:,} exchanges", late / 1e6)
    return late / early - 1


def compare(bench: Bench, with_peers: bool) -> dict[str, float]:
    """Everybody against everybody at small exchanges."""
    contenders = [bench.mitmdump(), bench.clyra()]
    if with_peers:
        contenders += bench.peers(peers.PEERS)
    throughput(bench, contenders)
    for contender in contenders:
        contender.process.stop()
    report = bench.report
    placed = "Proxies on core 0; load, upstream and recorder on core 1." if bench.pinned else "Nothing pinned."
    for group in (HTTP, HTTPS):
        report.notes[group] = placed
        report.show(bench.console, group, "requests/s", "mitmdump")
    for group in (CPU_HTTP, CPU_HTTPS):
        report.show(bench.console, group, "ms", "mitmdump", 3)
    for group in (LATENCY_HTTP, LATENCY_HTTPS):
        report.show(bench.console, group, "ms", "direct", 2)
    added = [report.median(group, "clyra") - report.median(group, "direct") for group in (LATENCY_HTTP, LATENCY_HTTPS)]
    return {
        "http_ratio": round(report.ratio(HTTP, "clyra", "mitmdump"), 2),
        "https_ratio": round(report.ratio(HTTPS, "clyra", "mitmdump"), 2),
        "added_p95_ms": round(max(added), 2),
    }


def model_calls(bench: Bench) -> None:
    """Chat completions of 1 KB, the traffic of a model gateway."""
    contenders = [bench.mitmdump(), bench.clyra(), *bench.peers(peers.MODEL_PEERS)]
    body = bench.folder / "call.json"
    body.write_bytes(model_call())
    rows = [("direct", Target(f"127.0.0.1:{bench.nginx.port}"))]
    rows += [(one.name, one.plain(bench.nginx)) for one in contenders]
    for _ in range(bench.rounds):
        for name, target in rows:
            found = bench.generator.run(target, body=body, seconds=bench.seconds, path="/v1/chat/completions")
            bench.report.add(MODEL_CALLS, name, found.rps)
    for contender in contenders:
        contender.process.stop()
    bench.report.show(bench.console, MODEL_CALLS, "requests/s", "mitmdump")


def scale(bench: Bench) -> dict[str, float]:
    """Two workers against one."""
    workers(bench)
    bench.report.show(bench.console, TWO, "requests/s", "clyra")
    return {"two_worker_ratio": round(bench.report.ratio(TWO, "clyra x2", "clyra"), 2)}


def stream(bench: Bench) -> dict[str, float]:
    """Uploads and events."""
    streaming_mitmdump = replace(bench.mitmdump("stream_large_bodies=1m"), name="mitmdump, stream_large_bodies=1m")
    contenders = [bench.mitmdump(), streaming_mitmdump, bench.clyra()]
    streams(bench, contenders)
    for contender in contenders:
        contender.process.stop()
    report, console = bench.report, bench.console
    report.notes[UPLOAD] = "clyra validates every record against its schema; the others look at nothing."
    report.show(console, UPLOAD, "MB/s", "direct")
    report.show(console, FIRST, "ms", "direct", 2)
    report.show(console, DELAY, "ms", "direct", 2)
    return {}


def grow(bench: Bench) -> dict[str, float]:
    """Memory over many exchanges."""
    growth = memory(bench)
    bench.report.show(bench.console, MEMORY, "MB", f"after {bench.exchanges[0]:,} exchanges", 1)
    return {"rss_growth": round(growth, 3)}
