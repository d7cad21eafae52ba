"""Opening upstream connections: resolve here, ask, then dial exactly the addresses that were approved.

Guarantee: the address that is connected to is one that the egress check saw (no second resolution, so no DNS
rebinding), while SNI and certificate verification stay on the name. A connection to one of our own listeners is
refused whatever local address it uses (CVE-class: recursive self-connection exhausts descriptors).
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence

import psutil


class DialError(Exception):
    """No connection. The text is meant for a person: what failed, no secrets."""


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """All addresses of `host` as IP literals, in the resolver's order, without duplicates. Raises DialError."""
    try:
        return (str(ipaddress.ip_address(host.partition("%")[0])),)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DialError(f"cannot resolve {host}") from error
    return tuple(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def local_addresses() -> frozenset[str]:
    """Every address of this machine's interfaces, as IP literals."""
    return frozenset(
        address.address.partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for address in entries
        if address.family in (socket.AF_INET, socket.AF_INET6)
    )


def is_own_listener(addresses: Iterable[str], port: int, listening: Sequence[tuple[str, int]]) -> bool:
    """Whether any of `addresses` with `port` is one of our own listening sockets.

    Loopback and unspecified addresses always reach us when the port is ours and we listen there or everywhere.
    """
    hosts = {host for host, own_port in listening if own_port == port}
    if not hosts:
        return False
    everywhere = bool(hosts & {"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
    local = local_addresses() if everywhere else frozenset()
    for text in addresses:
        address = ipaddress.ip_address(text)
        mapped = getattr(address, "ipv4_mapped", None)
        plain = str(mapped or address)
        if plain in hosts or address.is_unspecified:
            return True
        if everywhere and (plain in local or ipaddress.ip_address(plain).is_loopback):
            return True
    return False


async def connect(
    addresses: Sequence[str], port: int, timeout_s: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A TCP connection to the first of `addresses` that answers. Raises DialError when none does."""
    reason = "no address to dial"
    for address in addresses:
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.open_connection(address, port)
        except TimeoutError:
            reason = f"{address} did not answer within {timeout_s:g} s"
        except OSError as error:
            reason = f"{address}: {os.strerror(error.errno) if error.errno else type(error).__name__}"
    raise DialError(reason)
