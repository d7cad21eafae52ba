"""Addresses that a server must not be made to fetch (server-side request forgery, CWE-918).

Rule: an address is judged by the host it really names (`egress.hosts`: octal, hexadecimal and short forms of IPv4
included) and by what that reaches (`egress.addresses`); names that resolve to an address written in them, and schemes
that read files or speak to other services, count too. Names that only DNS could tell are judged when they are dialled.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import re2  # type: ignore[import-untyped]

from clyra_proxy.egress.addresses import Reach, reach_of
from clyra_proxy.egress.hosts import InvalidHostError, is_address, split_authority

_URL = re2.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(//+|\\\\+|/)([^\s\"'<>`{}|)]{1,1000})")
_BARE = re2.compile(
    r"(?:^|[\s\"'=(,])((?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-fA-F:.]{3,45}\]|localhost)(?::\d{1,5})?(?:[/\s\"',)]|$)"
)
_FETCHED = frozenset({"http", "https", "ws", "wss", "ftp", "ftps"})
_DANGEROUS = frozenset(
    {"file", "gopher", "dict", "ldap", "ldaps", "tftp", "sftp", "ssh", "jar", "netdoc", "phar", "expect", "php", "zip"}
    | {"glob", "ogg", "rar", "ssh2", "smb", "cifs", "nfs", "redis", "mongodb", "memcached", "mysql", "postgres"}
    | {"postgresql", "jdbc", "view-source"}
)
_INTERNAL_NAMES = (
    "localhost",
    "internal",
    "local",
    "localdomain",
    "intranet",
    "corp",
    "home.arpa",
    "metadata.google.internal",
    "instance-data",
    "kubernetes.default.svc",
    "cluster.local",
    "host.docker.internal",
)
_WRITTEN_ADDRESS = re2.compile(r"(?:^|[.-])((?:\d{1,3}[.-]){3}\d{1,3})\.(?:nip|sslip|xip)\.(?:io|name)$")
_LOOPBACK_NAMES = frozenset({"localtest.me", "lvh.me", "vcap.me", "lacolhost.com", "yoogle.com", "readme.localtest.me"})
_MOST = 500


def forged_requests(text: str) -> Iterator[str]:
    """Ids of what is wrong with the addresses in a text: `url.internal`, `url.scheme`, `url.unclear`."""
    found: set[str] = set()
    for count, match in enumerate(_URL.finditer(text.encode("utf-8", "replace"))):
        if count >= _MOST:
            found.add("url.unclear")
            break
        scheme, slashes, rest = (part.decode("utf-8", "replace") for part in match.groups())
        found.add(_judge(scheme.lower(), slashes, rest))
    if any(_reaches_inside(match.group(1).decode()) for match in _BARE.finditer(text.encode("utf-8", "replace"))):
        found.add("url.internal")
    yield from sorted(found - {""})


def _judge(scheme: str, slashes: str, rest: str) -> str:
    """The id of what is wrong with one address; empty when nothing is."""
    if scheme in _DANGEROUS:
        return "url.scheme"
    if scheme not in _FETCHED:
        return ""
    authority = rest.lstrip("/\\")
    for end in "/?#\\":
        authority = authority.partition(end)[0]
    _, at, host = authority.rpartition("@")
    if _reaches_inside(unquote(host)):
        return "url.internal"
    return "url.unclear" if at or "\\" in slashes or "%" in host else ""


def _reaches_inside(authority: str) -> bool:
    """Whether a host, with or without port, is inside; what is no host at all is not."""
    try:
        host = split_authority(authority)[0]
    except InvalidHostError:
        return False
    if is_address(host):
        return reach_of(host) is not Reach.PUBLIC
    if any(host == name or host.endswith(f".{name}") for name in (*_INTERNAL_NAMES, *_LOOPBACK_NAMES)):
        return True
    written = _WRITTEN_ADDRESS.search(host)
    return written is not None and reach_of(str(written.group(1)).replace("-", ".")) is not Reach.PUBLIC
