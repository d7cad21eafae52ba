"""What becomes of a batch: rows taken out, the whole refused, or only told; and what the sender hears."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.activation.compiled import CompiledActivation
from clyra_proxy.activation.inspection import RowInspection, RowSignal, TakesLongerError
from clyra_proxy.activation.model import Answer
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.quarantine.store import Quarantine
from clyra_proxy.activation.wire.check import ActivationCheck
from clyra_proxy.activation.wire.ending import settle
from clyra_proxy.activation.wire.settling import Settling
from clyra_proxy.activation.wire.state import ActivationState, state_of
from clyra_proxy.activation.wire.steps import judge_answer, judge_request
from clyra_proxy.evidence.event import ROWS
from clyra_proxy.exchange import Exchange, RequestHead, ResponseHead
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.policy.activation import Activation, OnBadRows
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateStore
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import build
from clyra_proxy.verdict.model import Action, Mode, Phase
from tests.support.exchanges import ROUTE, exchange

SHADOW = replace(ROUTE, default_mode=Mode.SHADOW)
PATH = "/crm/v3/objects/contacts/batch/upsert"


@dataclass
class Refuses:
    """Blocks the rows whose `bad` is true; asks what it is told of the whole."""

    whole: RowSignal | None = None
    fails: bool = False
    id: str = "test"
    settled: tuple[frozenset[int], int, bytes] | None = None

    def inspect(self, inspection: RowInspection) -> Iterable[RowSignal]:
        if self.fails:
            raise RuntimeError("a fault")
        bad = tuple(row.index for row in inspection.batch.rows if row.values.get("bad"))
        if bad:
            yield RowSignal("rows.invalid", bad, detail={"field": "bad"})
        if self.whole is not None:
            yield self.whole

    def settle(self, _: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None:
        self.settled = (forwarded, status, body)


@dataclass
class Tells(Refuses):
    """Tells in which threads it was asked; wants a thread when it is hurried and `longer`."""

    longer: bool = False
    asked: list[str] = field(default_factory=list)

    def inspect(self, inspection: RowInspection) -> Iterable[RowSignal]:
        self.asked.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
        assert inspection.hurried is (self.asked[-1] == "loop")
        if self.longer and inspection.hurried:
            raise TakesLongerError
        return super().inspect(inspection)


class Slow(MemoryState):
    """A store that is not prompt."""

    prompt = False


@pytest.fixture
def room() -> Iterator[ScanningRoom]:
    made = ScanningRoom()
    yield made
    made.close()


def batch(*bad: bool) -> bytes:
    inputs = [
        {"id": f"u{at}@x.test", "properties": {"email": f"u{at}@x.test", "bad": one}} for at, one in enumerate(bad)
    ]
    return json.dumps({"inputs": inputs}).encode()


def judged(
    body: bytes,
    room: ScanningRoom,
    inspector: Refuses | None = None,
    settings: Activation | None = None,
    *,
    mode: Mode = Mode.ENFORCE,
    state: StateStore | None = None,
    kept: Quarantine | None = None,
) -> tuple[Exchange, ActivationState, bytes]:
    """An exchange whose request was collected through its gate and judged; what left the gate before that."""
    made = exchange(host="api.hubapi.com", path=PATH)
    made.route = ROUTE if mode is Mode.ENFORCE else SHADOW
    made.verdict = made.response = None
    made.request = RequestHead(((b"content-type", b"application/json"),), "POST", PATH, "HTTP/1.1")
    compiled = CompiledActivation(
        settings or Activation(), compile_catalogue(), (inspector or Refuses(),), kept, state=state or MemoryState()
    )
    gate = made.request_gate = open_gate(made, Phase.REQUEST_BODY, (ActivationCheck(lambda: compiled),))
    early = b"".join(gate.feed(body))
    b"".join(gate.finish())
    known = state_of(made)
    assert known is not None
    asyncio.run(judge_request(made, known, room))
    return made, known, early


def rows_in(body: bytes | None) -> list[str]:
    assert body is not None
    return [one["id"] for one in json.loads(body)["inputs"]]


def ended(room: ScanningRoom, *writes: tuple[Exchange, ActivationState]) -> None:
    """The end of exchanges in one turn of the event loop."""

    async def turn() -> None:
        settling = Settling()
        for made, state in writes:
            settle(made, state, room, settling)
        await asyncio.sleep(0)

    asyncio.run(turn())


def answered(made: Exchange, state: ActivationState, room: ScanningRoom, status: int, document: Any) -> None:
    made.response = ResponseHead(((b"content-type", b"application/json"),), status, "HTTP/1.1")
    state.answer = json.dumps(document).encode()
    asyncio.run(judge_answer(made, state, room))


def test_bad_rows_are_taken_out_and_told_at_their_place(room: ScanningRoom) -> None:
    made, state, early = judged(batch(False, True, False), room)
    assert early == b""
    assert rows_in(made.request_rewrite) == ["u0@x.test", "u2@x.test"]
    assert decide(made).action is Action.REDACT
    answered(made, state, room, 200, {"status": "COMPLETE", "results": [{"id": "1"}, {"id": "3"}]})
    assert made.response_status == 207
    told = json.loads(made.response_rewrite or b"")
    assert (len(told["results"]), told["numErrors"]) == (2, 1)
    assert told["errors"][0]["context"]["index"] == ["1"]
    assert made.extensions[ROWS]["rejections"] == [{"index": 1, "rule": "rows.invalid", "reason": "row_rejected"}]
    assert (made.extensions[ROWS]["offered"], made.extensions[ROWS]["forwarded"]) == (3, 2)


def test_when_every_row_is_bad_nothing_leaves_and_the_destination_seems_to_say_so(room: ScanningRoom) -> None:
    made, state, _ = judged(batch(True, True), room)
    assert made.request_rewrite is None
    assert state.forwarded == frozenset()
    denial = build(decide(made), made)
    assert denial.status == 400
    assert json.loads(denial.body)["category"] == "VALIDATION_ERROR"
    assert (b"Clyra-Reason", b"row_rejected") in denial.headers


@pytest.mark.parametrize(
    ("policy", "action", "leaves"),
    [(OnBadRows.REJECT_BATCH, Action.BLOCK, False), (OnBadRows.MARK, Action.MARK, True)],
)
def test_policy_may_refuse_the_batch_or_only_mark_it(
    policy: OnBadRows, action: Action, *, leaves: bool, room: ScanningRoom
) -> None:
    made, state, _ = judged(batch(False, True), room, settings=Activation(on_bad_rows=policy))
    assert made.request_rewrite is None
    assert decide(made).action is action
    assert state.forwarded == (frozenset({0, 1}) if leaves else frozenset())


def test_a_refused_batch_is_told_in_the_destinations_shape(room: ScanningRoom) -> None:
    made, state, _ = judged(batch(False, True), room, settings=Activation(on_bad_rows=OnBadRows.REJECT_BATCH))
    denial = build(decide(made), made)
    assert denial.status == 400
    assert [one["context"]["id"] for one in json.loads(denial.body)["errors"]] == [["u1@x.test"]]
    assert [one.index for one in state.rejections] == [1]


@pytest.mark.parametrize(
    ("policy", "bad", "whole", "kept", "alone"),
    [
        (OnBadRows.REJECT_ROW, (False, True), None, [1], True),
        (OnBadRows.REJECT_ROW, (True, True), None, [0, 1], True),
        (OnBadRows.REJECT_BATCH, (False, True), None, [1], False),
        (OnBadRows.REJECT_BATCH, (False, True), RowSignal("rows.limit"), [], False),
        (OnBadRows.MARK, (False, True), None, [], False),
    ],
)
def test_rejected_rows_are_kept_also_of_a_batch_that_is_refused_whole(
    policy: OnBadRows,
    bad: tuple[bool, ...],
    whole: RowSignal | None,
    kept: list[int],
    *,
    alone: bool,
    tmp_path: Path,
    room: ScanningRoom,
) -> None:
    store = Quarantine(tmp_path)
    judged(batch(*bad), room, Refuses(whole), Activation(on_bad_rows=policy), kept=store)
    entries = [store.open(label.id) for label in store.labels() if not isinstance(label, tuple)]
    assert [row.index for _, content in entries for row in content.rows] == kept
    assert [content.request is not None for _, content in entries] == [alone] * bool(kept)


def test_a_whole_request_is_refused_in_plain_words(room: ScanningRoom) -> None:
    made, _, _ = judged(batch(False, True), room, Refuses(RowSignal("rows.limit")))
    assert made.answer is None
    assert build(decide(made), made).status == 403


def test_an_answer_of_another_shape_passes_and_is_marked(room: ScanningRoom) -> None:
    made, state, _ = judged(batch(False, True), room)
    answered(made, state, room, 200, ["no", "shape"])
    assert made.response_rewrite is None
    assert [one.action for one in made.findings if one.detail.get("why") == "untold"] == [Action.MARK]


def test_shadow_says_what_it_would_do_and_changes_nothing(room: ScanningRoom) -> None:
    body = batch(False, True)
    made, state, early = judged(body, room, mode=Mode.SHADOW)
    assert early == body
    assert made.request_rewrite is None
    assert made.answer is None
    assert (decide(made).action, decide(made).would_action) == (Action.ALLOW, Action.REDACT)
    assert state.rejections == ()


def test_an_answer_that_took_nothing_passes_as_it_came(room: ScanningRoom) -> None:
    made, state, _ = judged(batch(False, True), room)
    answered(made, state, room, 429, {"status": "error"})
    assert made.response_rewrite is None


def test_a_stored_answer_is_given_instead_of_sending_again(room: ScanningRoom) -> None:
    stored = Answer(200, b'{"status":"COMPLETE"}', {"content-type": "application/json"})
    made, state, _ = judged(batch(False), room, Refuses(RowSignal("rows.duplicate", answer=stored)))
    denial = build(decide(made), made)
    assert (denial.status, denial.body) == (200, stored.body)
    assert state.forwarded == frozenset()


def test_who_comes_too_fast_is_told_when_to_come_back(room: ScanningRoom) -> None:
    made, _, _ = judged(batch(False), room, Refuses(RowSignal("rows.velocity", retry_after=2.2)))
    denial = build(decide(made), made)
    assert (denial.status, dict(denial.headers)[b"Retry-After"]) == (429, b"3")


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.SHADOW])
def test_an_inspector_that_fails_blocks_in_enforce(mode: Mode, room: ScanningRoom) -> None:
    made, _, _ = judged(batch(False), room, Refuses(fails=True), mode=mode)
    (finding,) = (one for one in made.findings if one.error)
    assert (finding.rule, finding.check, finding.enforced) == ("check.error", "test", mode is Mode.ENFORCE)


@pytest.mark.parametrize("body", [b"{", b'{"inputs":1}', b'{"inputs":[{"id":"a"}],"inputs":[]}', b"\xff\xfe"])
def test_what_cannot_be_read_is_said_and_refused(body: bytes, room: ScanningRoom) -> None:
    made, state, _ = judged(body, room)
    assert {one.rule for one in made.findings} == {"rows.unreadable"}
    assert decide(made).action is Action.BLOCK
    assert state.batch is None


def test_a_body_past_the_limit_is_refused_unread(room: ScanningRoom) -> None:
    made = exchange(host="api.hubapi.com", path=PATH)
    compiled = CompiledActivation(Activation(max_body_bytes=1024), compile_catalogue(), (Refuses(),))
    gate = open_gate(made, Phase.REQUEST_BODY, (ActivationCheck(lambda: compiled),))
    with pytest.raises(Exception, match=r"rows\.unreadable"):
        gate.feed(b" " * 1025)


def test_the_end_says_what_was_forwarded_and_answered(room: ScanningRoom) -> None:
    inspector = Refuses()
    made, state, _ = judged(batch(False, True), room, inspector)
    answered(made, state, room, 200, {"status": "COMPLETE", "results": [{"id": "1"}]})
    ended(room, (made, state))
    room.close()
    assert inspector.settled is not None
    forwarded, status, body = inspector.settled
    assert (forwarded, status, body) == (frozenset({0}), 207, made.response_rewrite)
    assert state_of(made) is None


@pytest.mark.parametrize(
    ("status", "counted"), [(200, {0, 1}), (400, {0, 1}), (401, set()), (409, {0, 1}), (429, set()), (503, {0, 1})]
)
def test_what_the_destination_did_not_even_try_counts_for_nothing(
    status: int, counted: set[int], room: ScanningRoom
) -> None:
    inspector = Refuses()
    made, state, _ = judged(batch(False, False), room, inspector)
    answered(made, state, room, status, {"status": "error"})
    ended(room, (made, state))
    room.close()
    assert inspector.settled is not None
    assert inspector.settled[0] == counted


@pytest.mark.parametrize(
    ("rows", "longer", "state", "asked"),
    [
        (3, False, MemoryState(), ["loop"]),
        (3, True, MemoryState(), ["loop", "thread"]),
        (3, False, Slow(), ["thread"]),
        (3000, False, MemoryState(), ["thread"]),
    ],
    ids=["small", "takes longer", "slow store", "large"],
)
def test_only_what_is_short_is_looked_at_on_the_event_loop(
    rows: int, *, longer: bool, state: StateStore, asked: list[str], room: ScanningRoom
) -> None:
    inspector = Tells(longer=longer)
    made, known, _ = judged(batch(True, *[False] * (rows - 1)), room, inspector, state=state)
    assert inspector.asked == asked
    assert known.forwarded == frozenset(range(1, rows))
    assert decide(made).action is Action.REDACT
