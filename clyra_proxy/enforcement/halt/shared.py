"""Halts shared by replicas through Redis: told at once by a message, and found again by looking from time to time.

What workers count for thresholds is told to the others as well, so that each replica counts what happened on all. While
the server is away each counts its own; what others counted meanwhile is not made good.

Guarantees: a newer halt never gives way to an older one (the server compares, in one step); a message that was lost is
made good within `LOOK_S`; while the server is away every replica keeps what it knows, halts and releases by itself, and
tells the others when it is back; ends of halts are moments of the server's clock, so replicas whose clocks disagree
end them together. What makes no sense is passed over: a server cannot stop this loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import redis.asyncio as aio
from redis import RedisError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from clyra_proxy.enforcement.halt.book import REMEMBERED_S
from clyra_proxy.enforcement.halt.model import STRICTNESS, Halt, Phase
from clyra_proxy.state.redis import options
from clyra_proxy.state.server import Server

LOOK_S = 0.5
LONGEST_PAUSE_S = 2.0
LARGEST_TALLY = 1 << 18
"""Bytes of a message about counts; a longer one is passed over."""

type Tally = Mapping[str, Mapping[str, int]]
"""Place -> trigger -> events, as workers report them."""

log = logging.getLogger("clyra.halt")

_TELL = """
local told = 0
for at = 1, #ARGV, 2 do
  local standing = redis.call('HGET', KEYS[1], ARGV[at])
  if not standing or string.match(standing, '^[^|]*') < string.match(ARGV[at + 1], '^[^|]*') then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
    told = told + 1
  end
