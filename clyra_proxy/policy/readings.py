"""The readings that a request line has: which methods and which paths a server may take it for.

Servers differ in more than RFC 3986 lets them: some decode `%2F`, take `\\` for a slash, drop what follows a `;` in a
segment, or believe a header that names another method. A rule that holds something back must hold in any reading, one
that lets something go only in all of them; the plain reading alone is `normalise_path`. Linear in the path.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from clyra_proxy.exchange import RequestHead
from clyra_proxy.policy.paths import normalise_path

OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
"""Headers by which frameworks take one method for another."""
_PARAMETERS = ("_method", "_httpmethod")


class Readings:
    """All readings of one request line; each kind is worked out once, when it is first asked for."""

    __slots__ = ("_methods", "_paths", "_request")

    def __init__(self, request: RequestHead) -> None:
        self._request = request
        self._methods: frozenset[str] | None = None
        self._paths: tuple[str, ...] | None = None

    @property
    def methods(self) -> frozenset[str]:
        """As `methods_of`."""
        if self._methods is None:
            self._methods = methods_of(self._request)
        return self._methods

    @property
    def paths(self) -> tuple[str, ...]:
        """As `paths_of`."""
        if self._paths is None:
            self._paths = paths_of(self._request.path)
        return self._paths


def methods_of(request: RequestHead) -> frozenset[str]:
    """The request's method, and those that an override in a header or the query names; upper case."""
    found = {request.method.upper()}
    for name in OVERRIDES:
        found |= {value.strip().upper() for value in request.get_all(name)}
    found |= {value.strip().upper() for name, value in parameters_of(request.path) if name in _PARAMETERS}
    return frozenset(found)


def parameters_of(target: str) -> Iterator[tuple[str, str]]:
    """The parameters in the query of a request target: their names in small letters, their values decoded."""
    for part in target.partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        yield name.lower(), unquote(value)


def paths_of(target: str) -> tuple[str, ...]:
    """The paths that a request target may mean, the plain reading first; mostly just that one."""
    path = target.partition("?")[0].partition("#")[0]
    plain = normalise_path(path)
    if not any(mark in path for mark in ("%", "\\", ";")):
        return (plain,)
    cut, decoded = _without_parameters(path), _decoded(path)
    others = (cut, decoded, _without_parameters(decoded), _decoded(cut))
    return tuple(dict.fromkeys((plain, *map(_normalised, others))))


def _without_parameters(path: str) -> str:
    return "/".join(segment.partition(";")[0] for segment in path.split("/"))


def _decoded(path: str) -> str:
    return unquote(path, errors="surrogateescape").replace("\\", "/")


def _normalised(path: str) -> str:
    """A path whose `?` and `#` were escapes a moment ago, so they cut nothing off."""
    return normalise_path(path.replace("?", "%3F").replace("#", "%23"))
