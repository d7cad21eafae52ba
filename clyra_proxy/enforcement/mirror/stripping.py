"""Secrets taken out of a target and a body, by the names of values and by their form.

Guarantees: what holds no secret goes on byte for byte; what cannot be read (another coding than its head says, a
broken one) and what has a secret in its path is withheld as a whole, because nothing could be said for it. Time is
linear in what is looked at, which is bounded by the target's limits. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from clyra_proxy.enforcement.mirror.names import SecretNames
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.policy.matching import bare_media_type
from clyra_proxy.stream.content_coding import CodingError, open_decoder
from clyra_proxy.stream.limits import BodyLimits

STRIPPED = "stripped"
"""Stands where a secret stood."""
_FORM = "application/x-www-form-urlencoded"


class WithheldError(Exception):
    """Nothing of this request may go to a mirror: it cannot be told what is in it. The text is one word."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """changed: secrets were taken out, and the body is no longer coded."""

    body: bytes
    changed: bool


class Stripping:
    """Compiled for one target. extra: names of values to take out. scanner: None to go by names alone."""

    def __init__(self, extra: Iterable[str], scanner: Scanner | None) -> None:
        self._names = SecretNames(extra)
        self._scanner = scanner

    def target(self, path: str) -> str:
        """Path and query as they may go on. Raises WithheldError for a secret in the path."""
        plain, mark, query = path.partition("?")
        if self._leaks(unquote_plus(plain)):
            raise WithheldError("path")
        if not mark:
            return path
        return f"{plain}?{self._pairs(query, self._names.field)}"

    def fields(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Without those whose value has the form of a secret."""
        return [(key, value) for key, value in fields if not self._leaks(value.decode("latin-1"))]

    def body(self, body: bytes, media_type: str, coding: str, limits: BodyLimits) -> Stripped:
        """Raises WithheldError when it cannot be read."""
        if not body:
            return Stripped(body, changed=False)
        plain = decoded(body, coding, limits)
        if plain is None:
            raise WithheldError("coding")
        text = plain.decode("utf-8", "surrogateescape")
        cleaned = self._pairs(text, self._names.member) if bare_media_type(media_type) == _FORM else self._json(text)
        cleaned = self._scanned(cleaned)
        if cleaned == text:
            return Stripped(body, changed=False)
        return Stripped(cleaned.encode("utf-8", "surrogateescape"), changed=True)

    def _pairs(self, text: str, named: Callable[[str], bool]) -> str:
        """Name and value pairs without those that hold secrets; the others as they were written."""
        kept = []
        for pair in text.split("&"):
            name, equals, value = pair.partition("=")
            if equals and value and (named(unquote_plus(name)) or self._leaks(unquote_plus(value))):
                kept.append(f"{name}={STRIPPED}")
            else:
                kept.append(pair)
        return "&".join(kept)

    def _json(self, text: str) -> str:
        if text[:256].lstrip()[:1] not in ("{", "["):
            return text
        cleaning = _Cleaning(self._names)
        try:
            document = json.loads(text, object_pairs_hook=cleaning.members)
        except (ValueError, RecursionError):
            return text  # not JSON: only the form of a secret can tell
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")) if cleaning.changed else text

    def _leaks(self, text: str) -> bool:
        return self._scanner is not None and len(text) > 7 and any(map(_counts, self._scanner.scan(text)))

    def _scanned(self, text: str) -> str:
        if self._scanner is None:
            return text
        parts, at = [], 0
        for leak in filter(_counts, self._scanner.scan(text)):
            if text[leak.start : leak.end] != STRIPPED:
                parts += [text[at : leak.start], STRIPPED]
                at = leak.end
        return "".join((*parts, text[at:])) if parts else text


class _Cleaning:
    """Builds a document anew while it is read, every member of a name that stands twice included."""

    def __init__(self, names: SecretNames) -> None:
        self._names = names
        self.changed = False

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: self._emptied(value) if self._names.member(name) else value for name, value in pairs}

    def _emptied(self, value: Any) -> Any:
        """A value without its texts, in the same shape."""
        if isinstance(value, str) and value and value != STRIPPED:
            self.changed = True
            return STRIPPED
        if isinstance(value, list):
            return [self._emptied(item) for item in value]
        if isinstance(value, dict):
            return {name: self._emptied(member) for name, member in value.items()}
        return value


def _counts(leak: Leak) -> bool:
    return leak.family in (Family.SECRET, Family.CANARY)


def decoded(body: bytes, coding: str, limits: BodyLimits) -> bytes | None:
    """The body without its content coding; None when it cannot be undone safely."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    try:
        decoder = open_decoder(coding, limits)
        if decoder is None:
            return body
        plain = b"".join(decoder.decode(body))
        decoder.flush()
    except CodingError:
        return None
    return plain
