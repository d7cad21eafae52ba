"""A record as the export formats see it: with the identity and action that its intent witnessed.

An outcome record says how an exchange ended and refers to its intent for who did what. Formats that describe one event
in one line need both, so `entries` remembers open intents while it streams. What it remembers is bounded: an intent
leaves when its outcome passes, and beyond `MAX_OPEN` the oldest is forgotten; its outcome then stands alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from recorder.reading import Item
from recorder.record import micros_of

MAX_OPEN = 65_536


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. subject: the record that says who and what: itself, or for an outcome its intent (None: unknown)."""

    item: Item
    subject: dict[str, Any] | None

    @property
    def record(self) -> dict[str, Any]:
        return self.item.record

    def part(self, name: str) -> dict[str, Any]:
        """`agent`, `act` or `claim` of the exchange; empty when it is not known."""
        found = self.record.get(name) or (self.subject or {}).get(name) or {}
        return found if isinstance(found, dict) else {}

    @property
    def is_exchange(self) -> bool:
        return "phase" in self.record["data"]

    @property
    def phase(self) -> str:
        return str(self.record["data"].get("phase", ""))

    @property
    def ends(self) -> bool:
        """Whether this record says how an exchange ended."""
        return self.phase in ("whole", "outcome")

    @property
    def micros(self) -> int:
        """The record's time, microseconds since the epoch."""
        return micros_of(self.record["ts"])

    @property
    def duration_us(self) -> int | None:
        """How long the exchange took, proxy and upstream together; None when the record does not say."""
        perf = self.record.get("perf") or {}
        if "upstream_us" not in perf and "proxy_us" not in perf:
            return None
        return int(perf.get("proxy_us", 0)) + int(perf.get("upstream_us", 0))

    @property
    def place(self) -> Place:
        return place_of(str(self.part("act").get("host", "")))

    @property
    def withheld(self) -> bool:
        """Whether a rule in shadow mode would have refused what went on."""
        data = self.record["data"]
        verdict = self.record.get("verdict") or {}
        return data.get("would_action") in ("approve", "block") and verdict.get("decision") in ("allow", "observe")


@dataclass(frozen=True, slots=True)
class Place:
    """A destination taken apart. port: None when it is not said."""

    scheme: str = ""
    host: str = ""
    port: int | None = None


def place_of(text: str) -> Place:
    """`https://api.example.com:443` -> its parts; what cannot be taken apart is all host."""
    try:
        parts = urlsplit(text)
        return Place(parts.scheme, parts.hostname or "", parts.port) if parts.hostname else Place(host=text)
    except ValueError:
        return Place(host=text)


def entries(items: Iterable[Item]) -> Iterator[Entry]:
    """Every record, outcomes joined with their intents."""
    intents: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
    for item in items:
        record = item.record
        data = record["data"]
        phase, exchange = data.get("phase"), str(data.get("exchange", ""))
        if phase == "outcome":
            yield Entry(item, intents.pop((str(record.get("typ")), exchange), None))
            continue
        if phase == "intent":
            intents[str(record.get("typ")), exchange] = record
            if len(intents) > MAX_OPEN:
                intents.popitem(last=False)
        yield Entry(item, record)
