"""Before a worker serves anyone, it proves on itself that it intercepts, validates and records.

Two requests go through the engine with all addons, over loopback, to a throw-away upstream: a good one that must be
intercepted, arrive whole and be recorded before it left; and a bad one (a duplicate key in the last chunk of a
chunked body) that must be refused and must not arrive as a complete request. A worker that fails does not serve: an
enforcement point that does not enforce is worse than none. An unreachable recorder is not such a failure; it keeps
the proxy from being ready, and the test is repeated until the record is made.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from clyra_proxy.engine.master import EngineMaster
from clyra_proxy.engine.runtime import Runtime
from clyra_proxy.engine.selftest_pass import AGENT, HOST, SelfTestPass
from clyra_proxy.engine.settings import Listener
from clyra_proxy.errors import StartupError
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Decision

LIMIT_S = 15.0
GOOD_CHUNKS = (b'{"selftest":"good","rows":[{"id":1},', b'{"id":2},{"id":3}]}')
BAD_CHUNKS = (b'{"selftest":"bad","rows":[{"id":1},', b'{"id":2,"id":3}]}')
GOOD = b"".join(GOOD_CHUNKS)
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class SelfTestWatch:
    """Addon, last in the chain: keeps the finished exchanges of the self-test, and nobody else's."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.seen: list[Exchange] = []

    def clyra_done(self, flow: HTTPFlow) -> None:
        right = self._runtime.selftest
        if right is not None:
            exchange = exchange_of(flow)
            if exchange is not None and right.owns(exchange.route):
                self.seen.append(exchange)


@dataclass(slots=True)
class ThrowAwayUpstream:
    """A loopback HTTP/1.1 server that remembers the body of every request that arrived complete."""

    port: int = 0
    complete: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.complete.append(await _read_body(head.lower(), reader))
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()


async def _read_body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """The whole body, chunked or counted; raises IncompleteReadError when it stops short."""
    if b"\r\ntransfer-encoding: chunked" not in head:
        _, found, rest = head.partition(b"\r\ncontent-length:")
        return await reader.readexactly(int(rest.split(b"\r\n", 1)[0])) if found else b""
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


async def run_selftest(engine: EngineMaster, runtime: Runtime, watch: SelfTestWatch) -> bool:
    """Run both requests. Returns whether the good one was recorded; raises StartupError when enforcement fails."""
    upstream = ThrowAwayUpstream()
    try:
        async with asyncio.timeout(LIMIT_S), _loopback(engine, runtime, upstream) as proxy_port:
            watch.seen.clear()
            bad_status = await _request(proxy_port, runtime, "queued", BAD_CHUNKS)
            await _until(lambda: len(watch.seen) >= 1)
            _check_bad(bad_status, upstream, watch.seen[0])
            good_status = await _request(proxy_port, runtime, "required", GOOD_CHUNKS)
            await _until(lambda: len(watch.seen) >= 2)
            return _check_good(good_status, upstream, watch.seen[1])
    except TimeoutError as error:
        raise _refusal(f"It did not end within {LIMIT_S:.0f} seconds.") from error
    except OSError as error:
        raise _refusal(f"The loopback connection failed: {error}.") from error
    finally:
        runtime.selftest = None


@contextlib.asynccontextmanager
async def _loopback(engine: EngineMaster, runtime: Runtime, upstream: ThrowAwayUpstream) -> AsyncIterator[int]:
    """The throw-away upstream and a private way into the engine; yields the port of the latter."""
    server = await asyncio.start_server(upstream.serve, HOST, 0)
    with socket.create_server((HOST, 0)) as private:
        private.setblocking(False)
        upstream.port = server.sockets[0].getsockname()[1]
        port = int(private.getsockname()[1])
        entrance = await engine.listen_on(Listener(HOST, port), private, lasting=False)
        runtime.selftest = SelfTestPass(upstream.port)
        try:
            yield port
        finally:
            entrance.close()
            server.close()


async def _request(proxy_port: int, runtime: Runtime, kind: str, chunks: Sequence[bytes]) -> int:
    """Send one chunked POST through the engine; the status of the answer."""
    right = runtime.selftest
    if right is None:
        raise StartupError("The self-test is not running.")
    credentials = base64.b64encode(f"{AGENT}:{right.secret}".encode()).decode()
    authority = f"{HOST}:{right.port}"
    head = (
        f"POST http://{authority}{right.prefix}{kind} HTTP/1.1\r\nHost: {authority}\r\n"
        f"Proxy-Authorization: Basic {credentials}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(HOST, proxy_port)
    try:
        writer.write(head.encode())
        for chunk in (*chunks, b""):
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
            await asyncio.sleep(0)
        status_line = await reader.readline()
        return int(status_line.split()[1]) if status_line else 0
    finally:
        writer.close()


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a list grows in a hook; a few milliseconds once a start
        await asyncio.sleep(0.005)


def _check_bad(status: int, upstream: ThrowAwayUpstream, exchange: Exchange) -> None:
    if upstream.complete:
        raise _refusal("A body with a duplicate key reached the upstream complete.")
    if exchange.verdict is None or exchange.verdict.decision is not Decision.BLOCK or status != 422:
        raise _refusal(f"A body with a duplicate key was not refused (status {status}, {_decision(exchange)}).")


def _check_good(status: int, upstream: ThrowAwayUpstream, exchange: Exchange) -> bool:
    if status == 503 and not exchange.intent_id and not upstream.complete:
        return False  # no evidence, no action: right, but not ready
    if status != 200 or upstream.complete != [GOOD]:
        raise _refusal(f"A good request did not arrive whole (status {status}, {_decision(exchange)}).")
    if exchange.verdict is None or exchange.verdict.decision is not Decision.ALLOW:
        raise _refusal(f"A good request was not allowed ({_decision(exchange)}).")
    if not exchange.intent_id:
        raise _refusal("A request that needs evidence went upstream without a record.")
    return True


def _decision(exchange: Exchange) -> str:
    if exchange.verdict is None:
        return "no verdict"
    rules = ", ".join(finding.rule for finding in exchange.verdict.findings)
    return f"decision {exchange.verdict.decision.value}{f' by {rules}' if rules else ''}"


def _refusal(why: str) -> StartupError:
    return StartupError(
        "The self-test failed; the proxy does not start.",
        why,
        "Do not route around it: report it with the version (`clyra --version`) and this message.",
    )
