"""From a method and a request path to the one operation that an API description declares for it.

Rules: literal segments beat templated ones at every level, a longer literal part beats a shorter one; the path is
split at `/` first and percent-decoded once, segment by segment. A path that means no operation so, or that two servers
could read differently (encoded delimiters, dot segments, empty segments, broken escapes), is tried as other servers
may read it: merged, decoded whole, without segment parameters, with and without a last slash, in any case, and last
with its delimiters taken for data. What is declared for the path cannot be walked round by spelling it otherwise. The
index is a tree: a lookup visits each tree level at most as often as it has alternatives there.
References: OpenAPI 3.1.1 section 4.8.8 (path templating), RFC 3986 sections 2.1 and 3.3, RFC 9110 section 4.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from clyra_proxy.policy.readings import paths_of

_TEMPLATE = re.compile(r"\{[^{}/]+\}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_SEGMENTS = 256


class AmbiguousPath(Exception):  # noqa: N818 - a verdict on a path, not a fault
    """The path could mean two things to two servers."""


@dataclass(slots=True)
class _Node[T]:
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    templates: list[tuple[int, re.Pattern[str], _Node[T]]] = field(default_factory=list)
    methods: dict[str, T] = field(default_factory=dict)


class Router[T]:
    """Operations by path template. Built once, read by any number of exchanges."""

    def __init__(self, base_paths: Iterable[str] = ("",)) -> None:
        self._bases = sorted({_clean_base(base) for base in base_paths} or {()}, key=len, reverse=True)
        self._root: _Node[T] = _Node()
        self._folded: _Node[T] = _Node()
        """The same tree with its literals in small letters, for paths that mean nothing as they are spelled."""

    def add(self, method: str, template: str, target: T, bases: Iterable[str] | None = None) -> T | None:
        """Declare an operation; returns the one already declared for an equivalent template, which then stays."""
        existing: T | None = None
        for base in self._bases if bases is None else [_clean_base(base) for base in bases]:
            segments = [*base, *template.lstrip("/").split("/")]
            existing = existing or _plant(self._root, segments, method.upper(), target)
            _plant(self._folded, [_fold(segment) for segment in segments], method.upper(), target)
        return existing

    def find(self, method: str, path: str) -> T | None:
        """The operation that an origin-form path means (a query is ignored), to any server that reads it, or None."""
        method = method.upper()
        try:
            found = next(self._matches(self._root, split_path(path), 0, method), None)
        except AmbiguousPath:
            found = None
        return found if found is not None or not path.startswith("/") else self._find_otherwise(method, path)

    def _find_otherwise(self, method: str, path: str) -> T | None:
        for segments in _other_readings(path):
            if len(segments) <= _MAX_SEGMENTS:
                for root, spelled in ((self._root, segments), (self._folded, [part.lower() for part in segments])):
                    if (found := next(self._matches(root, spelled, 0, method), None)) is not None:
                        return found
        return None

    def _matches(self, node: _Node[T], segments: list[str], at: int, method: str) -> Iterator[T]:
        if at == len(segments):
            if (target := node.methods.get(method)) is not None:
                yield target
            return
        segment = segments[at]
        if (below := node.literals.get(segment)) is not None:
            yield from self._matches(below, segments, at + 1, method)
        for _, pattern, below in node.templates:
            if pattern.fullmatch(segment):
                yield from self._matches(below, segments, at + 1, method)


def _plant[T](node: _Node[T], segments: Iterable[str], method: str, target: T) -> T | None:
    """Enter an operation below a node; returns the one that is there already, which then stays."""
    for segment in segments:
        node = _child(node, segment)
    existing = node.methods.get(method)
    node.methods.setdefault(method, target)
    return existing


def _fold(segment: str) -> str:
    """A segment of a template with its literal parts in small letters."""
    pieces, names = _TEMPLATE.split(segment), _TEMPLATE.findall(segment)
    return "".join(piece.lower() + name for piece, name in zip(pieces, [*names, ""], strict=True))


def _other_readings(path: str) -> Iterator[list[str]]:
    """Segments of the path as other servers may read them: delimiters before data, as it stands before shortened."""
    readings = paths_of(path)
    for reading in readings:
        for spelled in (reading, reading[:-1] if reading.endswith("/") else reading + "/"):
            try:
                yield split_path(spelled or "/")
            except AmbiguousPath:
                continue
    plain = readings[0].removesuffix("/")
    yield [unquote(segment, errors="surrogateescape") for segment in plain[1:].split("/")]


def _child[T](node: _Node[T], segment: str) -> _Node[T]:
    if not _TEMPLATE.search(segment):
        return node.literals.setdefault(_decode(segment), _Node())
    pieces = [re.escape(_decode(piece)) for piece in _TEMPLATE.split(segment)]
    pattern = re.compile(".+?".join(pieces), re.DOTALL)
    for _, known, below in node.templates:
        if known.pattern == pattern.pattern:
            return below
    below = _Node()
    node.templates.append((-sum(map(len, pieces)), pattern, below))
    node.templates.sort(key=lambda entry: entry[0])
    return below


def _clean_base(base: str) -> tuple[str, ...]:
    path = urlsplit(base).path.strip("/")
    return tuple(path.split("/")) if path else ()


def split_path(path: str) -> list[str]:
    """Decoded segments of an origin-form path. Raises AmbiguousPath."""
    path = path.partition("?")[0].partition("#")[0]
    if not path.startswith("/"):
        raise AmbiguousPath("not in origin form")
    raw = path[1:].split("/")
    if len(raw) > _MAX_SEGMENTS:
        raise AmbiguousPath("too many segments")
    segments = [_decode(segment) for segment in raw]
    if "" in segments[:-1]:
        raise AmbiguousPath("empty segment")
    return segments


def _decode(segment: str) -> str:
    """One segment, percent-decoded once. Raises AmbiguousPath."""
    if "%" in segment:
        if _BROKEN_ESCAPE.search(segment):
            raise AmbiguousPath("broken percent escape")
        try:
            segment = unquote_to_bytes(segment).decode("utf-8")
        except UnicodeDecodeError:
            raise AmbiguousPath("not UTF-8") from None
    if segment in (".", "..") or segment.split(";", 1)[0] in (".", ".."):
        raise AmbiguousPath("dot segment")
    if any(char in "/\\" or char < " " or char == "\x7f" for char in segment):
        raise AmbiguousPath("encoded delimiter or control character")
    return segment
