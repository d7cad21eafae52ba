"""Patches of mitmproxy that make it faster and change nothing else; all of them, in one list.

Each was written against the source of one mitmproxy version (`WRITTEN_FOR`), changes no observable result, and can be
taken back. `install` refuses any other version, because a patch that fits almost is a fault nobody sees;
`tests/engine/test_fastpath.py` compares the digest of every replaced function, and the differential test the bytes.
What is not a patch but our own class (dispatch, connection handler, HTTP layers) is not listed here.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mitmproxy import connection, flow, http, optmanager, version
from mitmproxy.net import check
from mitmproxy.net.http import http1, url
from mitmproxy.net.http.http1 import read
from mitmproxy.proxy import context

from clyra_proxy.errors import StartupError

WRITTEN_FOR = "12.2.3"
_MISSING = object()
_CACHED_URL_BYTES = 512
"""Longer URLs are parsed each time, so that a client cannot fill memory through a cache."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Replace `owner.name`. why: what it saves, measured on one core with 1 KB keep-alive exchanges."""

    owner: Any
    name: str
    replacement: Any
    why: str


# -- headers: looked up about thirty times per exchange --------------------------------------------------------------


def _values(self: http.Headers, key: str | bytes) -> list[bytes]:
    wanted = (key if isinstance(key, bytes) else key.encode("utf-8", "surrogateescape")).lower()
    size = len(wanted)
    return [value for name, value in self.fields if len(name) == size and name.lower() == wanted]


def get_all(self: http.Headers, name: str | bytes) -> list[str]:
    """Every value of a field."""
    return [value.decode("utf-8", "surrogateescape") for value in _values(self, name)]


def get(self: http.Headers, key: str | bytes, default: Any = None) -> Any:
    """The folded value of a field, or the default."""
    values = _values(self, key)
    if not values:
        return default
    if len(values) == 1:
        return values[0].decode("utf-8", "surrogateescape")
    return ", ".join(value.decode("utf-8", "surrogateescape") for value in values)


def getitem(self: http.Headers, key: str | bytes) -> str:
    """The folded value of a field; raises KeyError."""
    values = _values(self, key)
    if not values:
        raise KeyError(key)
    return ", ".join(value.decode("utf-8", "surrogateescape") for value in values)


def contains(self: http.Headers, key: Any) -> bool:
    """Whether the field is there."""
    return bool(_values(self, key)) if isinstance(key, (str, bytes)) else False


_original_init: Callable[..., None] = http.Headers.__init__


def make_headers(self: http.Headers, fields: Iterable[tuple[bytes, bytes]] = (), **headers: str | bytes) -> None:
    """As stock, without walking through an empty mapping of further fields."""
    if headers:
        _original_init(self, fields, **headers)
        return
    self.fields = tuple(map(tuple, fields))  # type: ignore[arg-type]
    for name, value in self.fields:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise TypeError("Header fields must be bytes.")


_UNCLOSED = (b"HTTP/1.1", b"HTTP/2.0", "HTTP/1.1", "HTTP/2.0")
_original_close: Callable[[Any, http.Headers], bool] = read.connection_close


def connection_close(http_version: str | bytes, headers: http.Headers) -> bool:
    """Whether a message says that its connection ends with it."""
    values = _values(headers, b"connection")
    if not values:
        return http_version not in _UNCLOSED
    return False if values == [b"keep-alive"] else _original_close(http_version, headers)


_SIZE = "clyra_size"
"""Attribute of a message: what its size was told from, and that size."""
_original_size: Callable[..., int | None] = read.expected_http_body_size


def expected_http_body_size(request: http.Request, response: http.Response | None = None) -> int | None:
    """The size of the body of the response, without one that of the request; raises ValueError when it is invalid."""
    message = request if response is None else response
    told_from = (
        message.data.headers.fields,
        request.data.method,
        0 if response is None else response.data.status_code,
    )
    known = message.__dict__.get(_SIZE)
    if known is None or known[0] != told_from:
        known = message.__dict__[_SIZE] = (told_from, _original_size(request, response))
    size: int | None = known[1]
    return size


# -- types and options ----------------------------------------------------------------------------------------------


def skip_type_check(self: Any) -> None:
    """mitmproxy checks the type of all thirteen fields of every message it makes."""


_original_current: Callable[[Any], Any] = optmanager._Option.current


