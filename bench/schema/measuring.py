"""How each number is taken. CPU time, not wall time: neighbours on the machine must not decide a verdict."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import orjson

from bench.schema.payloads import (
    CHUNK,
    RECORD_SCHEMA,
    adversarial,
    compiled,
    record,
    record_stream,
    small_body,
)
from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.binding import DirectPlan
from clyra_proxy.schemalock.check import SchemaCheck
from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Phase
from tests.support.bodies import request

MB = 1e6


@dataclass(frozen=True, slots=True)
class Pass:
    """One body through a gate. rate: MB per CPU second. step_ms: longest single feed or finish, wall clock."""

    rate: float
    step_ms: float
    released: int


def route_exchange(length: int = -1) -> Exchange:
    """An enforcing exchange with the bench's schema."""
    headers = [(b"content-type", b"application/json"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    if length >= 0:
        headers.append((b"content-length", b"%d" % length))
    return request(headers, request_schema=DirectPlan(compiled()))


def through_gate(chunks: Iterable[bytes], exchange: Exchange, check: SchemaCheck) -> Pass:
    """Feed a whole body; the gate commits, checks and releases, and the bytes are dropped."""
    gate = open_gate(exchange, Phase.REQUEST_BODY, [check])
    longest = spent = size = released = 0
    for chunk in chunks:
        size += len(chunk)
        before, clock = time.process_time_ns(), time.perf_counter_ns()
        for piece in gate.feed(chunk):
            released += len(piece)
        longest = max(longest, time.perf_counter_ns() - clock)
        spent += time.process_time_ns() - before
    before, clock = time.process_time_ns(), time.perf_counter_ns()
    for piece in gate.finish():
        released += len(piece)
    longest = max(longest, time.perf_counter_ns() - clock)
    spent += time.process_time_ns() - before
    return Pass(size / MB / (spent / 1e9), longest / 1e6, released)


def record_rate(size: int, chunk: int) -> Pass:
    """Records with schema and duplicate-key detection."""
    return best(lambda: through_gate(record_stream(size, chunk), route_exchange(), SchemaCheck()))


def best(run: Callable[[], Pass], times: int = 3) -> Pass:
    """The best rate and the smallest longest step of a few runs: both are limits of the code, not of the machine."""
    passes = [run() for _ in range(times)]
    fastest = max(passes, key=lambda found: found.rate)
    return replace(fastest, step_ms=min(found.step_ms for found in passes))


def small_body_cost(rounds: int = 300, each: int = 100) -> tuple[float, float]:
    """Microseconds of CPU for one 1 KB body: (everything the gate does, what the schema check adds to the gate)."""
    body, check = small_body(), SchemaCheck()
    exchange = route_exchange(len(body))
    salt = bytes(32)

    def once(checks: list[SchemaCheck]) -> None:
        exchange.request_body.seen = 0
        gate = open_gate(exchange, Phase.REQUEST_BODY, checks, salt=salt)
        gate.feed(body)
        gate.finish()

    def cost(checks: list[SchemaCheck]) -> float:
        lowest = float("inf")
        for _ in range(rounds):
            before = time.process_time_ns()
            for _ in range(each):
                once(checks)
            lowest = min(lowest, (time.process_time_ns() - before) / each / 1e3)
        return lowest

    with_check, without = cost([check]), cost([])
    scale = 1000 / len(body)
    return with_check * scale, (with_check - without) * scale


def memory_growth(size: int) -> float:
    """MB of peak resident memory that a body of `size` bytes adds, in a process of its own."""
    command = [sys.executable, "-m", "bench.schema.memory", str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    growth: float = json.loads(done.stdout)["growth_bytes"] / MB
    return growth


def adversarial_passes() -> dict[str, Pass]:
    """Each hurtful body under admission alone and a schema that cuts but accepts anything."""
    found: dict[str, Pass] = {}
    for name, body in adversarial().items():
        exchange = request([(b"content-type", b"application/json")], request_schema=None)
        chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
        gc.collect()
        found[name] = best(lambda: through_gate(chunks, _fresh(exchange), SchemaCheck()), times=2)  # noqa: B023
    return found


def held_passes() -> dict[str, Pass]:
    """Bodies of 6 MB that must be judged whole: of records, and of the smallest values there are (the worst case)."""
    records = b",".join(orjson.dumps(record(number)) for number in range(24_000))
    bodies = {
        "6 MB of records, unsplittable": (RECORD_SCHEMA, b'{"records":[' + records + b"]}"),
        "6 MB of tiny objects, unsplittable": (True, b'{"records":[' + b",".join([b'{"a":1}'] * 750_000) + b"]}"),
    }
    found: dict[str, Pass] = {}
    for name, (items, body) in bodies.items():
        schema = {"properties": {"records": {"type": "array", "items": items, "minContains": 0}}}
        plan = DirectPlan(compile_schema(schema, source="bench"))
        chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
        found[name] = best(lambda: through_gate(chunks, _routed(plan), SchemaCheck()))  # noqa: B023
    return found


def _routed(plan: DirectPlan) -> Exchange:
    return request([(b"content-type", b"application/json")], request_schema=plan)


def _fresh(exchange: Exchange) -> Exchange:
    return request(exchange.request.fields[1:], request_schema=exchange.route.request_schema)
