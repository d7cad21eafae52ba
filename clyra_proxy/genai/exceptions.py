"""Exceptions for false positives: narrow, reasoned, and over at a date.

Rules: an exception covers a signal only when every condition it names holds, and an empty condition is one that was
left out on purpose; what it covers stays visible (the finding asks for nothing and names the exception); after its end
it covers nothing and is reported. A signal with a pattern that the exception does not name is not covered, so a new
attack in the same place is found. Ids, hashes and names only: no text of anyone stands in the file.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.fingerprints import canonical
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.section import Name, Section
from clyra_proxy.policy.source import parse
from clyra_proxy.verdict.genai_rules import ROWS

COVERABLE = frozenset(row[0] for row in ROWS)
"""Rules an exception may name: those of the GenAI checks. A failure of a check is not one of them."""

Instant = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
PatternId = Annotated[str, StringConstraints(pattern=r"^[^\s,]{1,128}$")]
Word = Annotated[str, StringConstraints(max_length=256)]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{32})?$")]


class ExceptionEntry(Section):
    """One exception. Conditions: rule, patterns, kind, path, text, tool, agent, route, destination, detector."""

    id: Name = Field(description="Stands in the findings it covers.")
    rule: Word = Field(description="The one rule it covers.")
    patterns: list[PatternId] | None = Field(
        None,
        description="Patterns that may have matched; with another one, or none, it does not cover. An empty list: "
        "findings without patterns. Left out: any.",
    )
    kind: Word = Field("", description="Kind of what was found (`iban`, ...), if the finding has one.")
    detector: Word = Field("", description="External detector that said so.")
    path: Word = Field("", description="JSON pointer where it was found; `*` is one array position.")
    text: Fingerprint = Field("", description="Salted hash of the very text it was found in.")
    provenance: Word = Field("", description="Who wrote the text.")
    tool: Word = Field("", description="Tool it was about.")
    agent: Word = Field("", description="Agent that made the exchange.")
    route: Word = Field("", description="Route of the exchange.")
    destination: Word = Field("", description="Host and port of the exchange.")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000)] = Field(description="Why it is harmless.")
    person: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(description="Who decided.")
    created: Instant = Field(description="When, in UTC.")
    expires: Instant = Field(description="When it ends, in UTC.")
    verdict: Word = Field("", description="The verdict it was made from.")

    @field_validator("rule")
    @classmethod
    def _coverable(cls, rule: str) -> str:
        if rule not in COVERABLE:
            raise ValueError(f"`{rule}` is no rule of the GenAI checks")
        return rule

    @field_validator("created", "expires")
    @classmethod
    def _real(cls, instant: str) -> str:
        seconds_of(instant)
        return instant

    @property
    def ends_at(self) -> float:
        """Seconds since the epoch."""
        return seconds_of(self.expires)

    def covers(self, signal: Signal, inspection: Inspection) -> bool:
        """Whether every condition holds, the end left aside."""
        detail = signal.detail
        if signal.rule != self.rule or (self.path and not same_place(self.path, signal.path)):
            return False
        if self.patterns is not None and not _within(_patterns(signal), set(self.patterns)):
            return False
        return all(
            not wanted or wanted == found
            for wanted, found in (
                (self.kind, str(detail.get("kind", ""))),
                (self.detector, str(detail.get("detector", ""))),
                (self.text, str(detail.get("text", ""))),
                (self.provenance, str(detail.get("provenance", ""))),
                (self.tool, str(detail.get("tool", ""))),
                (self.agent, inspection.caller.agent),
                (self.route, inspection.route),
                (self.destination, inspection.destination),
            )
        )


class ExceptionFile(Section):
    """The file: a list."""

    exceptions: list[ExceptionEntry] = Field(default_factory=list, max_length=10_000, description="The exceptions.")

    @field_validator("exceptions")
    @classmethod
    def _one_each(cls, entries: list[ExceptionEntry]) -> list[ExceptionEntry]:
        ids = [entry.id for entry in entries]
        if len(set(ids)) != len(ids):
            raise ValueError("two exceptions have the same id")
        return entries


class Exceptions:
    """The exceptions in force, by rule."""

    def __init__(self, entries: Sequence[ExceptionEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._by_rule: dict[str, list[tuple[float, ExceptionEntry]]] = {}
        for entry in entries:
            self._by_rule.setdefault(entry.rule, []).append((entry.ends_at, entry))

    def suppress(self, signal: Signal, inspection: Inspection) -> str | None:
        """The id of an exception that covers `signal` at `inspection.now` (0: the present), or None."""
        candidates = self._by_rule.get(signal.rule)
        if candidates is None:
            return None
        now = inspection.now or time.time()
        for ends_at, entry in candidates:
            if now < ends_at and entry.covers(signal, inspection):
                return entry.id
        return None

    def expired(self, now: float) -> tuple[ExceptionEntry, ...]:
        """Those that have ended at `now` (seconds since the epoch)."""
        return tuple(entry for entry in self.entries if entry.ends_at <= now)


def load_exceptions(path: Path | None) -> Exceptions:
    """The exceptions of a file; None: none. Raises PolicyError."""
    return Exceptions(read_exceptions(path).exceptions) if path is not None else Exceptions()


def read_exceptions(path: Path) -> ExceptionFile:
    """The file at `path`. Raises PolicyError, also when it does not exist."""
    if not path.is_file():
        raise PolicyError(
            f"The policy names the exceptions file {path}, which does not exist.",
            "",
            "`clyra allow --from VERDICT` writes it; or make one that says `exceptions: []`.",
        )
    return validate(ExceptionFile, parse(read_text(path), str(path)))


def fingerprint(secret: bytes, signal: Signal, inspection: Inspection) -> str:
    """Salted hash (32 hex digits) of the text a signal is about, or of a call's arguments; "" when it is about neither.

    secret: that of the workshop, so that the hash tells nothing outside this data folder.
    """
    if not signal.path:
        return ""
    for segment in inspection.conversation.segments:
        if segment.path == signal.path:
            text = segment.text.encode("utf-8", "surrogatepass")
            return _hashed(secret, b"exception text\0" + text)
    for call in inspection.conversation.calls:
        if call.path == signal.path:
            return _hashed(
                secret, b"exception call\0" + canonical(call.raw if call.arguments is None else call.arguments)
            )
    return ""


def _hashed(secret: bytes, data: bytes) -> str:
    return hmac.new(secret, data, hashlib.sha256).hexdigest()[:32]


def same_place(pattern: str, path: str) -> bool:
    """Whether a JSON pointer lies at `pattern`, where the token `*` stands for one array position."""
    wanted, found = pattern.split("/"), path.split("/")
    if len(wanted) != len(found):
        return False
    return all(
        want == have or (want == "*" and have.isascii() and have.isdigit())
        for want, have in zip(wanted, found, strict=True)
    )


def general_place(path: str) -> str:
    """A JSON pointer with every array position as `*`: the same place in another message."""
    return "/".join("*" if token.isascii() and token.isdigit() else token for token in path.split("/"))


def seconds_of(instant: str) -> float:
    """`2026-11-22T08:00:00Z` as seconds since the epoch. Raises ValueError."""
    return datetime.strptime(instant, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def instant_of(seconds: float) -> str:
    """Seconds of the epoch as RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


MOST_TOLD = 8
"""Patterns a signal names at most."""


def _within(found: set[str], allowed: set[str]) -> bool:
    """Whether nothing else matched. A signal that names as many as it can may hide one more: then all must be equal."""
    if not found or len(found) >= MOST_TOLD:
        return found == allowed
    return found <= allowed


def _patterns(signal: Signal) -> set[str]:
    return {word for word in str(signal.detail.get("patterns", "")).split(",") if word}
