"""The gate against a real recorder: what it lets go on, and what it does when nobody can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.approvals.backlog import GAUGES
from clyra_proxy.approvals.call import HEADER
from clyra_proxy.approvals.classification import CompiledApprovals, compile_approvals
from clyra_proxy.approvals.gate import ApprovalGate
from clyra_proxy.approvals.outcome import STATE, Outcome, Standing
from clyra_proxy.evidence.event import APPROVAL
from clyra_proxy.exchange import Exchange
from clyra_proxy.home import Home
from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateError
from clyra_proxy.telemetry.metrics import WorkerMetrics
from clyra_proxy.verdict.model import Mode
from recorder.layout import Layout
from tests.support.approving import desk, prepare_home, state_of
from tests.support.held_exchanges import make_exchange
from tests.support.letter_box import wait_for
from tests.support.recorder_process import running_recorder
from tests.support.soft_authenticator import SoftAuthenticator

BODY = b'{"amount": 1200.50}'


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = prepare_home(tmp_path_factory.mktemp("gate") / "home")
    with running_recorder(layout.root):
        yield layout


@pytest.fixture(scope="module")
def ann(layout: Layout) -> SoftAuthenticator:
    return SoftAuthenticator.enrolled(layout, "ann")


@pytest.fixture
async def gate(layout: Layout) -> AsyncIterator[ApprovalGate]:
    made = ApprovalGate(Home(layout.root), Path())
    yield made
    await made.close()


def _policy(**settings: Any) -> CompiledApprovals:
    actions = [
        {"name": "never", "class": "C", "forbidden": True, "paths": ["/never"]},
        {"name": "all", "class": "B", "methods": ["POST"]},
    ]
    document = {"actions": actions, "wait_seconds": 0, **settings}
    return compile_approvals(Approvals.model_validate(document, strict=False))


def _exchange(path: str, *, packet: str = "", mode: Mode = Mode.ENFORCE, method: str = "POST") -> Exchange:
    fields = ((HEADER.encode(), packet.encode()),) if packet else ()
    made = make_exchange(method=method, path=path, fields=fields)
    made.route = replace(made.route, modes={"approval": mode})
    return made


async def _granted(gate: ApprovalGate, layout: Layout, ann: SoftAuthenticator, path: str) -> Exchange:
    """An exchange whose packet was granted, and which came back for it."""
    first = await gate.decide(_exchange(path), BODY, (), _policy())
    await asyncio.to_thread(ann.decide, layout, first.id)
    exchange = _exchange(path, packet=first.id)
    assert (await gate.decide(exchange, BODY, (), _policy())).standing is Standing.GRANTED
    return exchange


async def test_what_needs_nobody_asks_nobody(tmp_path: Path) -> None:
    gate = ApprovalGate(Home(tmp_path), Path())  # there is no recorder at all
    assert (await gate.decide(_exchange("/x", method="GET"), b"", (), _policy())).standing is Standing.FREE
    exchange = _exchange("/x", mode=Mode.SHADOW)
    shadow = await gate.decide(exchange, BODY, (), _policy())
    assert (shadow.standing, shadow.goes_on) == (Standing.SHADOW, True)
    finding = shadow.finding(exchange.route)
    assert finding is not None
    assert (finding.rule, finding.mode, finding.stops) == ("approval.required", Mode.SHADOW, False)
    never = _exchange("/never")
    forbidden = await gate.decide(never, BODY, (), _policy())
    assert (forbidden.standing, forbidden.goes_on) == (Standing.FORBIDDEN, False)
    told = forbidden.finding(never.route)
    assert told is not None
    assert (told.rule, told.mode) == ("approval.forbidden", Mode.ENFORCE)


async def test_without_a_recorder_nothing_is_released(tmp_path: Path) -> None:
    gate = ApprovalGate(Home(tmp_path), Path())
    exchange = _exchange("/x")
    outcome = await gate.decide(exchange, BODY, (), _policy())
    assert (outcome.standing, outcome.goes_on) == (Standing.UNREACHABLE, False)
    finding = outcome.finding(exchange.route)
    assert finding is not None
    assert finding.rule == "approval.unreachable"
    assert not (await gate.consume(exchange, BODY, _policy())).goes_on


async def test_a_granted_packet_is_consumed_once_and_linked(
    gate: ApprovalGate, layout: Layout, ann: SoftAuthenticator
) -> None:
    exchange = await _granted(gate, layout, ann, "/once")
    twin = _exchange("/once", packet=exchange.extensions[STATE].id)
    assert (await gate.decide(twin, BODY, (), _policy())).standing is Standing.GRANTED
    spent = await gate.consume(exchange, BODY, _policy())
    assert (spent.standing, spent.token) == (Standing.CONSUMED, "")
    assert exchange.extensions[APPROVAL]["cert_sha256"] == spent.certificates[0]
    again = await gate.consume(twin, BODY, _policy())
    assert (again.standing, again.code) == (Standing.INVALID, "E_APPROVAL_REUSED")
    assert APPROVAL not in twin.extensions


async def test_what_changes_between_decision_and_release_is_caught(
    gate: ApprovalGate, layout: Layout, ann: SoftAuthenticator
) -> None:
    exchange = await _granted(gate, layout, ann, "/changed")
    outcome = await gate.consume(exchange, BODY + b" ", _policy())
    assert (outcome.standing, outcome.code) == (Standing.INVALID, "E_APPROVAL_PAYLOAD")
    assert not (await gate.consume(exchange, BODY, _policy())).goes_on  # this exchange has had its answer


async def test_a_token_of_another_packet_does_not_fit(
    gate: ApprovalGate, layout: Layout, ann: SoftAuthenticator
) -> None:
    one = await _granted(gate, layout, ann, "/token/1")
    other = await _granted(gate, layout, ann, "/token/2")
    held: Outcome = one.extensions[STATE]
    one.extensions[STATE] = replace(held, token=other.extensions[STATE].token)
    assert (await gate.consume(one, BODY, _policy())).code == "E_APPROVAL_NONCE"


async def test_replicas_with_a_shared_store_claim_there_first(layout: Layout, ann: SoftAuthenticator) -> None:
    store = MemoryState()
    gates = [ApprovalGate(Home(layout.root), Path(), shared=store) for _ in range(2)]
    first = await _granted(gates[0], layout, ann, "/shared")
    second = _exchange("/shared", packet=first.extensions[STATE].id)
    await gates[1].decide(second, BODY, (), _policy())
    spent = await asyncio.gather(gates[0].consume(first, BODY, _policy()), gates[1].consume(second, BODY, _policy()))
    assert sorted(one.standing for one in spent) == [Standing.CONSUMED, Standing.INVALID]
    for gate in gates:
        await gate.close()


async def test_a_refused_attempt_gives_its_claim_back(layout: Layout, ann: SoftAuthenticator) -> None:
    gate = ApprovalGate(Home(layout.root), Path(), shared=MemoryState())
    exchange = await _granted(gate, layout, ann, "/given-back")
    twin = _exchange("/given-back", packet=exchange.extensions[STATE].id)
    await gate.decide(twin, BODY, (), _policy())
    assert (await gate.consume(exchange, BODY + b" ", _policy())).code == "E_APPROVAL_PAYLOAD"
    assert (await gate.consume(twin, BODY, _policy())).standing is Standing.CONSUMED
    await gate.close()


async def test_a_shared_store_that_is_away_releases_nothing(
    layout: Layout, ann: SoftAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryState()
    gate = ApprovalGate(Home(layout.root), Path(), shared=store)
    exchange = await _granted(gate, layout, ann, "/lost")

    def fail(*_: object, **__: object) -> str:
        raise StateError("away")

    monkeypatch.setattr(store, "put_new", fail)
    assert (await gate.consume(exchange, BODY, _policy())).standing is Standing.UNREACHABLE
    packet = exchange.extensions[STATE].id
    assert state_of(layout, [packet])[packet]["state"] == "granted"  # nothing was spent at the recorder
    await gate.close()


async def test_waiting_holds_nobody_else_up_and_is_bounded(
    gate: ApprovalGate, layout: Layout, ann: SoftAuthenticator
) -> None:
    policy = _policy(wait_seconds=60, waiting=2)
    waiting = [asyncio.create_task(gate.decide(_exchange(f"/wait/{n}"), BODY, (), policy)) for n in range(2)]

    def both() -> list[str]:
        every = desk(layout, "list")["approvals"]
        ids = [one["id"] for one in every if one["state"] == "requested" and "/wait/" in one["action"]]
        return ids if len(ids) == 2 else []

    ids = await asyncio.to_thread(wait_for, both)
    third = await gate.decide(_exchange("/wait/3"), BODY, (), policy)
    assert (third.standing, third.retry_after) == (Standing.PENDING, 10)
    for packet in ids:
        await asyncio.to_thread(ann.decide, layout, packet)
    outcomes = await asyncio.gather(*waiting)
    assert {one.standing for one in outcomes} == {Standing.GRANTED}
    assert all(one.waited_s > 0 for one in outcomes)


async def test_what_waits_for_people_is_measured(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clyra_proxy.approvals.backlog.PERIOD_S", 0.05)
    metrics = WorkerMetrics(0)
    gate = ApprovalGate(Home(layout.root), Path(), metrics)
    gauges = {name: metrics._gauges[name] for name in GAUGES}
    assert [read() for read in gauges.values()] == [0.0, 0.0, 0.0]
    before = (await gate._desk(_policy())[0].backlog())["waiting"]
    asked = _policy(decide_within_seconds=30)
    await gate.decide(_exchange("/measured"), BODY, (), asked)
    async with asyncio.timeout(60):
        while gauges["clyra_approvals_waiting"]() != before + 1:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.02)
    assert gauges["clyra_approvals_near_deadline"]() <= before + 1
    await gate.close()
