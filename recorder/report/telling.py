"""Records that a report tells one by one, each in a few words.

Only what the record says of itself: names, ids, reasons that people gave. There is no content in records to tell.
"""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = {
    "sys.gap": "gap",
    "sys.clock": "clock",
    "sys.key": "key",
    "sys.config": "start",
    "sys.close": "close",
    "sys.erasure": "erasure",
    "pef.halt": "halt",
    "pef.bypass": "bypass",
    "pef.contradiction": "contradiction",
    "pef.promotion": "promotion",
}
"""Types of records that are told, and the word for each."""


def in_words(typ: str, data: dict[str, Any]) -> str:
    """One event in a few words; metadata only."""
    if typ == "sys.gap":
        return f"{data['count']} events of {data['source']} are missing ({data['cause']})"
    if typ == "sys.clock":
        return f"clock set from {data['old'][:19]}Z to {data['new'][:19]}Z ({data['cause']})"
    if typ == "sys.key":
        return f"{data['role']} key {data['keyid'][:16]} {data['state']}"
    if typ == "sys.config":
        return f"recorder {data['version']}: {data['cause']}"
    if typ == "sys.erasure":
        return f"subject key {data['subject_key']} destroyed: {data['basis']}"
    if typ == "pef.halt":
        where = f"{data['scope']} {data.get('target', '')}".strip()
        return f"{data['change']} {where}: {data.get('reason') or data['cause']} ({data.get('actor', data['channel'])})"
    if typ == "pef.bypass":
        what = f"{data['change']} of {', '.join(data['checks'])} until {data['until'][:16]}Z"
        return f"{what}: {data['reason']} ({data.get('actor', 'nobody')})"
    if typ == "pef.contradiction":
        return f"{data['kind']} {data['state']}: {contradiction_in_words(data)}"
    if typ == "pef.promotion":
        return _promotion(data)
    return str(data.get("cause", ""))


def contradiction_in_words(data: dict[str, Any]) -> str:
    """Which places of the policy contradict, and how."""
    return ": ".join(filter(None, (", ".join(data["rules"]), data.get("reason", ""))))


def _promotion(data: dict[str, Any]) -> str:
    """What a person put into force."""
    forced = ", FORCED" if data["forced"] else ""
    what = ", ".join(data.get("rules", ())) or data["what"]
    return f"{what} into force{forced}: {data.get('reason') or 'no reason given'} ({data['actor']})"
