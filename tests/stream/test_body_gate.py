"""The gate's promises: order, holding back, refusal, shadow, and what a misbehaving session can (not) do."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.checks import EVERYTHING, BodyCheck, BodySession, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import Atomic
from clyra_proxy.schemalock.binding import DirectPlan
from clyra_proxy.schemalock.check import SchemaCheck
from clyra_proxy.schemalock.compile import compile_schema
from clyra_proxy.schemalock.judge import Modes
from clyra_proxy.stream.body_gate import CheckingGate
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Action, Mode, Phase, Seen
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON, SPEAKS_FOR
from tests.support.bodies import cut, is_whole_json, request
from tests.support.exchanges import violation

JSON = (b"content-type", b"application/json")
ROWS = DirectPlan(
    compile_schema({"properties": {"rows": {"type": "array", "items": {"type": "object", "required": ["id"]}}}})
)
SALT = bytes(range(32))


class Session:
    """A session that does what it is told."""

    check_id = "scripted"

    def __init__(self, script: Sequence[object], mode: Mode) -> None:
        self.mode = mode
        self._script = list(script)
        self.calls = 0

    def feed(self, data: bytes) -> int:
        self.calls += 1
        return self._play()

    def finish(self) -> int:
        return self._play()

    def _play(self) -> int:
        step = self._script.pop(0) if self._script else EVERYTHING
        if isinstance(step, BaseException):
            raise step
        return step  # type: ignore[return-value]


class Check:
    id = "scripted"
    phases = frozenset({Phase.REQUEST_BODY})
    budget_ms = 1.0

    def __init__(self, script: Sequence[object], mode: Mode = Mode.ENFORCE, on_error: Action = Action.BLOCK) -> None:
        self.on_error = on_error
        self.session = Session(script, mode)
        self._broken = script[0] if script and script[0] == "open" else None

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        if self._broken:
            raise RuntimeError("cannot start")
        return self.session


def gate_for(check: BodyCheck, exchange: Exchange | None = None, limits: BodyLimits | None = None) -> CheckingGate:
    return open_gate(exchange or request(), Phase.REQUEST_BODY, [check], limits, salt=SALT)


def run(gate: CheckingGate, chunks: Iterator[bytes] | Sequence[bytes]) -> tuple[bytes, BodyRefused | None, bytes]:
    """(everything that left, the refusal, what had left before the end)."""
    left = bytearray()
    try:
        for chunk in chunks:
            for piece in gate.feed(chunk):
                left += piece
        before = bytes(left)
        for piece in gate.finish():
            left += piece
    except BodyRefused as refused:
        return bytes(left), refused, bytes(left)
    return bytes(left), None, before


def rows(count: int, bad: int | None = None) -> bytes:
    made = [b'{"id":%d,"note":"%s"}' % (number, b"x" * (number % 90)) for number in range(count)]
    if bad is not None:
        made[bad] = b'{"note":"no id"}'
    return b'{"rows":[' + b",".join(made) + b"]}"


CODINGS = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 7, 4096, random.Random(5)], ids=["1", "7", "4096", "random"])
def test_good_bodies_leave_unchanged_and_never_whole_before_the_end(coding: str, size: int | random.Random) -> None:
    body = rows(3000)
    raw = CODINGS[coding](body)
    exchange = request([JSON, (b"content-encoding", coding.encode())], request_schema=ROWS)
    left, refused, before = run(gate_for(SchemaCheck(), exchange), cut(raw, size))
    assert refused is None
    assert left == raw
    assert len(before) < len(raw)
    tally = exchange.request_body
    assert (tally.seen, tally.released, tally.complete) == (len(raw), len(raw), True)
    assert tally.commitment == hmac.new(SALT, raw, hashlib.sha256).hexdigest()
    assert exchange.request_coverage.seen in (Seen.FULL, Seen.STREAMED)
    assert not exchange.findings
    assert exchange.check_ns["schema"] > 0


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 700, 4096])
def test_bad_bodies_never_leave_whole(coding: str, size: int) -> None:
    raw = CODINGS[coding](rows(6000, bad=5000))
    exchange = request([JSON, (b"content-encoding", coding.encode())], request_schema=ROWS)
    left, refused, _ = run(gate_for(SchemaCheck(), exchange), cut(raw, size))
    assert refused is not None
    assert refused.finding.path == "/rows/5000"
    assert refused.finding.detail["row"] == 5000
    assert raw.startswith(left)
    assert len(left) < len(raw)
    assert not is_whole_json(left)
    assert b"no id" not in left
    assert exchange.findings == [refused.finding]
    assert exchange.request_body.released == len(left)
    assert not exchange.request_body.complete


def test_nothing_leaves_before_the_first_record_is_judged() -> None:
    exchange = request([JSON], request_schema=ROWS)
    left, refused, _ = run(gate_for(SchemaCheck(), exchange), cut(rows(9000, bad=0), 1000))
    assert refused is not None
    assert left == b""


def test_shadow_never_changes_or_delays_a_byte() -> None:
    exchange = request([JSON], request_schema=ROWS, default_mode=Mode.SHADOW)
    gate = gate_for(SchemaCheck(), exchange)
    body = rows(2000, bad=100) + b"garbage"
    for chunk in cut(body, 999):
        assert b"".join(gate.feed(chunk)) == chunk
    assert b"".join(gate.finish()) == b""
    assert {finding.mode for finding in exchange.findings} == {Mode.SHADOW}
    assert [finding.reason for finding in exchange.findings] == [Reason.SCHEMA_VIOLATION, Reason.JSON_TRAILING]
    assert exchange.request_body.released == exchange.request_body.seen == len(body)


def test_what_nobody_looks_at_counts_as_released() -> None:
    exchange = request([(b"content-type", b"text/html")])
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck()])
    assert [*gate.feed(b"<html>"), *gate.feed(b"</html>"), *gate.finish()] == [b"<html>", b"</html>"]
    assert exchange.request_body.released == 13


@pytest.mark.parametrize("size", [7, 5000])
def test_a_shadow_schema_rule_does_not_hide_an_enforced_json_rule(size: int) -> None:
    exchange = request([JSON], request_schema=ROWS, modes={"schema": Mode.SHADOW})
    body = rows(4000, bad=10)[:-2] + b',{"id":1,"id":2}]}'
    _, refused, _ = run(gate_for(SchemaCheck(), exchange), cut(body, size))
    assert refused is not None
    assert refused.finding.reason is Reason.JSON_DUPLICATE_KEY
    assert [(f.reason, f.mode) for f in exchange.findings] == [
        (Reason.SCHEMA_VIOLATION, Mode.SHADOW),
        (Reason.JSON_DUPLICATE_KEY, Mode.ENFORCE),
    ]


def test_what_cannot_be_read_cannot_satisfy_an_enforced_schema() -> None:
    exchange = request([JSON], request_schema=ROWS, modes={"json": Mode.SHADOW})
    _, refused, _ = run(gate_for(SchemaCheck(), exchange), [b'{"rows":[{]}'])
    assert refused is not None
    assert refused.finding.rule == "schema.violation"


GARBAGE = [-1, 10**9, None, "x", 1.5, True, RuntimeError("boom"), RecursionError(), MemoryError()]


@pytest.mark.parametrize("step", GARBAGE, ids=repr)
@pytest.mark.parametrize("when", ["feed", "finish"])
def test_a_session_that_misbehaves_blocks_in_enforce_and_is_ignored_in_shadow(step: object, when: str) -> None:
    script = [step] if when == "feed" else [0, step]
    if when == "finish" and step == 10**9:
        script = [0, 1]  # beyond is everything; short of the end is not
    gate = gate_for(Check(script))
    left, refused, _ = run(gate, [b"some bytes"])
    assert refused is not None
    assert (refused.finding.reason, refused.finding.error) == (Reason.CHECK_ERROR, True)
    assert left == b""
    observing = gate_for(Check(script, Mode.SHADOW))
    assert run(observing, [b"some bytes"])[:2] == (b"some bytes", None)
    assert [finding.mode for finding in observing.findings] == [Mode.SHADOW]
    marking = gate_for(Check(script, on_error=Action.MARK))
    assert run(marking, [b"some bytes"])[:2] == (b"some bytes", None)


def test_a_falling_watermark_is_garbage() -> None:
    gate = gate_for(Check([4, 3]))
    assert run(gate, [b"12345", b"67890"])[1] is not None


def test_a_check_that_cannot_start_blocks() -> None:
    gate = gate_for(Check(["open"]))
    assert gate.findings[0].reason is Reason.CHECK_ERROR
    with pytest.raises(BodyRefused):
        gate.feed(b"x")


def test_an_enforcing_session_may_note_shadow_findings_and_go_on() -> None:
    noted = Violation(violation(mode=Mode.SHADOW))
    gate = gate_for(Check([noted, 3, EVERYTHING]))
    assert run(gate, [b"abcdef"])[:2] == (b"abcdef", None)
    assert len(gate.findings) == 1


def test_a_session_that_notes_without_end_is_broken() -> None:
    gate = gate_for(Check([Violation(violation(mode=Mode.SHADOW)) for _ in range(500)]))
    refused = run(gate, [b"abcdef"])[1]
    assert refused is not None
    assert refused.finding.reason is Reason.CHECK_ERROR


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=40), max_size=12), st.data())
def test_released_bytes_are_the_bytes_that_came_in_order(chunks: list[bytes], data: st.DataObject) -> None:
    marks, seen = [], 0
    for chunk in chunks:
        seen += len(chunk)
        if chunk:
            marks.append(data.draw(st.integers(marks[-1] if marks else 0, seen)))
    gate = gate_for(Check([*marks, EVERYTHING]))
    left, whole = bytearray(), b""
    for chunk in chunks:
        whole += chunk
        for piece in gate.feed(chunk):
            left += piece
        assert whole.startswith(bytes(left))
        assert len(left) < max(len(whole), 1)  # the last byte stays
    left += b"".join(gate.finish())
    assert bytes(left) == whole


def test_declared_size_and_unreadable_coding_are_settled_by_the_head() -> None:
    large = request([JSON, (b"content-length", b"20000000000000")])
    assert gate_for(SchemaCheck(), large).findings[0].reason is Reason.BODY_TOO_LARGE
    coded = request([JSON, (b"content-encoding", b"gzip, br")])
    gate = gate_for(SchemaCheck(), coded)
    assert coded.findings[0].reason is Reason.CODING_UNSUPPORTED
    with pytest.raises(BodyRefused):
        gate.feed(b"x")
    observed = request([JSON, (b"content-encoding", b"gzip, br")], default_mode=Mode.SHADOW)
    left, refused, _ = run(gate_for(SchemaCheck(), observed), [b"x", b"y"])
    assert (left, refused) == (b"xy", None)
    assert str(observed.request_coverage) == "skipped:content_coding"


def test_a_bomb_is_refused_and_too_many_bytes_too() -> None:
    bomb = gzip.compress(b"[" + b"1," * 40_000_000 + b"1]", 9)
    exchange = request([JSON, (b"content-encoding", b"gzip")])
    _, refused, _ = run(gate_for(SchemaCheck(), exchange), cut(bomb, 8192))
    assert refused is not None
    assert refused.finding.reason is Reason.CODING_BOMB
    _, refused, _ = run(gate_for(SchemaCheck(), request([JSON]), BodyLimits(max_body=100)), cut(rows(50), 30))
    assert refused is not None
    assert refused.finding.reason is Reason.BODY_TOO_LARGE


def test_rows_without_a_length_leave_at_once_and_with_one_keep_the_last_byte() -> None:
    lines = [b'{"id":1}\n', b'{"id":2}\n']
    ndjson = (b"content-type", b"application/x-ndjson")
    gate = gate_for(SchemaCheck(), request([ndjson]))
    assert [b"".join(gate.feed(line)) for line in lines] == lines
    declared = request([ndjson, (b"content-length", b"18")])
    gate = gate_for(SchemaCheck(), declared)
    assert [b"".join(gate.feed(line)) for line in lines] == [lines[0], lines[1][:-1]]
    assert b"".join(gate.finish()) == b"\n"


class Unstartable(SchemaCheck):
    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        raise RuntimeError("cannot start")


@pytest.mark.parametrize(
    "modes",
    [
        {"json": Mode.ENFORCE},
        {"json": Mode.ENFORCE, "schema": Mode.OFF},
        {"json.depth": Mode.ENFORCE},
        {"body.media_type": Mode.ENFORCE},
        {"schema": Mode.ENFORCE},
    ],
)
def test_a_check_that_cannot_start_counts_as_the_strictest_of_its_rules(modes: dict[str, Mode]) -> None:
    exchange = request([JSON], default_mode=Mode.SHADOW, modes=modes)
    gate = open_gate(exchange, Phase.REQUEST_BODY, [Unstartable()])
    with pytest.raises(BodyRefused):
        gate.feed(b"{}")
    assert [(finding.rule, finding.mode) for finding in exchange.findings] == [("check.error", Mode.ENFORCE)]


@pytest.mark.parametrize(
    "modes", [{}, {"schema": Mode.OFF, "json": Mode.OFF, "body": Mode.OFF}, {"egress": Mode.ENFORCE}]
)
def test_a_check_that_only_observes_and_cannot_start_is_said_and_stops_nothing(modes: dict[str, Mode]) -> None:
    exchange = request([JSON], default_mode=Mode.SHADOW, modes=modes)
    gate = open_gate(exchange, Phase.REQUEST_BODY, [Unstartable()])
    assert [*gate.feed(b"{}"), *gate.finish()] == [b"{}"]
    assert [(finding.rule, finding.mode) for finding in exchange.findings] == [("check.error", Mode.SHADOW)]


def test_the_schema_check_speaks_for_every_family_whose_modes_it_reads() -> None:
    families = {BY_REASON[reason].family for reason in Modes(request([JSON]).route).by_reason}
    assert families == SPEAKS_FOR[SchemaCheck.id]


def test_spool_keeps_everything_until_the_end(tmp_path: Path) -> None:
    body = rows(20_000)
    exchange = request([JSON], request_schema=ROWS, atomic=Atomic.SPOOL)
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck()], spool_folder=tmp_path)
    assert gate.spool
    for chunk in cut(body, 5000):
        assert list(gate.feed(chunk)) == []
        assert list(tmp_path.iterdir()) == []  # the file has no name
    pieces = list(gate.finish())
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= 64 * 1024
    assert exchange.request_body.released == len(body)


def test_spool_on_a_broken_disk_is_a_clean_refusal(tmp_path: Path) -> None:
    exchange = request([JSON], request_schema=ROWS, atomic=Atomic.SPOOL)
    gate = open_gate(exchange, Phase.REQUEST_BODY, [SchemaCheck()], spool_folder=tmp_path / "absent")
    _, refused, _ = run(gate, cut(rows(20_000), 5000))
    assert refused is not None
    assert (refused.finding.reason, refused.finding.error) == (Reason.OVERFLOW, True)


def test_abort_settles_the_tally() -> None:
    exchange = request([JSON])
    gate = gate_for(SchemaCheck(), exchange)
    gate.feed(b'{"a":')
    gate.abort()
    gate.abort()
    assert (exchange.request_body.seen, exchange.request_body.complete) == (5, False)
    assert exchange.request_body.commitment == hmac.new(SALT, b'{"a":', hashlib.sha256).hexdigest()
