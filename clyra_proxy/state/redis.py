"""State in a Redis or Valkey server that replicas share.

Guarantees: every operation is one script, so it is atomic whoever else asks; windows and lifetimes run by the server's
clock alone, so replicas whose clocks disagree count together; nothing waits longer than the timeouts, and a server
that keeps failing is left alone for a moment (`clyra_proxy.state.breaker`). A call that failed may have taken effect:
an addition may be counted although it raised, never the other way round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from clyra_proxy.state import scripts
from clyra_proxy.state.breaker import Breaker
from clyra_proxy.state.server import Server
from clyra_proxy.state.store import Addition, Admission, StateError, Taken, refuse_unstorable


class RedisState:
    """A StateStore. clock: what callers take `now` from. server_time: False lets callers' moments count (tests)."""

    def __init__(
        self,
        server: Server,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.time,
        server_time: bool = True,
    ) -> None:
        self._client = connect(server)
        self._breaker = breaker or Breaker()
        self._clock = clock
        self._server_time = server_time
        self._root = f"{{{server.prefix}}}:"
        make = self._client.register_script
        self._scripts = {
            name: make(getattr(scripts, name)) for name in ("ADD", "TOTAL", "TAKE", "GET", "PUT", "ENTRIES", "ACQUIRE")
        }

    @property
    def lost(self) -> bool:
        """Whether the server is left alone now because it kept failing."""
        return self._breaker.is_open

    prompt = False

    def together(self, now: float) -> AbstractContextManager[object]:
        return nullcontext()

    def add(self, key: str, amount: int, window_s: int, now: float) -> int:
        return self.add_all((Addition(key, amount, window_s),), now)[0].total

    def add_within(self, key: str, amount: int, limit: int, window_s: int, now: float) -> Admission:
        return self.add_all((Addition(key, amount, window_s, limit),), now)[0]

    def add_all(self, additions: Sequence[Addition], now: float) -> list[Admission]:
        arguments: list[Any] = [self._moment(now)]
        for one in additions:
            refuse_unstorable(one.key)
            arguments += [one.amount, one.window_s, "" if one.limit is None else one.limit]
        if not additions:
            return []
        told = self._run("ADD", [self._counter(one.key, one.window_s) for one in additions], arguments)
        return [Admission(bool(told[at]), int(told[at + 1])) for at in range(0, len(told), 2)]

    def take(self, key: str, amount: int, rate: float, burst: float, now: float, reserve: float = 0.0) -> Taken:
        refuse_unstorable(key)
        arguments = [self._moment(now), amount, repr(float(rate)), repr(float(burst)), repr(float(reserve))]
        granted, wait = self._run("TAKE", [self._value(key)], arguments)
        return Taken(bool(granted), float(wait))

    def total(self, key: str, window_s: int, now: float) -> int:
        return int(self._run("TOTAL", [self._counter(key, window_s)], [self._moment(now), window_s]))

    def get(self, key: str, now: float) -> str | None:
        kept = self._run("GET", [self._value(key)], [self._moment(now)])
        return None if kept is None else kept.decode()

    def put(self, key: str, value: str, now: float, ttl_s: int | None = None) -> None:
        self._put(key, value, now, ttl_s, "")

    def put_new(self, key: str, value: str, now: float, ttl_s: int | None = None) -> str:
        return self._put(key, value, now, ttl_s, "new")

    def delete(self, key: str) -> None:
        def remove() -> None:
            with self._client.pipeline(transaction=True) as both:
                both.delete(self._value(key))
                both.zrem(self._index, key.encode())
                both.execute()

        self._guarded(remove)

    def entries(self, prefix: str, now: float, limit: int = 1000) -> list[tuple[str, str]]:
        told = self._run("ENTRIES", [self._index], [self._moment(now), prefix, limit, self._value("")])
        texts = [part.decode() for part in told]
        return list(zip(texts[::2], texts[1::2], strict=True))

    def acquire(self, key: str, holder: str, limit: int, lease_s: int, now: float) -> bool:
        refuse_unstorable(key, holder)
        return bool(self._run("ACQUIRE", [f"{self._root}l:{key}"], [self._moment(now), holder, limit, lease_s]))

    def release(self, key: str, holder: str) -> None:
        self._guarded(lambda: self._client.hdel(f"{self._root}l:{key}", holder))

    def close(self) -> None:
        """Close every connection; the next use opens them again."""
        self._client.connection_pool.disconnect()

    @property
    def _index(self) -> str:
        return f"{self._root}i"

    def _counter(self, key: str, window_s: int) -> str:
        return f"{self._root}c:{window_s} {key}"

    def _value(self, key: str) -> str:
        return f"{self._root}v:{key}"

    def _put(self, key: str, value: str, now: float, ttl_s: int | None, kind: str) -> str:
        refuse_unstorable(key, value)
        arguments = [self._moment(now), value, "" if ttl_s is None else ttl_s, key, kind, self._value("")]
        kept: bytes = self._run("PUT", [self._value(key), self._index], arguments)
        return kept.decode()

    def _moment(self, now: float) -> str:
        """What a script makes the moment of: an age by the caller's own clock, or in tests the moment itself."""
        return f"-{max(0.0, self._clock() - now)!r}" if self._server_time else f"@{now!r}"

    def _run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        script = self._scripts[name]
        return self._guarded(lambda: script(keys=keys, args=arguments))

    def _guarded[Result](self, work: Callable[[], Result]) -> Result:
        if not self._breaker.admit():
            raise StateError("the shared store has failed and is left alone for a moment")
        try:
            result = work()
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            self._breaker.failed()
            raise StateError(f"the shared store does not answer: {type(error).__name__}") from error
        except redis.RedisError as error:  # it answers, so it is not left alone
            self._breaker.succeeded()
            raise StateError(f"the shared store refused: {type(error).__name__}") from error
        except UnicodeError as error:
            raise StateError("a key or value is not Unicode text") from error
        self._breaker.succeeded()
        return result


def connect(server: Server) -> redis.Redis:
    """A client that never retries and never waits longer than the timeouts; it connects when first used."""
    return redis.Redis.from_url(server.url, **options(server), retry=Retry(NoBackoff(), 0))


def options(server: Server) -> dict[str, Any]:
    """What every client of the server has in common."""
    found: dict[str, Any] = {
        "socket_timeout": server.timeout_s,
        "socket_connect_timeout": server.timeout_s,
        "protocol": 2,
        "client_name": "clyra",
    }
    if server.url.startswith("rediss://"):
        found |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": server.ca,
            "ssl_certfile": server.certificate,
            "ssl_keyfile": server.key,
        }
    return found
