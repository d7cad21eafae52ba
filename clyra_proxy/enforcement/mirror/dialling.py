"""Opening connections to a mirror target: only to addresses that a target of its kind may have.

Guarantees: every address that the name resolved to is judged by the rules of egress before a socket is open, one bad
one refuses the lot, and what is dialled is what was judged (no second resolution, so no DNS rebinding); the name
stays what the certificate must be for. Metadata services are never dialled.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

import httpcore

from clyra_proxy.egress.addresses import INTERNAL, Reach, reach_of


class AddressRefusedError(Exception):
    """An address of the target is none that it may have. reach: what it reaches."""

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach.value)
        self.reach = reach


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects for one target."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefusedError, httpcore.ConnectError."""
        failed: Exception = httpcore.ConnectError("no address")
        for address in await self._judged(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _judged(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("no such name") from error
        addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        for address in addresses:
            reach = reach_of(address)
            if reach is not Reach.PUBLIC and not (self._allow_private and reach in INTERNAL):
                raise AddressRefusedError(reach)
        return addresses
