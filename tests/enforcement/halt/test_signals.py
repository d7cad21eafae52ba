"""What exchanges say to triggers, and how a worker's desk adds it up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clyra_proxy.enforcement.halt.book import HaltBook, Order
from clyra_proxy.enforcement.halt.desk import PASSED, SAMPLE, HaltDesk
from clyra_proxy.enforcement.halt.model import Cause, Channel, Place, Scope
from clyra_proxy.enforcement.halt.signals import ROWS_WRITTEN, events_of, place_of, subject_of, went_well
from clyra_proxy.enforcement.halt.tools import HaltedTools
from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead, ResponseHead
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import Conversation, Direction, ToolCall
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.verdict.denial import Denial
from clyra_proxy.verdict.model import Mode, Phase
from clyra_proxy.verdict.rules import RULES

ROUTE = Route(id="crm/x", destination="crm", known=True, evidence=EvidenceClass.REQUIRED, default_mode=Mode.SHADOW)


def exchange(status: int = 200, *rules: str, host: str = "API.crm.Example.", **more: Any) -> Exchange:
    made = Exchange(
        id="e1",
        client_ip="127.0.0.1",
        client_port=1,
        destination=Destination(host, 443, "https"),
        request=RequestHead((), "POST", "/", "HTTP/1.1"),
        route=ROUTE,
        policy_sha256="0" * 64,
        policy_generation=1,
        identity=Identity("bot", "proxy", "acme"),
        **more,
    )
    if status:
        made.response = ResponseHead((), status)
    for rule in rules:
        finding = RULES[rule].finding(ROUTE, Phase.REQUEST_BODY)
        assert finding is not None
        made.findings.append(finding)
    return made


@pytest.mark.parametrize(
    ("made", "events"),
    [
        (exchange(), {}),
        (exchange(404), {}),
        (exchange(500), {"upstream_errors": 1}),
        (exchange(0, own_status=502), {"upstream_errors": 1}),
        (exchange(0, error="the client went away"), {}),
        (exchange(200, "schema.violation", "json.syntax"), {"schema_violations": 1}),
        (exchange(200, "injection.direct"), {"injections": 1}),
        (exchange(200, "leak.canary"), {"canaries": 1}),
        (exchange(200, "rows.null_overwrite"), {"null_overwrites": 1}),
        (exchange(200, "check.timeout"), {"errors": 1}),
        (exchange(200, extensions={ROWS_WRITTEN: 250}), {"row_volume": 250}),
    ],
)
def test_events(made: Exchange, events: dict[str, int]) -> None:
    assert events_of(made) == events


@pytest.mark.parametrize(
    ("made", "well"),
    [
        (exchange(), True),
        (exchange(404), True),
        (exchange(503), False),
        (exchange(200, "injection.direct"), False),
        (exchange(200, extensions={ROWS_WRITTEN: 250}), True),
        (exchange(0), None),
        (exchange(200, denial=Denial(403, (), b"")), None),
    ],
)
def test_trials(made: Exchange, well: bool | None) -> None:
    assert went_well(made) is well


def test_another_spelling_of_a_host_is_the_same_place() -> None:
    assert subject_of(exchange()).destinations == ("crm", "api.crm.example")
    assert place_of(exchange(), Scope.DESTINATION) == Place(Scope.DESTINATION, "crm")
    assert place_of(exchange(), Scope.TENANT) == Place(Scope.TENANT, "acme")
    assert place_of(exchange(), Scope.TOOL) is None


def reports(*made: Exchange, halts: HaltBook | None = None) -> list[dict[str, Any]]:
    async def inside() -> list[dict[str, Any]]:
        desk = HaltDesk()
        told: list[dict[str, Any]] = []
        desk.tell = told.append
        for one in made:
            desk.ended(one)
        desk.report()
        return told

    return asyncio.run(inside())


def test_exchanges_are_added_up_by_place() -> None:
    (told,) = reports(exchange(), exchange(500), exchange(200, "injection.direct"))
    assert told["tally"] == {
        "agent:bot": {SAMPLE: 3, "upstream_errors": 1, "injections": 1},
        "destination:crm": {SAMPLE: 3, "upstream_errors": 1, "injections": 1},
    }


def test_what_a_halt_refused_says_nothing() -> None:
    assert reports(exchange(0, "halt.active")) == []


def test_trials_are_reported_with_their_result_and_give_their_place_back() -> None:
    book = HaltBook()
    book.halt(Place.parse("agent:bot"), Order(Cause.DATA, Channel.AUTOMATIC, "r", lasting_s=1.0, probes=1), 0.0)
    book.tick(1.0)

    async def inside() -> None:
        desk = HaltDesk()
        told: list[dict[str, Any]] = []
        desk.tell = told.append
        snapshot = {"version": 1, "halts": [halt.to_json() for halt in book.standing], "scopes": []}
        assert desk.take(snapshot)
        assert not desk.take(snapshot)
        assert not desk.take({})
        for status in (200, 500):
            made = exchange(status)
            made.extensions[PASSED] = desk.state.enter(subject_of(made), made.id)
            assert desk.state.active(subject_of(made)) is not None
            desk.ended(made)
            assert desk.state.active(subject_of(made)) is None
        desk.report()
        assert [good for _, _, good in told[0]["probes"]] == [True, False]

    asyncio.run(inside())


@pytest.mark.parametrize(
    ("call", "direction", "stopped"),
    [
        (ToolCall("delete", kind="mcp_tool"), Direction.REQUEST, True),
        (ToolCall("delete"), Direction.RESPONSE, True),
        (ToolCall("delete"), Direction.REQUEST, False),
        (ToolCall("delete", history=True), Direction.RESPONSE, False),
        (ToolCall("read", kind="mcp_tool"), Direction.REQUEST, False),
    ],
)
def test_calls_of_halted_tools(call: ToolCall, direction: Direction, stopped: bool) -> None:
    inspection = Inspection(Conversation("generic", direction, calls=(call,)))
    found = list(HaltedTools(lambda: frozenset({"delete"})).inspect(inspection))
    assert [signal.rule for signal in found] == (["halt.active"] if stopped else [])
    assert list(HaltedTools(frozenset).inspect(inspection)) == []
