"""What stands around a number: whether it is a number of its own, and whether a word before it says what it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

from clyra_proxy.genai.byte_patterns import Pattern, any_of

_NEAR = 60  # characters before a number in which a word may name it


def is_bounded(data: bytes, start: int, end: int) -> bool:
    """Not part of a longer number, name or decimal."""
    before, after = data[start - 1 : start] if start else b"", data[end : end + 1]
    if before.isalnum() or (before in (b"_", b"+", b"#", b"$", b"/", b"=") and before != b"="):
        return False
    if before in (b".", b"-", b",") and data[start - 2 : start - 1].isdigit():
        return False
    return not (after.isalnum() or after == b"_" or (after in (b".", b"-", b",") and data[end + 1 : end + 2].isdigit()))


def is_named(text: str, start: int, words: tuple[str, ...], *, within: int = _NEAR) -> bool:
    """Whether one of `words` stands in so many characters before `start`."""
    before = text[max(0, start - within) : start].lower()
    return any(_has_word(before, word) for word in words)


def _has_word(before: str, word: str) -> bool:
    """Short words must stand alone: `pan` is not in `company`."""
    at = before.rfind(word)
    if at < 0 or len(word) > 4:
        return at >= 0
    around = before[at - 1 : at] + before[at + len(word) : at + len(word) + 1]
    return not any(c.isalpha() for c in around)


_IDENTIFIERS = (
    "id", "ids", "uuid", "guid", "sha", "sha1", "sha256", "hash", "digest", "timestamp", "ts", "time", "etag", "seq",
    "offset",
    "nonce", "version", "build", "rev", "revision", "commit", "checksum", "size", "bytes", "duration", "trace",
    "span", "isbn",
)  # fmt: skip


def is_identifier(text: str, start: int) -> bool:
    """The member or parameter that holds the value is named like a number of a thing (`order_id`, `timestamp`)."""
    before = text[max(0, start - 40) : start].rstrip()
    if before[-1:] not in ("=", ":", '"', "'"):
        return False
    name = before.rstrip("\"' :=")
    at = len(name)
    while at > 0 and (name[at - 1].isalnum() or name[at - 1] in "_-"):
        at -= 1
    word = name[at:].replace("-", "_").rpartition("_")[2]
    return word.lower() in _IDENTIFIERS or word.endswith(("Id", "ID", "Hash", "Time", "Sha"))


class WordIndex[T]:
    """Where words stand, and what each of them asks for. asked: (words, thing)."""

    def __init__(self, asked: list[tuple[tuple[str, ...], T]]) -> None:
        self._things: dict[str, list[T]] = {}
        for words, thing in asked:
            for word in words:
                self._things.setdefault(word.lower(), []).append(thing)
        latin = [word for word in self._things if _is_latin(word)]
        self._others = tuple(word for word in self._things if not _is_latin(word))
        self._latin = Pattern(rf"\b(?:{any_of(latin)})\b", fold=True)

    def hits(self, text: str, data: bytes) -> Iterator[tuple[list[T], int]]:
        """(things, end of the word) for every word in the text."""
        for start, end in self._latin.spans(data):
            yield self._things.get(data[start:end].decode("latin-1").lower(), []), end
        if not text.isascii():
            for word in self._others:
                for end in word_ends(text, (word,)):
                    yield self._things[word], end


def word_ends(text: str, words: tuple[str, ...]) -> Iterator[int]:
    """Where each of `words` ends in `text`; a word of a script that is not there is not looked for."""
    present = _scripts(text)
    for word in words:
        if present >= _scripts_of_word(word):
            at = text.find(word)
            while at >= 0:
                yield at + len(word)
                at = text.find(word, at + len(word))


_EVERYWHERE = bytes([0x00, 0x20, 0x26, 0x27, 0xFE])  # Latin letters, marks of typography, symbols


@lru_cache(maxsize=8)
def _scripts(text: str) -> frozenset[int]:
    """The blocks of 256 characters that are in a text, but for those that are in texts of any script."""
    return frozenset(text.encode("utf-16-le", "surrogatepass")[1::2].translate(None, _EVERYWHERE))


@cache
def _scripts_of_word(word: str) -> frozenset[int]:
    return _scripts(word)


def _is_latin(word: str) -> bool:
    return word.encode("latin-1", "replace").decode("latin-1") == word