end
if told > 0 then redis.call('PUBLISH', KEYS[1], told) end
return told
"""
"""KEYS: the halts. ARGV: places and halts, each as `RANK|JSON`; ranks are texts of one length."""

_FORGET = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end"


class SharedHalts:
    """ours: all halts of this replica. merge: takes over what others know. Lives on one event loop.

    hear: takes what was counted on another replica; nothing is asked for it when nobody set it.
    """

    def __init__(
        self, server: Server, ours: Callable[[], Sequence[Halt]], merge: Callable[[Iterable[Halt]], Awaitable[None]]
    ) -> None:
        self._client = aio.Redis.from_url(server.url, **options(server), retry=Retry(NoBackoff(), 0))
        self._timeout_s = server.timeout_s
        self._key = f"{{{server.prefix}}}:halts"
        self._counts = f"{{{server.prefix}}}:counts"
        self._name = secrets.token_hex(8)
        self.hear: Callable[[Tally], Awaitable[None]] | None = None
        self._ours = ours
        self._merge = merge
        self._tell = self._client.register_script(_TELL)
        self._forget = self._client.register_script(_FORGET)
        self._seen: dict[str, str] = {}
        self._ahead_s = 0.0
        self.lost = True
        """Whether the server did not answer the last time."""

    def now(self) -> float:
        """The server's clock, as far as it is known; seconds since the epoch."""
        return time.time() + self._ahead_s

    async def tell(self, halts: Sequence[Halt]) -> bool:
        """Give changes to the others; False when the server does not answer (they are told when it does)."""
        try:
            async with asyncio.timeout(4 * self._timeout_s):
                await self._tell(keys=[self._key], args=[text for halt in halts for text in encode(halt)])
        except (RedisError, OSError, TimeoutError) as error:
            self._note_lost(error)
            return False
        return True

    async def count(self, tally: Tally) -> None:
        """Let the other replicas count what was counted here; nothing waits for them, and nothing is kept for later."""
        if self.lost or not tally:
            return
        with contextlib.suppress(RedisError, OSError, TimeoutError):  # the loop finds out by itself
            async with asyncio.timeout(4 * self._timeout_s):
                await self._client.publish(self._counts, json.dumps({"from": self._name, "tally": tally}))

    async def begin(self) -> None:
        """Look once, before anything is let through."""
        try:
            await self._look()
        except (RedisError, OSError, TimeoutError) as error:
            self.lost = False
            self._note_lost(error)

    async def run(self) -> None:
        """Keep up with the others until cancelled."""
        pause = 0.25
        while True:
            try:
                async with self._client.pubsub() as messages:
                    await messages.subscribe(self._key, self._counts)
                    while True:
                        await self._look()
                        pause = 0.25
                        await self._listen(messages)
            except (RedisError, OSError, TimeoutError) as error:
                self._note_lost(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def close(self) -> None:
        """Let go of the connections."""
        with contextlib.suppress(RedisError, OSError):
            await self._client.aclose()

    async def _listen(self, messages: aio.client.PubSub) -> None:
        """Take counts of others in until a halt is told of, or `LOOK_S` has passed."""
        now = asyncio.get_running_loop().time
        end = now() + LOOK_S
        while (left := end - now()) > 0:
            message = await messages.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is None or _text(message["channel"]) != self._counts:
                return
            told = read_counts(message["data"])
            if told is not None and told[0] != self._name and self.hear is not None:
                await self.hear(told[1])

    async def _look(self) -> None:
        """Read everything, take over what is newer there, and tell what is newer here."""
        async with asyncio.timeout(8 * self._timeout_s):
            before = time.time()
            seconds, micros = await self._client.time()
            self._ahead_s = seconds + micros / 1e6 - (before + time.time()) / 2
            found = await self._client.hgetall(self._key)
        texts = {_text(name): _text(text) for name, text in found.items()}
        if self.lost:
            log.info("halts are shared through the store again" if self._seen else "halts are shared through the store")
            self.lost = False
        theirs = decode(text for name, text in texts.items() if self._seen.get(name) != text)
        self._seen = texts
        if theirs:
            await self._merge(theirs)
        newer = [halt for halt in self._ours() if _rank(halt) > texts.get(halt.place.name, "").partition("|")[0]]
        if newer:
            await self.tell(newer)
        await self._sweep(texts)

    async def _sweep(self, texts: Mapping[str, str]) -> None:
        """Forget what ended long ago, unless it has changed meanwhile."""
        for halt in decode(texts.values()):
            if halt.phase is Phase.RESUMED and halt.changed + 2 * REMEMBERED_S < self.now():
                await self._forget(keys=[self._key], args=[halt.place.name, texts[halt.place.name]])

    def _note_lost(self, error: BaseException) -> None:
        if not self.lost:
            log.warning("halts are not shared now: the store does not answer (%s)", type(error).__name__)
        self.lost = True


def encode(halt: Halt) -> tuple[str, str]:
    """A halt as the server keeps it: name of its place, and `RANK|JSON`."""
    return halt.place.name, f"{_rank(halt)}|{json.dumps(halt.to_json(), separators=(',', ':'))}"


def decode(texts: Iterable[str]) -> list[Halt]:
    """The halts that can be read; one that says less or more than its rank is passed over."""
    halts = []
    for text in texts:
        rank, _, document = text.partition("|")
        try:
            halt = Halt.from_json(json.loads(document))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("a shared halt makes no sense and is passed over")
            continue
        if rank == _rank(halt):
            halts.append(halt)
    return halts


def read_counts(data: bytes | str) -> tuple[str, Tally] | None:
    """Who counted what, from a message; None when it makes no sense."""
    if len(data) > LARGEST_TALLY:
        return None
    try:
        message = json.loads(data)
        name, tally = message["from"], message["tally"]
        counts = [count for one in tally.values() for count in one.values()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    sound = isinstance(name, str) and all(type(count) is int and 0 <= count < 1 << 53 for count in counts)
    return (name, tally) if sound else None


def _text(found: bytes | str) -> str:
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else found


def _rank(halt: Halt) -> str:
    """Sorts as halts of one place do (`clyra_proxy.enforcement.halt.book`); always of the same length."""
    return f"{halt.version:015d}.{STRICTNESS.index(halt.phase)}.{halt.passed:06d}.{halt.id:>36.36}"
