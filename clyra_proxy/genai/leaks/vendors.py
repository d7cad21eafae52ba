"""Keys in the formats of their vendors.

Rule: one pass looks for the beginnings of all formats, one for the words that name a vendor, one for the shapes that
need neither; only where one of them stands are formats tried, each at that place alone. So time is linear in the text,
whatever it holds. A token may be followed by a full stop, `%22`, a quote or nothing: what follows must only not
continue it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clyra_proxy.genai.byte_patterns import Pattern, any_of
from clyra_proxy.genai.leaks.chance import entropy, kinds
from clyra_proxy.genai.leaks.checks import CHECKS, CHECKSUMS
from clyra_proxy.genai.leaks.fillers import is_known_example
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.pack import SecretFormat

_LONGEST = 1024  # characters a token may have
_LONGEST_LONG = 12_288  # a JSON Web Token, say
_LONGEST_BLOCK = 16_384  # a private key in lines
# From a word that names a vendor to the value: the rest of the name, then what a language puts between name and value.
_GAP = (
    r"[A-Za-z0-9_.\- ]{0,40}?"
    r"(?:[\"'`\])*]{0,4}\s{0,4}(?::=|=>|==?|->|:|,|\||\bis\b|\bwas\b)[\s\"'`(*]{0,8}(?:\bis\b[\s\"'`]{0,4})?"
    r"(?:(?i:bearer|basic|token|ssws|apikey|key)[\s=:]{1,3})?|"
    r"(?i:key|token|secret|password|pat|credential|id)[\s\"'`]{1,4}|<[a-z]{1,8}>)"
)
_VALUE = r"([A-Za-z0-9_.:!@~^#$%&*+/=|-]{7,1000})"
# A line of a key: enough of it that no sentence looks like one.
_BODY = Pattern(r"[A-Za-z0-9+/=]{20,}")
_INSIDE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~.+-/"
_TRAILING = b".,;:!?*|&\"'`"
_WEIGHT = 100
_LONGEST_NAMED = 1100  # bytes from a word to the end of the key it tells
_LONGEST_FOOT = 100  # bytes of the line that ends a block
_LOOKED_AT = 400  # bytes of a block that must look like a key


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: SecretFormat
    pattern: Pattern
    loose: bool  # its beginning cannot be the middle of a word


class VendorScanner:
    """Finds keys in vendors' formats. formats: from the packs.

    shapes, signs: RE2 of what one of must be there for any key to be; signs without regard to case.
    """

    def __init__(self, formats: tuple[SecretFormat, ...]) -> None:
        self._anchored: dict[bytes, list[_Compiled]] = {}
        self._named: dict[bytes, list[_Compiled]] = {}
        self._cored: list[tuple[_Compiled, Pattern]] = []
        for rule in formats:
            self._place(rule)
        self._anchors = Pattern(any_of([key.decode("latin-1") for key in self._anchored]))
        heads = {head for rule in formats if rule.beginnings() for head in rule.heads()}
        self._heads = Pattern("|".join(sorted(heads, reverse=True)))
        self._names = Pattern(any_of([key.decode("latin-1") for key in self._named]), fold=True)
        self._cores = Pattern("|".join(f"(?:{each.rule.core})" for each, _ in self._cored))
        # A long beginning also stands for the shorter ones it begins with.
        self._beginning = {
            key: [each for other, rules in self._anchored.items() if key.startswith(other) for each in rules]
            for key in self._anchored
        }
        self._gap = Pattern(_GAP + _VALUE)
        self.shapes = f"{self._heads.source}|{self._cores.source}"
        self.signs = self._names.source

    def _place(self, rule: SecretFormat) -> None:
        anchors = rule.beginnings()
        loose = all(len(text) >= 4 and not text.isalnum() for text in anchors)
        compiled = _Compiled(rule, Pattern(rule.expression()), loose)
        if rule.core:
            self._cored.append((compiled, Pattern(rule.core)))
        for text in anchors:
            self._anchored.setdefault(text.encode(), []).append(compiled)
        for word in rule.near:
            self._named.setdefault(word.lower().encode(), []).append(compiled)

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """Every key. data: `as_bytes(text)`."""
        yield from self.shaped(text, data)
        yield from self.named(data)

    def shaped(self, text: str, data: bytes) -> Iterator[Leak]:
        """Keys that their shape tells: none without a match of `shapes`."""
        yield from self._after_anchors(text, data)
        yield from self._around_cores(text, data)

    def _after_anchors(self, text: str, data: bytes) -> Iterator[Leak]:
        done = 0
        for start, _ in self._heads.spans(data):
            anchor = self._anchors.at(data, start)
            if start < done or anchor is None:
                continue
            for each in self._beginning[data[slice(*anchor)]]:
                for leak in self._judge(each, text, data, start):
                    done = max(done, leak.end)
                    yield leak

    def _around_cores(self, text: str, data: bytes) -> Iterator[Leak]:
        for start, _ in self._cores.spans(data):
            for each, core in self._cored:
                if core.at(data, start, min(start + _LONGEST, len(data))) is not None:
                    yield from self._judge(each, text, data, _beginning(data, start, each.rule.before))

    def _judge(self, each: _Compiled, text: str, data: bytes, start: int) -> Iterator[Leak]:
        rule = each.rule
        limit = start + (_LONGEST_LONG if rule.long else _LONGEST)
        whole = each.pattern.at(data, start, min(limit, len(data)))
        if whole is None or not _stands_alone(data, whole, each.loose):
            return
        span = each.pattern.at(data, start, min(limit, len(data)), rule.value) if rule.value else whole
        if span is None:
            return
        if rule.block:
            yield from _block(rule, data, whole)
            return
        if _passes(rule, text[span[0] : span[1]]):
            weight = _WEIGHT + (20 if rule.checksum and CHECKSUMS[rule.checksum](text[span[0] : span[1]]) else 0)
            yield Leak(Family.SECRET, "secret", rule.id, *span, weight=weight - (30 if rule.value else 0))

    def named(self, data: bytes) -> Iterator[Leak]:
        """Keys that a word before them tells: none without a match of `signs`."""
        for start, end in self._names.spans(data):
            span = self._gap.at(data, end, min(end + _LONGEST_NAMED, len(data)), 1)
            if span is None:
                continue
            found = _named(self._named[data[start:end].lower()], data[span[0] : span[1]])
            if found is not None:
                rule, size = found
                yield Leak(Family.SECRET, "secret", rule, span[0], span[0] + size, weight=_WEIGHT - 10)


def _named(formats: list[_Compiled], value: bytes) -> tuple[str, int] | None:
    """The first format the value has, whole or before the mark that ends a parameter, and the length it has there."""
    value = value.rstrip(_TRAILING)
    for size in sorted({len(value), *(len(value.partition(mark)[0]) for mark in (b"&", b"|", b"@"))}, reverse=True):
        for each in formats:
            if each.pattern.whole(value[:size]) and _passes(each.rule, value[:size].decode("latin-1")):
                return each.rule.id, size
    return None


def _beginning(data: bytes, core: int, most: int) -> int:
    """Where the token that has its core here begins: at most so many characters before, and no blank among them."""
    at = core
    while at > 0 and core - at < most and data[at - 1] in _INSIDE:
        at -= 1
    if data[at - 1 : at] == b"%":
        return min(at + 2, core)
    return min(at + 1, core) if data[at - 1 : at] == b"\\" else at


def _stands_alone(data: bytes, span: tuple[int, int], loose: bool) -> bool:
    start, end = span
    if end < len(data) and _is_word(data[end]) and _is_word(data[end - 1]):
        return False
    if loose or start == 0 or not _is_word(data[start]) or not _is_word(data[start - 1]):
        return True
    # An escape stands before it: %22 of an address, \n of a JSON text.
    return data[start - 3 : start - 2] == b"%" or (data[start - 2 : start - 1] == b"\\" and data[start - 1] in b"nrt")


def _is_word(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


def _passes(rule: SecretFormat, value: str) -> bool:
    if is_known_example(value) or entropy(value) < rule.entropy:
        return False
    if rule.mixed and not (any(c.isdigit() for c in value) and any(c.isalpha() for c in value)):
        return False
    return not rule.check or CHECKS[rule.check](value)


def _block(rule: SecretFormat, data: bytes, head: tuple[int, int]) -> Iterator[Leak]:
    """A key of many lines: from its first line to the line that ends it, or as far as it is there."""
    stop = data.find(rule.block.encode(), head[1], head[1] + _LONGEST_BLOCK)
    if stop < 0:
        end = min(len(data), head[1] + _LONGEST_BLOCK)
    else:
        line = data.find(b"\n", stop, stop + _LONGEST_FOOT + 20)
        dashes = data.find(b"-----", stop + 8, stop + _LONGEST_FOOT)
        end = dashes + 5 if dashes > 0 else line if line > 0 else min(stop + _LONGEST_FOOT, len(data))
    body = _BODY.search(data, head[1], min(end, head[1] + _LOOKED_AT))
    if body is not None and kinds(data[slice(*body)].decode("latin-1").replace("+", "")) >= 3:
        yield Leak(Family.SECRET, "secret", rule.id, head[0], end, weight=_WEIGHT + 50)
