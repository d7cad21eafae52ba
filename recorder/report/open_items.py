"""What a person should look at after a day: lost events, errors that passed, what is open, what nothing confirms.

Nothing is left out for being usual; the gravest stand first.
"""

from __future__ import annotations

from collections.abc import Iterator

from recorder.attest.outcome import Proof
from recorder.reading import UNSEALED
from recorder.report.page import Item
from recorder.report.review import Review


def open_items(review: Review) -> tuple[Item, ...]:
    """The items of a review, the gravest first."""
    return tuple(sorted(_found(review), key=lambda item: item.tone != "bad"))


def _found(review: Review) -> Iterator[Item]:
    for provenance in review.evidence:
        if provenance.verdict in ("rejected", "indeterminate"):
            what = f"The evidence of {provenance.origin} is {provenance.verdict}: {provenance.first}."
            yield Item("bad" if provenance.verdict == "rejected" else "warn", what)
    yield from _proved(review, "bad", "error_passed", "exchange passed", "although a check had failed")
    if review.lost:
        yield Item("bad", f"{_several(review.lost, 'event')} never reached the log; the gaps are declared below.")
    yield from _proved(review, "warn", "unknown", "exchange ended", "nobody knows how (crash, cut connection)")
    for name, scope in review.open_halts.items():
        yield Item("warn", f"The halt {name} ({scope}) is still in force.")
    for name, until in review.open_bypasses.items():
        tone = "bad" if until < review.last_ts else "warn"
        yield Item(tone, f"The bypass {name} is open; it was set to end at {until[:16]}Z.")
    for name, (severity, what) in review.open_contradictions.items():
        yield Item("bad" if severity == "error" else "warn", f"The policy contradiction {name} is open: {what}")
    overdue = sum(1 for deadline in review.open_requests.values() if deadline and deadline < review.last_ts)
    if review.open_requests:
        waiting = _several(len(review.open_requests), "approval request")
        text = f"{waiting} still open, {overdue:,} beyond the deadline."
        yield Item("bad" if overdue else "warn", text)
    yield from _proved(review, "warn", "withheld", "exchange passed", "that a rule in shadow mode would have refused")
    yield from _proved(review, "warn", "candidate", "exchange is", "decided otherwise by the candidate policy")
    yield from _proved(review, "warn", "anonymous", "exchange passed", "without anybody knowing the caller")
    if len(review.policies) > 1:
        yield Item("warn", f"Policy changed: {len(review.policies)} policies decided on this day.")
    for event in review.events:
        if event.kind in ("clock", "erasure"):
            yield Item("warn", f"{event.text[:1].upper()}{event.text[1:]}.", str(event.seq))
    yield from _anchoring(review)


def _anchoring(review: Review) -> Iterator[Item]:
    for provenance in review.evidence:
        if provenance.verdict == UNSEALED:
            if not review.anchored_ts:
                yield Item("warn", "Nothing outside has confirmed the log on this day (no sys.anchor record).")
        elif provenance.anchored_end < provenance.end:
            tail = provenance.end - max(provenance.anchored_end, provenance.start)
            yield Item("warn", f"Nothing outside confirms the last {_several(tail, 'record')} of {provenance.origin}.")


def _proved(review: Review, tone: str, name: str, what: str, text: str) -> Iterator[Item]:
    proof = review.proofs.get(name)
    if proof is not None and proof.count:
        noun, _, verb = what.partition(" ")
        yield Item(tone, f"{_several(proof.count, noun)} {verb} {text}.", numbers_of(proof))


def _several(count: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def numbers_of(proof: Proof) -> str:
    """The first record numbers behind a count."""
    more = ", ..." if proof.count > len(proof.first) else ""
    return ", ".join(map(str, proof.first)) + more
