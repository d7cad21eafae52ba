"""Stage S8: approvals that were used up, and what somebody disclosed, against the records that were just read."""

from __future__ import annotations

from recorder.effective_keys import KeyRing
from recorder.verify.members import MAX_SMALL, Members
from recorder.verify.records import RecordCheck
from recorder.verify.report import Report


def check_details(report: Report, members: Members, ring: KeyRing | None, check: RecordCheck) -> None:
    """ring: None when no key is trusted; then approvals are not judged."""
    report.erased = check.erased
    _approvals(report, members, ring, check)
    _disclosures(report, members, check)


def _approvals(report: Report, members: Members, ring: KeyRing | None, check: RecordCheck) -> None:
    names = members.approvals()
    report.approvals["certificates"] = len(names)
    report.approvals["consumed"] = len(check.consumes)
    if not names and not check.consumes:
        return
    if ring is None:
        report.skipped.add("approvals")
        return
    from recorder.approval_check import check_approvals  # most bundles have none

    findings, counts = check_approvals(
        check.consumes, names, lambda name: members.small(name, MAX_SMALL), ring.keys.values(), report.start
    )
    report.approvals.update(counts)
    for code, seq, member, detail in findings:
        report.fail(code, member, detail, seq)


def _disclosures(report: Report, members: Members, check: RecordCheck) -> None:
    for seq, name in members.disclosures():
        from recorder.disclosure_check import check_disclosures  # most bundles have none

        raw = members.small(name, _MAX_DISCLOSURES)
        if raw is None:
            continue
        findings, good = check_disclosures(seq, check.disclosed.get(seq), raw)
        report.disclosed += good
        for code, place, member, detail in findings:
            report.fail(code, member, detail, place)


_MAX_DISCLOSURES = 64 << 20
