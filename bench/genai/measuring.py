"""Asking for streams directly and through the proxy, in turns, and looking at when each token came.

Rule: both ways use the same client, the same upstream and the same kind of connection (TLS, kept open), one after the
other in random order, so that what differs is the proxy. A delay of a token is the time between its being written by
the upstream and its being read by the client, on one clock.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

_TOKEN = re.compile(rb"@(\d+)\"")
_TRIES = 20
_SENTENCE = "The ferry to Bergen leaves at nine, and the fare for two adults with one bicycle is forty euros. "


@dataclass(slots=True)
class Delays:
    """Of one way. first_ms: request sent to first token read. token_ms: written to read, of every token after the
    first. interval_ms: from one token to the next as the client reads them."""

    first_ms: list[float] = field(default_factory=list)
    token_ms: list[float] = field(default_factory=list)
    interval_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: streams per way, tokens a stream, their pace, size of the prompt in bytes."""

    streams: int
    tokens: int
    gap_ms: float
    prompt_bytes: int


def compare(load: Load, url: str, proxy: str, direct: ssl.SSLContext, proxied: ssl.SSLContext) -> tuple[Delays, Delays]:
    """Delays of the direct way and of the way through the proxy."""
    ways = (Delays(), Delays())
    with (
        httpx.Client(verify=direct, trust_env=False, timeout=60) as plain,
        httpx.Client(verify=proxied, trust_env=False, timeout=60, proxy=proxy) as through,
    ):
        clients = (plain, through)
        for client in clients:
            _warm(client, load, url)
        order = [0, 1] * load.streams
        random.Random(7).shuffle(order)
        for way in order:
            _ask(clients[way], load, url, ways[way])
    return ways


def _warm(client: httpx.Client, load: Load, url: str) -> None:
    """Handshakes and what is loaded for the first conversation are not what is measured.

    On a busy machine loading may take longer than the proxy waits; then it says to try again. Raises what the last
    try raises.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _ask(client, load, url, Delays())
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE or not left:
                raise
            time.sleep(1)


def _ask(client: httpx.Client, load: Load, url: str, delays: Delays) -> None:
    prompt = (_SENTENCE * (load.prompt_bytes // len(_SENTENCE) + 1))[: load.prompt_bytes]
    asked = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": prompt}]}
    target = f"{url}/v1/chat/completions?tokens={load.tokens}&gap_ms={load.gap_ms}"
    content = json.dumps(asked).encode()
    tokens = last = 0
    started = time.monotonic_ns()
    with client.stream("POST", target, content=content, headers={"content-type": "application/json"}) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            now = time.monotonic_ns()
            for written in _TOKEN.findall(piece):
                if tokens:
                    delays.token_ms.append((now - int(written)) / 1e6)
                    delays.interval_ms.append((now - last) / 1e6)
                else:
                    delays.first_ms.append((now - started) / 1e6)
                tokens, last = tokens + 1, now
    if tokens != load.tokens:
        raise RuntimeError(f"{tokens} of {load.tokens} tokens arrived")


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of all lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
