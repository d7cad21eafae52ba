"""When a round is due, and which targets take part: decided from sizes and times alone.

A target is behind when the log holds something that it has not seen, other than records about anchors: those follow
every round, and a log at rest must come to rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import orjson

from recorder.anchoring.settings import Settings, Target

OWN_TYPES = frozenset(("sys.anchor", "def.anchor"))
_LOOK = 512


def is_due(settings: Settings, size: int, last_size: int, since_last_s: float) -> bool:
    """Whether time or growth since the last round asks for one. since_last_s: infinite before the first."""
    return since_last_s >= settings.interval_s or size - last_size >= settings.records


def behind(
    connection: sqlite3.Connection, size: int, targets: Iterable[Target], seen: Mapping[str, int]
) -> list[Target]:
    """The targets that have not seen all of the log. seen: size of each one's newest success."""
    news: dict[int, bool] = {}
    for known in set(seen.values()):
        news[known] = has_news(connection, known, size)
    return [target for target in targets if news[seen[target.name]]]


def has_news(connection: sqlite3.Connection, start: int, end: int) -> bool:
    """Whether any record in [start, end) is about something other than anchors."""
    if end - start >= _LOOK:
        return True
    rows = connection.execute("SELECT line FROM records WHERE seq >= ? AND seq < ? ORDER BY seq", (start, end))
    return any(orjson.loads(line)["typ"] not in OWN_TYPES for (line,) in rows)
