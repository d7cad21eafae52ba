"""Which class an action is of, and what happens to conditions that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clyra_proxy.approvals.classification import CompiledApprovals, compile_approvals
from clyra_proxy.approvals.facts import ActionFacts, completed, with_tools
from clyra_proxy.policy.approvals import Approvals
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase
from clyra_proxy.verdict.reasons import Reason
from tests.support.held_exchanges import make_exchange

NOTHING = ActionFacts()


def _compiled(*actions: dict[str, Any]) -> CompiledApprovals:
    return compile_approvals(Approvals.model_validate({"actions": list(actions)}, strict=False))


def _finding(rule: str, action: Action, mode: Mode = Mode.ENFORCE) -> Finding:
    return Finding("genai", rule, Reason.BEC_SUSPECTED, action, mode, Phase.REQUEST_BODY)


@pytest.mark.parametrize(
    ("condition", "facts", "holds"),
    [
        ({"methods": ["POST"]}, NOTHING, True),
        ({"methods": ["PUT"]}, NOTHING, False),
        ({"paths": ["/v1/**"]}, NOTHING, True),
        ({"paths": ["/v1/rows"]}, NOTHING, True),
        ({"paths": ["/v2/**"]}, NOTHING, False),
        ({"tools": ["send_*"]}, ActionFacts(("send_money",)), True),
        ({"tools": ["send_*"]}, ActionFacts(("resend_money",)), False),
        ({"tools": ["send.money"]}, ActionFacts(("sendXmoney",)), False),
        ({"operations": ["delete"]}, ActionFacts(operations=frozenset({"delete", "insert"})), True),
        ({"operations": ["delete"]}, ActionFacts(operations=frozenset({"insert"})), False),
        ({"targets": ["crm.*"]}, ActionFacts(targets=frozenset({"crm.contacts"})), True),
        ({"targets": ["crm.*"]}, NOTHING, False),
        ({"agents": ["*bot"]}, NOTHING, False),
    ],
)
def test_conditions(condition: dict[str, Any], facts: ActionFacts, holds: bool) -> None:
    approvals = _compiled({"name": "one", "class": "B", **condition})
    exchange = make_exchange(method="POST", path="/v1/rows?x=1")
    assert (approvals.requirement(exchange, b"{}", (), facts) is not None) == holds


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        (b'{"amount": 100}', False),
        (b'{"amount": 100.01}', True),
        (b'{"amount": "100.01"}', True),
        (b'{"amount": "99"}', False),
        (b'{"amount": 99.999999999999999999}', False),
        (b'{"amount": 100.000000000000000000000001}', True),
        (b'{"amount": -5}', True),
        (b'{"amount": "ten"}', True),
        (b'{"amount": null}', True),
        (b'{"amount": 1e999}', True),
        (b'{"amount": "NaN"}', True),
        (b'{"amount": 5000, "amount": 1}', True),
        (b'{"amount": 1, "other": {"a": 1, "a": 2}}', True),
        (b'{"amount": "1_0"}', True),
        (b'{"amount": "1,5"}', True),
        (b'{"amount": "5e1"}', True),
        (b'{"amount": " 50.5 "}', False),
        ('{"amount": "\uff19"}'.encode(), True),
        (b'{"amount": true}', True),
        (b"{}", True),
        (b"[]", True),
        (b"not json", True),
        (b"", True),
    ],
)
def test_an_amount_that_cannot_be_read_is_above_every_limit(body: bytes, holds: bool) -> None:
    approvals = _compiled({"name": "pay", "class": "B", "amount": {"pointer": "/amount", "above": "100"}})
    assert (approvals.requirement(make_exchange(method="POST"), body, (), NOTHING) is not None) == holds


def test_the_first_rule_that_holds_says_the_class() -> None:
    approvals = _compiled(
        {"name": "free", "class": "A", "paths": ["/v1/free"]},
        {"name": "never", "class": "C", "forbidden": True, "paths": ["/v1/never"]},
        {"name": "two", "class": "C"},
    )

    def found(path: str) -> tuple[str, int, bool] | None:
        needed = approvals.requirement(make_exchange(method="POST", path=path), b"", (), NOTHING)
        return None if needed is None else (needed.name, needed.need, needed.forbidden)

    assert found("/v1/free") is None
    assert found("/v1/never") == ("never", 2, True)
    assert found("/v1/other") == ("two", 2, False)


def test_an_enforced_finding_that_asks_makes_class_b_of_anything() -> None:
    exchange = make_exchange(method="POST", path="/v1/free")
    approvals = _compiled({"name": "free", "class": "A"})
    asking = _finding("bec.suspected", Action.APPROVE)
    needed = approvals.requirement(exchange, b"", (asking,), NOTHING)
    assert needed is not None
    assert (needed.action_class.value, needed.need, needed.asked_by) == ("B", 1, (asking,))
    shadow = replace(asking, mode=Mode.SHADOW)
    assert approvals.requirement(exchange, b"", (shadow,), NOTHING) is None
    unnamed = _compiled().requirement(exchange, b"", (asking,), NOTHING)
    assert unnamed is not None
    assert unnamed.name == "finding"


def test_findings_as_a_condition() -> None:
    approvals = _compiled({"name": "bec", "class": "C", "findings": ["bec"]})
    exchange = make_exchange(method="POST")
    marked = _finding("bec.suspected", Action.MARK)
    needed = approvals.requirement(exchange, b"", (marked,), NOTHING)
    assert needed is not None
    assert needed.need == 2
    assert approvals.requirement(exchange, b"", (replace(marked, mode=Mode.SHADOW),), NOTHING) is None
    assert approvals.requirement(exchange, b"", (_finding("becoming.x", Action.MARK),), NOTHING) is None


@pytest.mark.parametrize(
    "rule",
    [
        {"name": "a", "class": "B", "forbidden": True},
        {"name": "a", "class": "C", "approvers": 1},
        {"name": "a", "class": "A", "role": "finance"},
        {"name": "a", "class": "B", "findings": ["no.such"]},
        {"name": "a", "class": "B", "paths": ["/a**"]},
        {"name": "a", "class": "D"},
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _compiled(rule)


CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send","arguments":{}}}'
PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}'


@pytest.mark.parametrize(
    ("body", "tools"),
    [
        (CALL, ("send",)),
        (CALL.replace("tools/call", "tools\\/call"), ("send",)),
        (CALL.replace("tools/call", "tools\\u002fcall"), ("send",)),
        (CALL.replace("tools/call", "\\u0074ools\\u002Fcal\\u006c"), ("send",)),
        (CALL.replace("send", "s\\u0065nd"), ("send",)),
        (CALL.replace('"method"', '"method":"ping","m\\u0065thod"'), ("send",)),
        (CALL.replace('"tools/call"', '"tools/call","method":"ping"'), ("send",)),
        (CALL.replace('"name"', '"name":"get","name"'), ("get", "send")),
        (f"[{CALL}]", ("send",)),
        (f"[{PING},{CALL},{CALL.replace('send', 'get')},7]", ("send", "get")),
        (PING, ()),
        ('{"method":"tools/list"}', ()),
        ('{"method":"tools/call"}', ()),
        ('{"method":"tools/call","params":["send"]}', ()),
        ('{"note":"tools/call"}', ()),
        ('"tools/call"', ()),
    ],
)
def test_the_tools_of_an_mcp_message(body: str, tools: tuple[str, ...]) -> None:
    found = with_tools(NOTHING, body.encode())
    assert (found.tools, found.unreadable) == (tools, False)


@pytest.mark.parametrize(
    ("body", "unreadable"),
    [(CALL[:-1], True), (" [" * 100_000 + CALL, True), ("see tools/call in the manual", False), (PING[:-1], False)],
)
def test_a_message_that_nobody_can_read_may_call_any_tool(body: str, unreadable: bool) -> None:
    found = with_tools(NOTHING, body.encode())
    assert found.unreadable is unreadable
    held = _compiled({"name": "tools", "class": "B", "tools": ["send_*"]})
    assert (held.requirement(make_exchange(method="POST"), body.encode(), (), found) is not None) is unreadable


@pytest.mark.parametrize(
    ("method", "fields", "facts", "operations"),
    [
        ("DELETE", (), NOTHING, {"delete"}),
        ("POST", ((b"X-HTTP-Method-Override", b"DELETE"),), NOTHING, {"delete"}),
        ("POST", (), NOTHING, set()),
        ("DELETE", (), ActionFacts(operations=frozenset({"update"})), {"update"}),  # a profile knows better
    ],
)
def test_a_delete_of_no_known_rows_deletes(
    method: str, fields: tuple[tuple[bytes, bytes], ...], facts: ActionFacts, operations: set[str]
) -> None:
    assert completed(facts, make_exchange(method=method, fields=fields).request, b"").operations == operations


def test_a_batch_goes_freely_only_when_all_its_tools_do() -> None:
    approvals = _compiled({"name": "free", "class": "A", "tools": ["get_*"]}, {"name": "rest", "class": "B"})

    def held(*tools: str) -> bool:
        return approvals.requirement(make_exchange(method="POST"), b"", (), ActionFacts(tools)) is not None

    assert [held("get_a"), held("get_a", "get_b"), held("get_a", "send"), held()] == [False, False, True, True]


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/v1/payments/9", (), "pay"),
        ("/v1/payments;jsessionid=1/9", (), "pay"),
        ("/v1/pay%6Dents/9", (), "pay"),
        ("/v1/payments%2F9", (), "pay"),
        ("/v1/payments%2f9", (), "pay"),
        ("/v1%5Cpayments%5C9", (), "pay"),
        ("/v1\\payments\\9", (), "pay"),
        ("/v1/x/..;/payments/9", (), "pay"),
        ("/v1/x%3B/..%3B/payments/9", (), "pay"),
        ("/v1/other?to=/v1/payments/9;", (), ""),
        ("/v1/payments-report;x", (), ""),
        ("/v1/payments/small", (), ""),
        ("/v1/payments/9/..;/small", (), "pay"),  # a server that keeps `..;` as a name sees payment 9
        ("/v1/accounts/7", ((b"X-HTTP-Method-Override", b"delete"),), "deletes"),
        ("/v1/accounts/7", ((b"X-Method-Override", b"PUT"), (b"X-Method-Override", b"DELETE")), "deletes"),
        ("/v1/accounts/7?_method=DELETE", (), "deletes"),
        ("/v1/accounts/7?_HttpMethod=DELETE", (), "deletes"),
        ("/v1/accounts/7?method_=DELETE", (), ""),
        ("/v1/accounts/7", (), ""),
    ],
)
def test_a_rule_holds_in_any_reading_and_frees_only_in_all(
    path: str, fields: tuple[tuple[bytes, bytes], ...], name: str
) -> None:
    approvals = _compiled(
        {"name": "small", "class": "A", "paths": ["/v1/payments/small"]},
        {"name": "pay", "class": "B", "paths": ["/v1/payments/**"]},
        {"name": "deletes", "class": "B", "methods": ["DELETE"]},
    )
    needed = approvals.requirement(make_exchange(method="POST", path=path, fields=fields), b"", (), NOTHING)
    assert ("" if needed is None else needed.name) == name


@given(st.binary(max_size=200))
def test_any_body_has_a_class(body: bytes) -> None:
    approvals = _compiled({"name": "pay", "class": "B", "amount": {"pointer": "/a/0/b", "currency": "/c"}})
    assert approvals.requirement(make_exchange(method="POST"), body, (), with_tools(NOTHING, body)) is not None
