"""What a mirror writes to its log: one NDJSON line a pair of answers, and one a second of what was only counted.

Rule: metadata alone. A line has pointers, kinds, keyed hashes, numbers and names of this policy; no path as it was
sent, no value, no header, no secret. Routes are told with `*` for what could be data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import orjson

from clyra_proxy.enforcement.mirror.comparing import Comparison, Difference
from clyra_proxy.enforcement.mirror.model import Copy, Outcome, Result
from clyra_proxy.enforcement.mirror.noise import Noise

MOST_TOLD = 32
_MOST_SEGMENTS = 8
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}|v[0-9]{1,2}(\.[0-9]{1,2})?|[A-Za-z][A-Za-z_-]{1,24}\.(json|xml|csv)")

type Counts = Mapping[tuple[str, str, Outcome], int]
"""(target, route, outcome) -> how often."""


@lru_cache(maxsize=4096)
def shown_route(route: str, method: str, path: str) -> str:
    """The kind of a request: `destination GET /v1/users/*`. path: normalised, without query."""
    segments = path.split("/")[1:]
    told = [segment if _WORD.fullmatch(segment) or not segment else "*" for segment in segments[:_MOST_SEGMENTS]]
    if len(segments) > _MOST_SEGMENTS:
        told.append("**")
    return f"{route} {method[:16]} /{'/'.join(told)}"


def pair_line(
    target: str,
    copy: Copy,
    statuses: tuple[int, int],
    milliseconds: float,
    result: Result,
    comparison: Comparison | None,
    judged: Sequence[tuple[Difference, Noise]],
    now: float,
) -> bytes:
    """One pair. statuses: of the real answer (0: none) and of the mirror's."""
    line = {
        "type": "pair",
        "time": int(now * 1000),
        "target": target,
        "route": copy.route,
        "exchange": copy.exchange,
        "status": statuses,
        "mirror_ms": round(milliseconds, 1),
        "result": result.value,
        "values": comparison.values if comparison is not None else 0,
        "bodies": comparison.bodies if comparison is not None else False,
        "whole": comparison.whole and len(judged) <= MOST_TOLD if comparison is not None else False,
        "differences": [_told(found, noise) for found, noise in judged[:MOST_TOLD]],
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def counts_line(counts: Counts, now: float) -> bytes:
    """What was counted since the last such line."""
    told = [
        {"target": target, "route": route, "outcome": outcome.value, "count": count}
        for (target, route, outcome), count in counts.items()
    ]
    return orjson.dumps({"type": "counts", "time": int(now * 1000), "counts": told}, option=orjson.OPT_APPEND_NEWLINE)


def gap_line(lost: int, since: float, now: float) -> bytes:
    """How many lines could not be written between two times (seconds since the epoch)."""
    told = {"type": "gap", "time": int(now * 1000), "gap": lost, "since": int(since * 1000)}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _told(found: Difference, noise: Noise) -> dict[str, str]:
    told = {"at": found.at, "kind": found.kind.value}
    if found.real:
        told |= {"real": found.real, "mirror": found.mirror}
    if noise:
        told["noise"] = noise.value
    return told
