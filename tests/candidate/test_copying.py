"""What is kept for the candidate: bounded in every direction, and nothing of it changes what the gate says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.candidate.copying import CopyingGate, Holdings, Part, new_copy
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.verdict.model import Coverage, Finding, Mode, Seen
from tests.support.exchanges import violation


class RefusingGate:
    mode = Mode.ENFORCE
    spool = False
    coverage = Coverage(Seen.FULL)

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def feed(self, raw: bytes) -> Sequence[bytes]:
        raise BodyRefused(violation())

    def resume(self) -> Sequence[bytes]:
        return []

    def finish(self) -> Sequence[bytes]:
        return [b"tail"]

    def abort(self) -> None:
        """Nothing to end."""


def test_what_is_refused_is_kept_too() -> None:
    copy = new_copy(100, Holdings(1000))
    gate = CopyingGate(RefusingGate(), copy.request)
    with pytest.raises(BodyRefused):
        gate.feed(b"bad")
    assert (copy.request.chunks, copy.request.whole) == ([b"bad"], False)
    assert list(gate.finish()) == [b"tail"]
    assert copy.request.whole


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 200), st.integers(1, 200))
def test_bounds_hold_and_are_given_back(chunks: list[bytes], most: int, room: int) -> None:
    holdings = Holdings(room)
    part = Part(most, holdings)
    for chunk in chunks:
        part.take(chunk)
    whole, kept = b"".join(chunks), b"".join(part.chunks)
    assert whole.startswith(kept)
    assert len(kept) == part.size == holdings.held <= min(most, room)
    assert (kept == whole) is (not part.missing)
    part.drop()
    assert holdings.held == 0


def test_messages_end_where_one_does_not_fit() -> None:
    copy = new_copy(10, Holdings(1000))
    for content in (b"12345678", b"123", b"1"):
        copy.hear(content, from_client=True, text=True)
    assert [one.content for one in copy.messages] == [b"12345678"]
    assert copy.request.missing == "too_large"
