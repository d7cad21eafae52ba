"""Request paths as policy compares them, and path patterns.

Guarantees: a path that a server would treat as the same resource after RFC 3986 section 6.2.2 normalisation (escapes
of unreserved characters, dot segments) or slash merging matches the same rule, so a stricter rule cannot be walked
round by spelling. Escaped reserved characters (`%2F`) stay escaped: they are not the character.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SLASHES = re.compile(r"//+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SUSPECT = re.compile(r"%|//|/\.")


def normalise_path(path: str) -> str:
    """The path without query and fragment, in the one spelling that rules are matched against; "/" when empty."""
    path = path.partition("?")[0].partition("#")[0]
    if not _SUSPECT.search(path):
        return path or "/"
    path = _SLASHES.sub("/", _ESCAPE.sub(_unescape, path))
    return _without_dots(path) if "/." in path else path or "/"


def pattern_source(pattern: str) -> str:
    """Regular expression (for fullmatch, without capturing groups) of a path pattern.

    `*` is any run of characters within a segment; `**`, as a whole segment, is any number of segments, also none.
    Groups between wildcards are atomic, so a path cannot make matching worse than linear in its length times the
    pattern's. Raises ValueError when `**` shares a segment with something else.
    """
    groups: list[list[str]] = [[]]
    for segment in normalise_path(pattern)[1:].split("/"):
        if segment == "**":
            groups.append([])
        elif "**" in segment:
            raise ValueError("`**` must be a whole segment of the path")
        else:
            groups[-1].append(_segment_source(segment))
    sources = ["".join(f"/{segment}" for segment in group) for group in groups]
    first, middle, last = sources[0], sources[1:-1], sources[-1]
    if len(sources) == 1:
        return first
    boundary = r"(?=/|\Z)"
    source = f"(?>{first}{boundary})" if first else ""
    source += "".join(f"(?>(?:/[^/]*)*?{group}{boundary})" for group in middle if group)
    return source + f"(?:/[^/]*)*{last}"


def _segment_source(segment: str) -> str:
    first, *rest = (re.escape(piece) for piece in segment.split("*"))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _unescape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else f"%{found[1].upper()}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
