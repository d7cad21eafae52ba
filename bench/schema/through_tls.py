"""The same validation inside the running proxy: a big array uploaded through CONNECT, TLS on both sides.

The figure is megabytes per second of the worker's own processor time, so client and upstream, which need the machine's
cores too, do not count.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from bench.engine.contenders import Contender, start_clyra
from tests.support.certificates import Authority, client_context
from tests.support.raw import Address, dial
from tests.support.upstream import Upstream

ROUNDS = 3
RECORD = (
    b'{"id":"order-00000001","customer":"c-1024","currency":"EUR","lines":['
    b'{"sku":"SKU-00000001","quantity":3,"price":10.25,"note":"as agreed, with a note of some length"},'
    b'{"sku":"SKU-00000002","quantity":1,"price":99.5,"note":"to be delivered"}]}'
)


def rate_through_tls(size: int) -> float:
    """MB per CPU second of one worker, for `size` bytes of 250-byte records; the median of three uploads."""
    folder = Path(tempfile.mkdtemp(prefix="clyra-bench-"))
    authority = Authority(folder / "authority")
    with Upstream(authority.leaf("localhost")) as upstream:
        proxy = start_clyra(folder / "clyra", authority, ())
        with proxy.process:
            trust = client_context(proxy.trust)
            rates = [_upload(proxy, ("localhost", upstream.tls_port), trust, size) for _ in range(ROUNDS)]
    return sorted(rates)[ROUNDS // 2]


def _upload(proxy: Contender, upstream: Address, trust: ssl.SSLContext, size: int) -> float:
    host, _, port = proxy.address.rpartition(":")
    block = b",".join([RECORD] * 1024)
    count = max(1, size // len(block))
    length = count * (len(block) + 1) - 1 + 2
    head = f"POST /upload HTTP/1.1\r\nHost: {upstream[0]}:{upstream[1]}\r\nContent-Type: application/json\r\n"
    before = proxy.cpu_seconds()
    with dial(upstream, proxy=(host, int(port)), tls=trust, timeout=300.0) as connection:
        connection.sendall(f"{head}Content-Length: {length}\r\nConnection: close\r\n\r\n[".encode())
        for number in range(count):
            connection.sendall(block if number == 0 else b"," + block)
        connection.sendall(b"]")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the upload was not accepted: {answer[:200]!r}")
    return length / 1e6 / (proxy.cpu_seconds() - before)
