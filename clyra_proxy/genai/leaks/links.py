"""Links and images that carry data out: the address is the message.

Rule: an address is judged by what it carries, not by how it looks: a secret, personal data or text of the conversation
in its path, query, fragment or host name, plain or encoded; or, in an image, which is fetched without a click, a long
value drawn by chance. An address that the conversation itself held before is a citation, and hosts of the policy are
trusted.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.leaks.chance import looks_random
from clyra_proxy.genai.leaks.encodings import decoded_runs
from clyra_proxy.genai.leaks.leak import Family, Leak

_ADDRESS = Pattern(r"(?:https?|ftp|wss?)://[^\s<>\"'`\\\x00-\x20]{4,}|//[a-z0-9.-]{4,}/[^\s<>\"'`)]{8,}", fold=True)
# What stands before an address that is fetched as soon as the answer is shown, and before one that waits for a click.
_IMAGE = Pattern(
    r"!\[[^\]\n]*\]\(\s{0,4}<?\z|<(?:img|iframe|video|audio|source|embed|link|object)\b[^>]*=\s{0,3}[\"']?\z|"
    r"!\[[^\]\n]*\]:\s{0,4}\z|(?:background|poster|url)\s{0,3}[=(:]\s{0,3}[\"']?\z",
    fold=True,
)
_LINK = Pattern(r"\]\(\s{0,4}<?\z|\]:\s{1,4}<?\z|href\s{0,3}=\s{0,3}[\"']?\z|<\z", fold=True)
# An image whose address stands elsewhere: `![words][label]`, `![label][]`, `![label]`.
_REFERENCE = Pattern(r"!\[[^\]\n]*\](?:[ \n]?\[[^\]\n]*\])?")
_BEFORE = 600
_LONGEST_TEXT = 20_000
_LONGEST_PAST = 200_000  # characters of the conversation that are compared with
_SHORTEST_QUOTE = 24  # characters of the conversation that, inside an address, are no accident
_OPAQUE = 32  # characters a value drawn by chance has before it says anything
_WEIGHT = 200
_WEIGHT_OF_SIGN = 40
_STATIC = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".css", ".js", ".ico", ".woff2", ".mp4", ".pdf")

type Sensitive = Callable[[str], Iterable[tuple[str, bool]]]
"""The values in a text that must not leave; true for those that can be nothing else."""


class Surroundings:
    """What was said before an answer; worked out when the first address asks for it. texts: everything said before."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)

    @cached_property
    def _joined(self) -> str:
        return "\n".join(self._texts)[-_LONGEST_PAST:]

    @cached_property
    def raw(self) -> str:
        """In small letters."""
        return self._joined.lower()

    @cached_property
    def said(self) -> str:
        """Its words alone."""
        return _folded(self._joined)

    @cached_property
    def held(self) -> frozenset[str]:
        """The addresses in it."""
        joined = self._joined
        return frozenset(_trimmed(joined[start:end]) for start, end in _ADDRESS.spans(as_bytes(joined)))


class LinkScanner:
    """allowed: host names, `*.` for everything below one. sensitive: the secrets and personal data in a text.
    replaced: leaks span the address."""

    def __init__(self, allowed: Iterable[str], sensitive: Sensitive, *, replaced: bool = False) -> None:
        self._replaced = replaced
        names = [name.lower() for name in allowed]
        self._exact = frozenset(name for name in names if not name.startswith("*."))
        self._below = tuple(name[1:] for name in names if name.startswith("*.")) or ("\0",)
        self._sensitive = sensitive

    def scan(self, text: str, data: bytes, around: Surroundings | None = None) -> Iterator[Leak]:
        """Every address that carries data. around: the conversation, when there is one."""
        if "//" not in text:
            return
        shown_elsewhere: frozenset[bytes] | None = None
        for start, end in _ADDRESS.spans(data):
            address = _trimmed(text[start:end])
            if around is not None and address in around.held:
                continue
            before = data[max(0, start - _BEFORE) : start]
            image = _IMAGE.search(before) is not None
            if not image and (label := _defined(before)):
                shown_elsewhere = _image_labels(data) if shown_elsewhere is None else shown_elsewhere
                image = label in shown_elsewhere
            why = self._carries(address, before, around, image=image)
            if why:
                yield self._leak(why, start, address)

    def _leak(self, why: str, start: int, address: str) -> Leak:
        """The whole address when it is to be replaced; else the slash that makes it one, so that what it carries is
        found and replaced in its own right."""
        if self._replaced:
            return Leak(Family.LINK, "link", why, start, start + len(address), weight=_WEIGHT)
        slash = start + address.index("//")
        return Leak(Family.LINK, "link", why, slash, slash + 1, weight=_WEIGHT_OF_SIGN)

    def _carries(self, address: str, before: bytes, around: Surroundings | None, *, image: bool) -> str:
        """The id of what it carries, "" when nothing. image: it is fetched as soon as it is shown."""
        shown = image or _LINK.search(before) is not None
        if not shown and around is None:
            return ""
        host, parts = _taken_apart(address)
        if not host or host in self._exact or host.endswith(self._below) or _is_local(host):
            return ""
        views = [view for part in parts for view in _views(part)]
        for value, certain in self._sensitive("\n".join(dict.fromkeys(views))):
            # A bare address is often an example; it carries something when the conversation held the value.
            if (shown and certain) or (around is not None and value.lower() in around.raw):
                return "link-secret"
        if around is not None and any(_quotes(view, around) for view in views):
            return "link-conversation"
        if image and around is not None and "data:" not in address and any(_is_opaque(part) for part in parts):
            return "link-opaque-image"
        return "link-encoded-text" if image and any(_is_hidden_text(part) for part in parts) else ""


