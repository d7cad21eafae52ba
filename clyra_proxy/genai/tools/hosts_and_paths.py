"""Where a text leads: the host of a URL or mail address, and whether a file path stays in its folder.

Rule: what two parsers could read differently leads nowhere we know, so it is refused: user names in URLs, backslashes,
blanks, control characters, several recipients in one text, dot segments in any encoding. CWE-22, CWE-918; WHATWG URL,
RFC 3986, RFC 5322.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from clyra_proxy.egress.hosts import InvalidHostError, split_authority
from clyra_proxy.genai.normal_forms import normal_form

_LONGEST = 8192
_UNCLEAR = frozenset(' \\"<>{}|^`')
_ROUNDS = 3  # of percent-decoding, more than any chain of programs is likely to do


def host_of(text: str) -> str | None:
    """The normalised host that a URL, mail address or `host[:port][/...]` names; None when that is not clear."""
    text = _bare_address(text.strip(" "))
    if not text or len(text) > _LONGEST or _UNCLEAR & set(text) or not text.isprintable():
        return None
    if text[:7].lower() == "mailto:":
        text = text[7:]
        if "@" not in text or "?" in text or "%" in text:
            return None
    scheme, separator, rest = text.partition("://")
    if separator:
        if not scheme.isascii() or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum():
            return None
        return _host(_authority(rest))
    if text.startswith("//"):
        return _host(_authority(text[2:]))
    local, at, domain = text.rpartition("@")
    if at:
        return _host(domain) if local and not {"@", ",", ";", "/", ":"} & set(local) and "/" not in domain else None
    return _host(_authority(text))


def _bare_address(text: str) -> str:
    """`Name <a@b>` -> `a@b`, when nothing in the name could be taken for an address."""
    name, bracket, rest = text.partition("<")
    if bracket and rest.endswith(">") and "@" in rest and not {"@", ",", ";", "<", ">"} & set(name):
        return rest[:-1]
    return text


def _authority(rest: str) -> str:
    for end in "/?#":
        rest = rest.partition(end)[0]
    return rest


def _host(authority: str) -> str | None:
    if not authority or "@" in authority or "%" in authority:
        return None
    try:
        return split_authority(authority)[0]
    except InvalidHostError:
        return None


def covers(pattern: str, host: str) -> bool:
    """Whether a normalised host pattern (`host`, `*.name`, `*`) covers a normalised host."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def is_below(text: str, folders: tuple[str, ...]) -> bool:
    """Whether a path or `file:` URL lies in one of some normalised folders, read in every way it could be."""
    return len(text) <= _LONGEST and all(_lies_below(reading, folders) for reading in _readings(text))


def addresses_of(uri: str) -> frozenset[str]:
    """A resource's URI as written, and as servers may read it: escapes resolved, dot segments removed."""
    if len(uri) > _LONGEST:
        return frozenset({uri})
    return frozenset({uri, *(_resolved(reading.replace("\\", "/")) for reading in _readings(uri))})


def _readings(text: str) -> set[str]:
    readings = {text}
    for _ in range(_ROUNDS):
        text = unquote(text)
        readings.add(text)
    return readings | {normal_form("NFKC", reading) for reading in readings}


def _resolved(uri: str) -> str:
    """The URI without dot segments in its path."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return posixpath.normpath(uri) if uri else uri
    authority, slash, path = rest.partition("/")
    ending = "/" if path.endswith("/") else ""
    path = posixpath.normpath(f"/{path}").lstrip("/") + ending if path.strip("/") else path
    return f"{scheme}://{authority}{slash}{path}"


def normalised_folder(text: str) -> str:
    """A folder as policy writes it, in the form paths are compared in."""
    return posixpath.normpath(text.replace("\\", "/"))


def _lies_below(path: str, folders: tuple[str, ...]) -> bool:
    if not path.isprintable():
        return False
    path = path.replace("\\", "/")
    if path[:5].lower() == "file:":
        path = path[5:]
        if path.startswith("//"):
            host, _, rest = path[2:].partition("/")
            if host.lower() not in ("", "localhost"):
                return False
            path = f"/{rest}"
    if "://" in path or path.startswith(("~", "//")):
        return False
    if any(_goes_up(segment.partition(";")[0]) for segment in path.split("/")):
        return False
    path = posixpath.normpath(path)
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _goes_up(segment: str) -> bool:
    """True for `..`, and for what Windows and some servers take for it."""
    return not segment.strip(" .") and len(segment.strip(" ")) > 1
