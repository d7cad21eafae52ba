"""Letters to reviewers: one row for each channel that is to be told, written in the transaction of what it tells.

So nothing is told that did not happen, and nothing that happened goes untold because of a restart: who delivers
(`notifying`) reads the rows until each is done.
"""

from __future__ import annotations

import secrets
import sqlite3

from recorder.approvals.settings import ApprovalSettings


def write_letters(
    run: sqlite3.Connection, packet: str, event: str, settings: ApprovalSettings, role: str, now: float
) -> list[str]:
    """Put a letter into the box of every channel concerned; their kinds. event: requested, escalated, or an end."""
    told: list[str] = []
    for channel in settings.channels:
        concerned = not channel.roles or role in channel.roles
        if concerned and (event == "escalated" or not channel.escalation):
            run.execute(
                "INSERT INTO letters(id,packet,channel,event,due) VALUES(?,?,?,?,?)",
                (f"msg_{secrets.token_hex(12)}", packet, channel.name, event, now),
            )
            told.append(channel.kind)
    return told
