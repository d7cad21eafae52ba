"""Host names as they are compared: one spelling for one host.

Guarantees: two spellings that a resolver or a TLS library would treat as the same host normalise to the same text
(case, trailing dot, IDNA with UTS 46 mapping, brackets, and the octal, hexadecimal, short and single-number forms of
IPv4 that `inet_aton` accepts); what cannot be a host name is refused rather than guessed. RFC 1123, RFC 3986 3.2.2,
RFC 5891, and the WHATWG URL standard's "ends in a number" rule.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import idna

_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_MAX_NAME = 253
_MAX_INPUT = 1024
_FULL_STOPS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})


class InvalidHostError(ValueError):
    """The text is not a host name or IP literal."""


@lru_cache(maxsize=4096)
def normalise_host(host: str) -> str:
    """The one spelling of `host`: lower-case ASCII name, dotted IPv4, or compressed IPv6 without brackets.

    Raises InvalidHostError.
    """
    if len(host) > _MAX_INPUT:
        raise InvalidHostError("the host name is too long")
    text = host.lower()
    if text.startswith("["):
        if not text.endswith("]"):
            raise InvalidHostError(f"`{host}` has an opening bracket and no closing one")
        return _ipv6(text[1:-1], host)
    if ":" in text:
        return _ipv6(text, host)
    if not text.isascii():
        text = _ascii_name(text, host)
    text = text.removesuffix(".")
    if _NUMBER.fullmatch(text.rpartition(".")[2]):
        return _ipv4(text, host)
    if len(text) > _MAX_NAME or not _NAME.fullmatch(text):
        raise InvalidHostError(f"`{host}` is not a host name")
    return text


def normalise_pattern(pattern: str) -> str:
    """A host as written in policy: a host, `*.name`, or `*`. Raises InvalidHostError."""
    if pattern == "*":
        return pattern
    if "/" in pattern or pattern.count(":") == 1:
        raise InvalidHostError(
            f"`{pattern}` is more than a host: leave out scheme, port and path (`ports` takes ports)"
        )
    if not pattern.startswith("*."):
        return normalise_host(pattern)
    name = normalise_host(pattern[2:])
    if ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise InvalidHostError(f"`{pattern}` puts a wildcard before an address")
    return f"*.{name}"


def split_authority(authority: str) -> tuple[str, int | None]:
    """Host and port of a Host header or :authority, host normalised. Raises InvalidHostError."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host += bracket
        separator, port = rest[:1], rest[1:]
        if rest and separator != ":":
            raise InvalidHostError("something follows the closing bracket")
    else:
        host, separator, port = authority.partition(":")
    if not separator or not port:
        return normalise_host(host), None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise InvalidHostError("the port is not a number from 1 to 65535")
    return normalise_host(host), int(port)


def is_address(host: str) -> bool:
    """True when a normalised host is an IP literal."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _ascii_name(text: str, host: str) -> str:
    try:
        mapped = idna.uts46_remap(text.translate(_FULL_STOPS), std3_rules=False)
        # Fullwidth digits and letters map to an ASCII name or address, which the caller judges as such.
        return mapped if mapped.isascii() else idna.encode(mapped, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidHostError(f"`{host}` is not an internationalised host name") from error


def _ipv6(text: str, host: str) -> str:
    try:
        address = IPv6Address(text.partition("%")[0])
    except ValueError as error:
        raise InvalidHostError(f"`{host}` is not an IPv6 address") from error
    return str(address)


def _ipv4(text: str, host: str) -> str:
    """`inet_aton` spellings: 1 to 4 parts, each decimal, octal (leading 0) or hexadecimal (leading 0x)."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise InvalidHostError(f"`{host}` ends in a number and is not an IPv4 address")
    try:
        values = [_part(part) for part in parts]
    except ValueError as error:
        raise InvalidHostError(f"`{host}` is not an IPv4 address") from error
    last = values.pop()
    if any(value > 255 for value in values) or last >= 256 ** (4 - len(values)):
        raise InvalidHostError(f"`{host}` is not an IPv4 address")
    number = last
    for index, value in enumerate(values):
        number += value << (8 * (3 - index))
    return str(IPv4Address(number))


def _part(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    if len(text) > 1 and text.startswith("0"):
        return int(text, 8)
    if len(text) > 10:
        raise ValueError(text)
    return int(text)
