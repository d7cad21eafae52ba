"""A report in words: what is proven, what is not, and where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from recorder.archive import TRANSPORT
from recorder.verify.codes import STAGES, meaning_of, stage_of
from recorder.verify.report import Found, Place, RecordReport, Report

_HEADLINES = {
    "verified": "VERIFIED",
    "prefix": "INTACT, END NOT ANCHORED",
    "rejected": "REJECTED",
    "indeterminate": "CANNOT TELL",
}
_NOT_ASSERTED = (
    "that what the recorder was told is true",
    "that what never reached the recorder did not happen",
    "what a body says, unless it is disclosed",
)


def headline(report: Report) -> str:
    """One line: the verdict and the window."""
    window = f"records {report.start} to {report.end - 1} of {report.origin}" if report.end else "no readable statement"
    return f"{_HEADLINES[report.verdict]}: {window}"


def explain(report: Report) -> Iterator[str]:
    """Lines for a person."""
    yield headline(report)
    yield ""
    if report.verdict == "rejected":
        yield from _problems(report, "What is wrong:", "E_")
        yield from _altered(report)
        yield from _left_over(report)
    else:
        yield from _proven(report)
    yield from _problems(report, "What could not be decided:", "I_")
    if report.verdict == "prefix":
        yield from _unproven(report)
    yield from _problems(report, "Worth knowing:", "W_")
    if report.verdict in ("verified", "prefix"):
        yield ""
        yield "Not asserted:"
        yield from (f"  {line}" for line in _NOT_ASSERTED)
    if report.skipped:
        yield ""
        yield "Not checked:"
        yield from (f"  {line}" for line in sorted(report.skipped))


def explain_record(report: RecordReport) -> Iterator[str]:
    """Lines for a person about one record."""
    words = {"verified": "VERIFIED", "rejected": "REJECTED"}.get(report.verdict, "CANNOT TELL")
    where = f"record {report.seq} of {report.origin}" if report.origin else "no readable proof"
    yield f"{words}: {where}"
    if report.verdict == "verified":
        yield f"  It is, byte for byte, in the log's tree of {report.size} records, which the log's key signed."
        yield "  Not asserted: that what it says is true; anything about other records."
    for code, found in report.findings.found.items():
        yield f"  {code}: {meaning_of(code)}"
        yield from _places(found)


def _proven(report: Report) -> Iterator[str]:
    count = report.end - report.start
    if report.verdict == "indeterminate":
        yield f"The {count} records agree with each other and with the statement, but who made them is not shown."
        return
    yield "Proven:"
    if report.level == "L2":
        yield f"  all {count} records are byte for byte what the recorder wrote; none is missing, added or out of order"
    else:
        yield f"  the tree over all {count} records is the one the log signed (level {report.level}: not what they say)"
    yield "  the log's key signed the tree, the seal key signed the statement"
    if report.anchored_end:
        yield f"  the history up to record {report.anchored_end - 1} is confirmed by {' and '.join(report.anchored_by)}"
    if report.witnesses:
        yield f"  witnesses: {', '.join(report.witnesses)}, at {report.anchored_at}"
    counts = report.approvals
    if counts["consumed"]:
        yield (
            f"  {counts['valid']} of {counts['consumed']} used approvals are valid, "
            f"{counts['operator_asserted']} of these on the operator's word alone"
        )
    if report.disclosed:
        yield f"  {report.disclosed} disclosed values are those the records commit to"


def _unproven(report: Report) -> Iterator[str]:
    yield ""
    yield "Not proven:"
    if report.has("P_END_UNPROVEN"):
        yield "  the end: no checkpoint of the log's key says that the log had these records and no others before it"
    if not report.has("P_TAIL_UNANCHORED"):
        return
    yield (
        f"  that the log's operator, who holds its keys, did not remake the last {report.unanchored} records, or keep "
        f"back later ones: nothing from outside (witness, time stamp, a checkpoint you kept) confirms record "
        f"{report.end - 1}."
    )
    yield f"  {exposure(report)}"
    yield "  Give a checkpoint you received earlier or another way with --checkpoint to narrow this."


def exposure(report: Report) -> str:
    """How much could still be remade, and how much the log promises it will ever be."""
    promised = f"; it promises an outside anchor every {report.interval_s} s" if report.interval_s else ""
    if report.level != "L2":
        return f"Exposure: {report.unanchored} records{promised}."
    return f"Exposure: {report.unanchored} records over {_duration(report.exposure_us)}{promised}."


def _duration(micros: int) -> str:
    seconds = micros / 1_000_000
    if seconds < 120:
        return f"{seconds:.3f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _problems(report: Report, title: str, prefix: str) -> Iterator[str]:
    entries = list(report.ordered(prefix))
    if not entries:
        return
    if prefix != "E_":
        yield ""
    yield title
    for code, found in entries:
        yield f"  {code} ({STAGES[stage_of(code)]}): {meaning_of(code)}"
        yield from _places(found)


def _places(found: Found) -> Iterator[str]:
    for place in found.places[:5]:
        words = _place(place)
        if words:
            yield f"      {words}"
    if found.count > 5:
        yield f"      and {found.count - 5} more"


def _place(place: Place) -> str:
    parts = []
    if place.seq >= 0:
        parts.append(f"record {place.seq}")
    if place.member:
        parts.append(f"in {place.member}")
    if place.at is not None:
        parts.append(f"at byte {place.at}")
    where = ", ".join(parts)
    return f"{where}: {place.detail}" if where and place.detail else where or place.detail


def _left_over(report: Report) -> Iterator[str]:
    """That a folder holds what unpacking a zip leaves, which is of no use there."""
    unlisted = report.found.get("E_MEMBER_UNLISTED")
    if unlisted is not None and any(place.member == TRANSPORT for place in unlisted.places):
        yield f"  {TRANSPORT} is left over from unpacking a zip: its digests are of the packed bytes."
        yield f"  Verify the zip itself, or take {TRANSPORT} out of the folder."


def _altered(report: Report) -> Iterator[str]:
    """Which record was altered, as far as the hash chain tells."""
    broken = report.found.get("E_PREV")
    if broken is not None:
        places = {place.seq for place in broken.places}
        for seq in sorted(places):
            if seq - 1 in places:
                continue  # the break before it already names this stretch
            guilty = seq if seq + 1 in places else seq - 1
            yield f"  So record {guilty} is not the original: record {guilty + 1} commits to other bytes."
    elif "E_ROOT" in report.found and not report.has("E_CANON", "E_UTF8", "E_SCHEMA"):
        yield f"  The chain inside the window holds, so it is the last record, {report.end - 1}, that was altered,"
        yield "  or the whole window was remade without the log's key."
