"""What the commands about shadow share: reading the verdict log for counts, newest first through all rotated files,
with progress on a terminal; and saying where the evidence of what a person did is."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.cli.progress import records_bar
from clyra_proxy.cli.verdict_filter import VerdictFilter
from clyra_proxy.errors import CannotTellError
from clyra_proxy.shadow.evidence import Kept
from clyra_proxy.shadow.report import ShadowReport
from clyra_proxy.telemetry.verdict_reader import VerdictReader

LONGEST_MS = 86_400_000
"""A line is written when its exchange ends and carries the time it began: how much earlier that may be."""
_TELL_EVERY = 2000


def gather(
    path: Path, report: ShadowReport, wanted: VerdictFilter, policy: str = "", *, unbroken: bool = False
) -> bool:
    """Count the wanted lines into `report`. Raises CannotTellError when there is no log.

    policy: beginning of a policy hash; lines of others are left out. unbroken: stop at the first line, going back, that
    another policy decided, and say true when that one lies between two of this policy.
    """
    if not path.exists():
        raise CannotTellError(
            f"There is no verdict log at {path}.",
            "The proxy has not decided anything with this data folder.",
            "Start it with 'clyra proxy', or name the right folder with --home.",
        )
    with VerdictReader(path) as reader, records_bar("verdicts") as tell:
        other_since = False
        for number, line in enumerate(reader.backwards(), 1):
            if tell is not None and number % _TELL_EVERY == 0:
                tell(number, 0)
            event = reader.parse(line)
            ours = event.get("unmapped", {}).get("clyra", {}) if event is not None else {}
            if event is None or not ("verdict" in ours or "gap" in ours):
                continue
            if wanted.since_ms and int(event.get("time", 0)) < wanted.since_ms - LONGEST_MS:
                break
            if "gap" in ours:
                report.lost += int(ours["gap"]) if int(event.get("time", 0)) >= wanted.since_ms else 0
            elif wanted.takes(event):
                mine = str(ours.get("policy_sha256", "")).startswith(policy)
                if mine and other_since and unbroken:
                    return True
                other_since = other_since or not mine
                if mine:
                    report.take(event)
    return False


def evidence_line(kept: Kept) -> str:
    """Where a review or a promotion is kept, for a person."""
    if kept is Kept.RECORDED:
        return "recorded in the evidence"
    if kept is Kept.WAITING:
        return "no recorder answers: kept in the data folder, and in the spool that a proxy hands over when one does"
    return "no recorder has it: kept in the data folder alone"
