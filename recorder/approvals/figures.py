"""How people keep up: what waits, what is near its deadline, how long decisions take. Counted, never estimated."""

from __future__ import annotations

import json
import math
from typing import Any

from recorder.approvals.book import WAITING, Book

RECENT_S = 86_400.0


def backlog(book: Book, now: float, near: float) -> dict[str, int]:
    """What waits, for whoever measures the proxy."""
    waiting = book.every("SELECT created, deadline FROM packets WHERE state=?", WAITING)
    return {
        "waiting": len(waiting),
        "near_deadline": sum(now - row["created"] > (row["deadline"] - row["created"]) * near for row in waiting),
        "oldest_s": max((int(now - row["created"]) for row in waiting), default=0),
    }


def figures(book: Book, now: float, near: float) -> dict[str, Any]:
    """For the status. near: share of the deadline after which a packet counts as near it. Times in seconds."""
    recent = book.every("SELECT state, created, decided, ended, request FROM packets WHERE created > ?", now - RECENT_S)
    ends = {row["state"]: 0 for row in recent}
    for row in recent:
        ends[row["state"]] += 1
    waits = sorted((row["decided"] or row["ended"]) - row["created"] for row in recent if _was_decided(row["state"]))
    undelivered = book.one("SELECT count(*) FROM letters WHERE done IS NULL AND attempts > 0")
    return {
        **backlog(book, now, near),
        "day": ends,
        "decided_p50_s": _percentile(waits, 0.5),
        "decided_p95_s": _percentile(waits, 0.95),
        "letters_failing": undelivered[0] if undelivered is not None else 0,
    }


def _was_decided(state: str) -> bool:
    return state in ("granted", "consumed", "refused")


def _percentile(values: list[float], share: float) -> float | None:
    """By the nearest-rank method; None without values."""
    return round(values[math.ceil(share * len(values)) - 1], 3) if values else None


def listed(book: Book, limit: int = 200) -> list[dict[str, Any]]:
    """Packets for a list, the waiting ones first."""
    rows = book.every(
        "SELECT * FROM packets ORDER BY state=? DESC, created DESC LIMIT ?", WAITING, min(max(limit, 1), 1000)
    )
    return [told(book, row, short=True) for row in rows]


def told(book: Book, row: Any, *, short: bool = False) -> dict[str, Any]:
    """One packet for a person on the command line. short: without what approvers are shown."""
    request = json.loads(row["request"])
    act = request["act"]
    found = {
        "id": row["id"],
        "state": row["state"],
        "class": request["action_class"],
        "rule": request["rule"],
        "action": f"{act['method']} {act.get('host', '')}{act['target']}",
        "agent": request["agent"].get("uid", ""),
        "tenant": request["agent"].get("tenant", ""),
        "need": request["need"],
        "have": sum(one["decision"] == "grant" for one in book.decisions(row["id"])),
        "created": row["created"],
        "deadline": row["deadline"],
        "payload_sha256": request["payload"]["sha256"],
        "reason": row["reason"],
    }
    if short:
        return found
    found["certificates"] = [one["cert_sha256"] for one in book.decisions(row["id"])]
    found["shown"] = json.loads(row["display"]) if row["display"] else None
    return found