def _defined(before: bytes) -> bytes:
    """The label that an address after `[label]: ` is defined for, b"" when it is for none."""
    line = before.rpartition(b"\n")[2].strip(b" \t<>")
    return _label(line[1:-2]) if line.startswith(b"[") and line.endswith(b"]:") else b""


def _image_labels(data: bytes) -> frozenset[bytes]:
    """The labels of images whose addresses are defined elsewhere in the text."""
    found = set()
    for start, end in _REFERENCE.spans(data):
        if data[end : end + 1] != b"(":
            words, _, label = data[start + 2 : end - 1].partition(b"]")
            found.add(_label(label.lstrip(b" \n[")) or _label(words))
    return frozenset(found)


def _label(label: bytes) -> bytes:
    """Labels match without regard to case and blanks (CommonMark 4.7)."""
    return b" ".join(label.lower().split())


def _trimmed(address: str) -> str:
    """Without what closes the sentence or the parenthesis around it."""
    address = address.rstrip(".,;:!?*_~|>'\"")
    while address.endswith((")", "]", "}")) and address.count(address[-1]) > address.count(
        "([{"[")]}".index(address[-1])]
    ):
        address = address[:-1].rstrip(".,;:!?")
    cut = address.find(")", 0)
    return address[:cut] if cut > 0 and "(" not in address[:cut] else address


def _taken_apart(address: str) -> tuple[str, list[str]]:
    """Host name, and the pieces that can carry something: labels before the last two, path, query values, fragment,
    what stands before an `@`; and the values of the query as one, for words that were handed out to parameters."""
    try:
        url = urllib.parse.urlsplit(address)
        host = (url.hostname or "").lower()
    except ValueError:
        return "", []
    labels = host.split(".")[:-2]
    joined = "".join(labels)
    pieces = [part for part in re.split(r"[/;&=,?#]", f"{url.path}?{url.query}#{url.fragment}") if len(part) >= 8]
    handed_out = " ".join(part.partition("=")[2] for part in url.query[:2000].split("&"))
    named = url.netloc.rpartition("@")[0]
    whole = [part for part in (url.query[:2000], handed_out, named[:2000]) if part]
    return host, [*pieces[:64], *([joined, joined.upper()] if len(joined) >= 20 else []), *whole]


def _views(part: str) -> Iterator[str]:
    """The piece as it is, unquoted, and decoded."""
    plain = urllib.parse.unquote_plus(part)
    yield plain
    for run in decoded_runs(as_bytes(plain)):
        yield run.text[:_LONGEST_TEXT]


def _quotes(view: str, around: Surroundings) -> bool:
    """A stretch of the conversation stands in it."""
    folded = _folded(view)
    if len(folded) < _SHORTEST_QUOTE or folded.count(" ") < 3:
        return False
    step = _SHORTEST_QUOTE // 2
    return any(
        folded[at : at + _SHORTEST_QUOTE] in around.said
        for at in range(0, min(len(folded), 2000) - _SHORTEST_QUOTE + 1, step)
    )


def _folded(text: str) -> str:
    """Words alone: letters and digits in small letters, one blank for anything else."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _is_opaque(part: str) -> bool:
    name = part.rsplit(".", 1)[0] if part.lower().endswith(_STATIC) else part
    plain = urllib.parse.unquote(name)
    long = len(plain) >= 2 * _OPAQUE and not part.lower().endswith(_STATIC)
    return long and looks_random(plain, 4.2)


def _is_hidden_text(part: str) -> bool:
    return any(len(run.text) >= 12 and " " in run.text for run in decoded_runs(as_bytes(urllib.parse.unquote(part))))


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith((".invalid", ".localhost"))
