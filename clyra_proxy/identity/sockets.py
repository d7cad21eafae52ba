"""The inode of a TCP socket on this machine, by its two ends (Linux).

The kernel answers one exact question over netlink (sock_diag(7)) in microseconds; where that is not offered (some
containers), the socket tables under /proc/net say the same, read line by line.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from ipaddress import IPv6Address, ip_address
from pathlib import Path

type Endpoint = tuple[str, int]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_ENDS = struct.Struct("!HH16s16s")
_NO_INTERFACE_NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_INODE_AT = 16 + 4 + 48 + 16  # netlink header, state, ends, then expires, two queues and the owner
_ANY_STATE = 0xFFFFFFFF
_TIMEOUT_S = 0.5


def socket_inode(local: Endpoint, peer: Endpoint, proc: Path = Path("/proc")) -> int | None:
    """Inode of the socket with these ends, or None when there is none. Blocking."""
    try:
        return ask_kernel(local, peer)
    except (OSError, AttributeError):
        return read_tables(local, peer, proc)


def ask_kernel(local: Endpoint, peer: Endpoint) -> int | None:
    """By netlink. Raises OSError where the kernel does not offer it."""
    source, target = ip_address(local[0].partition("%")[0]), ip_address(peer[0].partition("%")[0])
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    ends = _ENDS.pack(local[1], peer[1], source.packed, target.packed)
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + ends + _NO_INTERFACE_NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.sendto(header + request, (0, 0))
        answer = kernel.recv(1024)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY or len(answer) < _INODE_AT + 4:
        _check_refusal(answer)
        return None
    inode: int = struct.unpack_from("=I", answer, _INODE_AT)[0]
    return inode or None


def _check_refusal(answer: bytes) -> None:
    """An error message: no such socket is an answer, anything else means the kernel does not offer this."""
    code = -int(struct.unpack_from("=i", answer, _HEADER.size)[0])
    if code != errno.ENOENT:
        raise OSError(code, "sock_diag")


def read_tables(local: Endpoint, peer: Endpoint, proc: Path) -> int | None:
    """By /proc/net/tcp and tcp6."""
    for table, version in (("tcp", 4), ("tcp6", 6)):
        wanted = [_kernel_form(*end, version) for end in (local, peer)]
        if None in wanted:
            continue
        try:
            lines = (proc / "net" / table).read_text("ascii").splitlines()
        except OSError:
            continue
        for line in lines[1:]:
            fields = line.split()
            if fields[1:3] == wanted and fields[9] != "0":
                return int(fields[9])
    return None


def _kernel_form(host: str, port: int, version: int) -> str | None:
    """An address as the tables write it: 32-bit words in host byte order, and the port, in hex."""
    address = ip_address(host.partition("%")[0])
    if version == 6:
        packed = address.packed if address.version == 6 else IPv6Address(f"::ffff:{address}").packed
    elif address.version == 4:
        packed = address.packed
    else:
        return None
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"
