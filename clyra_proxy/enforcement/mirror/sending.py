"""One target: its connections, its breaker, its pace; sends a copy and gives back the answer or what became of it.

Guarantees: never follows a redirect, never goes through a proxy of the environment, reads no more of an answer than is
compared, and ends in time whatever the other side does; a copy is sent at most once. Runs on the mirrors' own loop.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from clyra_proxy.enforcement.mirror.compiled import CompiledTarget
from clyra_proxy.enforcement.mirror.dialling import AddressRefusedError, CheckedBackend
from clyra_proxy.enforcement.mirror.head import finished
from clyra_proxy.enforcement.mirror.model import Answer, Copy, Outcome
from clyra_proxy.enforcement.mirror.stripping import WithheldError
from clyra_proxy.services.breaker import CircuitBreaker
from clyra_proxy.services.failure import ServiceFailure

_KEEP_S = 15.0
_LEAST_READ = 64 << 10


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a copy. answer: None when there is none. milliseconds: from connecting to the end."""

    outcome: Outcome
    answer: Answer | None = None
    milliseconds: float = 0.0


class Sender:
    """The way to one target."""

    def __init__(self, target: CompiledTarget) -> None:
        self.target = target
        settings = target.settings
        self._breaker = CircuitBreaker(settings.breaker)
        self._tokens = self._most_tokens = max(1.0, settings.per_second)
        self._filled = time.monotonic()
        self._origin = urlsplit(settings.url)
        self._pool: httpcore.AsyncConnectionPool | None = None

    def has_token(self) -> bool:
        """Whether the pace allows one more now; it is taken."""
        now = time.monotonic()
        self._tokens = min(self._most_tokens, self._tokens + (now - self._filled) * self.target.settings.per_second)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def send(self, copy: Copy) -> Sent:
        """Send one copy. Never raises but when it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            request = self._request(copy)
        except WithheldError:
            return Sent(Outcome.SUPPRESSED_SECRET)
        if not self._breaker.admit(loop.time()):
            return Sent(Outcome.DROPPED_BREAKER)
        began = loop.time()
        try:
            async with asyncio.timeout(self.target.settings.timeout_ms / 1000):
                answer = await self._ask(request)
        except AddressRefusedError:
            self._breaker.failed(loop.time())
            return Sent(Outcome.SUPPRESSED_ADDRESS)
        except TimeoutError:
            self._breaker.failed(loop.time())
            return Sent(Outcome.TIMED_OUT)
        except Exception:  # noqa: BLE001 - whatever a mirror does wrong is its failure and nobody else's
            self._breaker.failed(loop.time())
            return Sent(Outcome.FAILED)
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        if answer.status == 401 and self.target.secret is not None:
            await self._read_secret_again()
        return Sent(Outcome.MIRRORED, answer, (loop.time() - began) * 1000)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _request(self, copy: Copy) -> httpcore.Request:
        """The copy without its secrets. Raises WithheldError."""
        target = self.target
        fields = target.head.kept(copy.fields)
        media = _first(fields, b"content-type")
        stripped = target.stripping.body(copy.body, media, _first(fields, b"content-encoding"), target.limits)
        if stripped.changed:
            fields = [(key, value) for key, value in fields if key.lower() != b"content-encoding"]
        secret = target.secret.header if target.secret is not None else None
        fields = target.stripping.fields(fields)
        head = finished(fields, copy, target.host, target.settings.host, secret, len(stripped.body))
        origin = self._origin
        url = httpcore.URL(
            scheme=origin.scheme.encode(),
            host=(origin.hostname or "").encode("idna"),
            port=origin.port,
            target=target.stripping.target(copy.path).encode("utf-8", "surrogateescape"),
        )
        return httpcore.Request(copy.method, url, headers=head, content=stripped.body)

    async def _ask(self, request: httpcore.Request) -> Answer:
        most = self.target.settings.compare.max_body_bytes if self.target.settings.compare.enabled else _LEAST_READ
        response = await self._opened().handle_async_request(request)
        read: bytearray | None = bytearray()
        try:
            async for piece in response.aiter_stream():
                assert read is not None  # noqa: S101 - for the type checker
                read += piece
                if len(read) > most:
                    read = None
                    break  # closing below ends the connection; nobody reads the rest
        finally:
            await response.aclose()
        return Answer(response.status, tuple(response.headers), None if read is None else bytes(read))

    async def _read_secret_again(self) -> None:
        try:
            if self.target.secret is not None:
                await asyncio.to_thread(self.target.secret.read_again)
        except ServiceFailure:
            return  # the secret at hand stays, and the answers say that it is refused

    def _opened(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            settings = self.target.settings
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self.target.trust,
                max_connections=settings.concurrency,
                max_keepalive_connections=settings.concurrency,
                keepalive_expiry=_KEEP_S,
                network_backend=CheckedBackend(allow_private=settings.allow_private),
            )
        return self._pool


def _first(fields: list[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in fields if key.lower() == name), "")
