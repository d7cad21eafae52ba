"""Path templates of APIs, matched segment by segment.

Guarantees: what a server would take for the same path is taken for the same here: percent-encoding, doubled and
trailing slashes and the case of fixed words make no difference, and a method override counts as the method, but never
makes a write into something that reads: a server that does not know the override would write.
Linear in the path. An encoded slash stays inside of its segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote

from clyra_proxy.exchange import RequestHead

LONGEST = 8192
"""Characters of a path and query; more is no call that an API knows."""
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_PARAMETERS = ("_HttpMethod", "_method")  # Salesforce; Marketo and servers made with Rails
_WRITING = frozenset({"PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request line, taken apart. segments: decoded, without empty, `.` and `..` ones.

    query: first value of each parameter; all_values: every one, where a parameter stands several times.
    """

    method: str
    segments: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    all_values: Mapping[str, list[str]] = field(default_factory=dict)

    def without_suffix(self, suffix: str) -> Call:
        """The same call with an end of its path dropped that makes no difference there."""
        if not suffix or not self.segments or not self.segments[-1].lower().endswith(suffix):
            return self
        return replace(self, segments=(*self.segments[:-1], self.segments[-1][: -len(suffix)]))


def call_of(head: RequestHead) -> Call:
    """What a head calls."""
    path, _, query = head.path[:LONGEST].partition("?")
    parameters: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True) if query else ():
        if name in parameters:
            repeated.setdefault(name, [parameters[name]]).append(value)
        else:
            parameters[name] = value
    return Call(_method(head, parameters), _segments(path), parameters, repeated)


def _segments(path: str) -> tuple[str, ...]:
    segments: list[str] = []
    for part in path.split("/"):
        segment = unquote(part) if "%" in part else part
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return tuple(segments)


def _method(head: RequestHead, parameters: Mapping[str, str]) -> str:
    method = head.method.upper()
    if method != "POST":
        return method
    named = next((value for name in _OVERRIDES if (value := head.get(name))), "")
    named = named or next((value for name in _PARAMETERS if (value := parameters.get(name))), "")
    if not named and parameters.get("method", "").lower() == "delete":  # Meta; elsewhere it may be any field
        return "DELETE"
    named = named.strip().upper()
    return named if named in _WRITING else method


@dataclass(frozen=True, slots=True)
class _Segment:
    name: str  # of the capture, "" for a fixed word
    before: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """`METHOD /path/{capture}`, compiled. rest: name of a capture that takes all remaining segments, "" for none."""

    methods: frozenset[str]
    segments: tuple[_Segment, ...]
    rest: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def compile(text: str, query: Mapping[str, str] | None = None) -> Template:
        methods, _, path = text.partition(" ")
        parts = [part for part in path.split("/") if part]
        rest = parts.pop()[1:-4] if parts and parts[-1].endswith("...}") else ""
        segments = tuple(_segment(part) for part in parts)
        return Template(frozenset(methods.split("|")), segments, rest, tuple((query or {}).items()))

    def match(self, call: Call) -> dict[str, str] | None:
        """What the template captures of a call; None when it does not fit."""
        size = len(self.segments)
        if "*" not in self.methods and call.method not in self.methods:
            return None
        if len(call.segments) < size or (len(call.segments) > size and not self.rest):
            return None
        if self.query and not self._asked(call):
            return None
        captures: dict[str, str] = {}
        for segment, given in zip(self.segments, call.segments, strict=False):
            if not _fits(segment, given, captures):
                return None
        if self.rest:
            captures[self.rest] = "/".join(call.segments[size:])
        return captures

    def _asked(self, call: Call) -> bool:
        return all(name in call.query and value in ("*", call.query[name]) for name, value in self.query)


def _segment(part: str) -> _Segment:
    before, brace, rest = part.partition("{")
    if not brace:
        return _Segment("", part.casefold())
    name, _, after = rest.partition("}")
    return _Segment(name, before.casefold(), after.casefold())


def _fits(segment: _Segment, given: str, captures: dict[str, str]) -> bool:
    if not segment.name:
        return given == segment.before or given.casefold() == segment.before
    if not segment.before and not segment.after:
        captures[segment.name] = given
        return True
    folded = given.casefold()
    if not folded.startswith(segment.before) or not folded.endswith(segment.after):
        return False
    captured = given[len(segment.before) : len(given) - len(segment.after)]
    captures[segment.name] = captured
    return bool(captured) and len(segment.before) + len(segment.after) < len(given)
