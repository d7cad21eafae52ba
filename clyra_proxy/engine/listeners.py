"""The listening sockets, opened once by the supervisor and lent to the workers.

Every worker has its own SO_REUSEPORT socket on the same address, so the kernel spreads new connections over the
workers. The supervisor keeps all of them open: a connection that waits in the queue of a worker that died, or that is
being replaced, is not lost; the replacement, or a neighbour that adopts the socket meanwhile, accepts it.
SO_REUSEPORT would also let a second proxy share the port unnoticed, so the address is first claimed exclusively.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Sequence

import psutil

from clyra_proxy.errors import StartupError

type Address = tuple[socket.AddressFamily, str, int]


def open_listeners(hosts: Sequence[str], port: int, workers: int) -> list[list[socket.socket]]:
    """For each worker, one bound (not yet listening) socket per address of `hosts`. `port` 0 picks a free one.

    Raises StartupError: name unknown, address not of this machine, port taken (names the process if it can be found),
    port not permitted.
    """
    addresses = list(dict.fromkeys(address for host in hosts for address in _resolve(host, port)))
    if port == 0:
        with _claim(addresses[0], exclusive=True) as probe:
            port = probe.getsockname()[1]
        addresses = [(family, address, port) for family, address, _ in addresses]
    for address in addresses:
        _claim(address, exclusive=True).close()
    return [[_claim(address, exclusive=False) for address in addresses] for _ in range(workers)]


def is_loopback(host: str) -> bool:
    """Whether every address of `host` can be reached from this machine only."""
    return all(ipaddress.ip_address(address).is_loopback for _, address, _ in _resolve(host, 0))


def can_bind(host: str) -> bool:
    """Whether this machine has the address."""
    try:
        for family, address, _ in _resolve(host, 0):
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((address, 0))
    except (OSError, StartupError):
        return False
    return True


def bound_port(listeners: list[list[socket.socket]]) -> int:
    """The port that was really bound, where 0 was asked for."""
    return int(listeners[0][0].getsockname()[1])


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise StartupError(
            f"Cannot listen on {host!r}.",
            f"The name has no address ({error.strerror}).",
            "Set `listen.host` (or --host) to an address of this machine, such as 127.0.0.1.",
        ) from error
    return list(dict.fromkeys((family, str(address[0]), port) for family, _, _, _, address in found))


def _claim(address: Address, *, exclusive: bool) -> socket.socket:
    family, host, port = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not exclusive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        if exclusive:
            sock.listen(1)  # two bound sockets may share an address under SO_REUSEADDR; listening ones may not
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _explain(error, host, port) from error
    return sock


def _explain(error: OSError, host: str, port: int) -> StartupError:
    what = f"Cannot listen on {host} port {port}."
    if error.errno == errno.EADDRINUSE:
        holder = _holder(port)
        return StartupError(
            what,
            f"The port is taken{f' by {holder}' if holder else ''}.",
            "Stop that program, or choose another port with `listen.port` or --port.",
        )
    if error.errno == errno.EACCES:
        return StartupError(what, "This user may not use that port.", "Choose a port of 1024 or more with --port.")
    if error.errno == errno.EADDRNOTAVAIL:
        return StartupError(what, "The address does not belong to this machine.", "Correct `listen.host` or --host.")
    return StartupError(what, f"The system says: {error.strerror}.", "Correct `listen.host` and `listen.port`.")


def _holder(port: int) -> str:
    """`name (pid 123)` of the process that listens on `port`, or "" when this user may not know."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