def current(self: Any) -> Any:
    """An option's value; scalars need no deep copy."""
    value = self._default if self.value is optmanager.unset else self.value
    return value if value is None or type(value) in (bool, int, str) else _original_current(self)


def fork(self: context.Context) -> context.Context:
    """As stock, without making a Server object that is replaced at once."""
    child = context.Context.__new__(context.Context)
    child.client = self.client
    child.options = self.options
    child.server = self.server
    child.layers = self.layers.copy()
    return child


# -- names ----------------------------------------------------------------------------------------------------------

is_valid_host = lru_cache(4096)(check.is_valid_host)
_parse_authority: Any = lru_cache(4096)(url.parse_authority)
_parse_url: Any = lru_cache(1024)(url.parse)
_uncached_authority, _uncached_url = url.parse_authority, url.parse


def parse_authority(authority: Any, check: bool) -> Any:
    """Host and port of an authority."""
    return (_parse_authority if len(authority) <= _CACHED_URL_BYTES else _uncached_authority)(authority, check)


def parse_url(target: Any) -> Any:
    """Scheme, host, port and path of a URL."""
    return (_parse_url if len(target) <= _CACHED_URL_BYTES else _uncached_url)(target)


class CheapIdentifiers:
    """Stands where mitmproxy's modules say `uuid`: unique in this process, and random between processes."""

    def __init__(self) -> None:
        self._prefix = os.urandom(8).hex()
        self._count = itertools.count()

    def uuid4(self) -> str:
        """A text that mitmproxy passes through `str`."""
        return f"{self._prefix}-{next(self._count):x}"


_identifiers = CheapIdentifiers()

PATCHES: tuple[Patch, ...] = (
    Patch(http.MessageData, "__post_init__", skip_type_check, "8 % of all time: type checks per message"),
    Patch(http.Headers, "get_all", get_all, "10 % together: look-ups through three abstract classes"),
    Patch(http.Headers, "get", get, "see get_all"),
    Patch(http.Headers, "__getitem__", getitem, "see get_all"),
    Patch(http.Headers, "__contains__", contains, "see get_all"),
    Patch(http.Headers, "__init__", make_headers, "1 %: an empty update through the abstract classes"),
    Patch(read, "connection_close", connection_close, "1 %: three look-ups for each of the four times it is asked"),
    Patch(http1, "connection_close", connection_close, "the same function, imported by name"),
    Patch(read, "expected_http_body_size", expected_http_body_size, "1 %: told four times from the same two heads"),
    Patch(http1, "expected_http_body_size", expected_http_body_size, "the same function, imported by name"),
    Patch(optmanager._Option, "current", current, "1 %: deep copies of booleans"),
    Patch(context.Context, "fork", fork, "3 %: a Server object per stream that nobody uses"),
    Patch(check, "is_valid_host", is_valid_host, "1 %: IDNA of the same names again and again"),
    Patch(url, "is_valid_host", is_valid_host, "the same function, imported by name"),
    Patch(url, "parse_authority", parse_authority, "1 %: the same Host again and again"),
    Patch(url, "parse", parse_url, "3 %: urllib on every absolute-form request target"),
    Patch(flow, "uuid", _identifiers, "1 %: random bytes from the kernel per flow"),
    Patch(connection, "uuid", _identifiers, "1 %: and per connection object"),
)

_replaced: list[tuple[Patch, Any]] = []


def install() -> None:
    """Apply every patch, once. Raises StartupError when mitmproxy is not the version they were written for."""
    if _replaced:
        return
    if version.VERSION != WRITTEN_FOR:
        raise StartupError(
            f"mitmproxy {version.VERSION} is installed, the engine was written for {WRITTEN_FOR}.",
            "Its internals are replaced in places, and that must fit exactly.",
            f"Install mitmproxy=={WRITTEN_FOR}, or adapt clyra_proxy/engine and run its differential test.",
        )
    for patch in PATCHES:
        _replaced.append((patch, vars(patch.owner).get(patch.name, _MISSING)))
        setattr(patch.owner, patch.name, patch.replacement)


def uninstall() -> None:
    """Take every patch back."""
    while _replaced:
        patch, original = _replaced.pop()
        if original is _MISSING:
            delattr(patch.owner, patch.name)
        else:
            setattr(patch.owner, patch.name, original)
