"""A review or a promotion as evidence: the record `pef.promotion`, handed to the recorder of the data folder.

Who judged, and who put what into force, is a change of what is guarded, so it belongs where nobody can take it out. The
record names the line of the data folder by its hash: the figures stay there, and cannot be changed unseen. Without a
recorder it is kept in the folder alone, and the commands say so. No content: ids, rules, names, reasons.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.changes import ChangeRecorder
from clyra_proxy.home import Home
from clyra_proxy.shadow.gate import CANDIDATE, Gate
from clyra_proxy.shadow.ledger import ANY_RULE, Review
from clyra_proxy.telemetry.redaction import printable

RECORD_TYPE: Final = "pef.promotion"
MOST_NAMES: Final = 64
_LONGEST_NAME, _LONGEST_REASON, _LONGEST_CONDITION = 128, 512, 256


class Kept(StrEnum):
    """Where a record is."""

    RECORDED = "recorded"
    """Durable in the log."""
    WAITING = "waiting"
    """In the spool on disk, for the recorder there was: a proxy hands it over when it connects."""
    FOLDER = "folder"
    """Nowhere: the data folder has no recorder, or it did not take the record."""


def review_data(review: Review, exchange: str, line_sha256: str, actor: str) -> dict[str, Any]:
    """The record of a review. actor: the system's user; who is named beside it is that user's word."""
    person = review.person if review.person == actor else f"{review.person} ({actor})"
    data = {"change": "review", "verdict": review.verdict[:64], "right": review.right, "line_sha256": line_sha256}
    if exchange:
        data["exchange"] = exchange[:64]
    if review.rule == CANDIDATE:
        data["what"] = CANDIDATE
    elif review.rule != ANY_RULE:
        data |= {"what": "rules", "rules": [review.rule[:_LONGEST_NAME]]}
    return data | _said(person, review.reason)


def promotion_data(
    names: Sequence[str], hashes: tuple[str, str], gates: Sequence[Gate], line_sha256: str, actor: str, reason: str
) -> dict[str, Any]:
    """The record of a promotion. names: rules, none for the candidate. hashes: of the policy, before and after."""
    failing = [
        printable(f"{gate.name}: {one.name} {one.figure} (limit {one.limit})")[:_LONGEST_CONDITION]
        for gate in gates
        for one in gate.conditions
        if not one.passed
    ]
    data: dict[str, Any] = {
        "change": "promote",
        "what": "rules" if names else CANDIDATE,
        "before_sha256": hashes[0],
        "after_sha256": hashes[1],
        "forced": bool(failing),
        "line_sha256": line_sha256,
    }
    if names:
        data["rules"] = [name[:_LONGEST_NAME] for name in names[:MOST_NAMES]]
    if failing:
        data["failing"] = failing[:MOST_NAMES]
    return data | _said(actor, reason)


def hand_over(home: Home, data: dict[str, Any]) -> Kept:
    """Give a record to the recorder of this data folder. Never raises for one that is away."""
    if not home.source_key.exists():
        return Kept.FOLDER
    try:
        return asyncio.run(_record(home, data))
    except EvidenceError:  # neither recorder nor spool can be had
        return Kept.FOLDER


def _said(person: str, reason: str) -> dict[str, Any]:
    told = {"actor": printable(person)[:_LONGEST_NAME] or "unknown", "actor_auth": "os", "channel": "cli"}
    return told | ({"reason": printable(reason)[:_LONGEST_REASON]} if reason else {})


async def _record(home: Home, data: dict[str, Any]) -> Kept:
    recorder = ChangeRecorder(home, source=f"command-{os.getpid()}-{secrets.token_hex(4)}")
    await recorder.start()
    try:
        durable = await recorder.record(RECORD_TYPE, data)
    finally:
        await recorder.close()
    if durable:
        return Kept.RECORDED
    return Kept.WAITING if (home.spool / "evidence" / f"{recorder.source}.spool").exists() else Kept.FOLDER
