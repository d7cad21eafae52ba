"""Which class an action is of, and what happens to conditions that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clyra_proxy.approvals.classification import CompiledApprovals, compile_approvals
from clyra_proxy.approvals.facts import ActionFacts, tool_called
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
        ({"tools": ["send_*"]}, ActionFacts(tool="send_money"), True),
        ({"tools": ["send_*"]}, ActionFacts(tool="resend_money"), False),
        ({"tools": ["send.money"]}, ActionFacts(tool="sendXmoney"), False),
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


def test_the_tool_of_an_mcp_call() -> None:
    assert tool_called(b'{"method":"tools/call","params":{"name":"send"}}') == "send"
    assert tool_called(b'{"method":"tools/list"}') == ""
    assert tool_called(b'{"method":"tools/call"}') == ""


@given(st.binary(max_size=200))
def test_any_body_has_a_class(body: bytes) -> None:
    approvals = _compiled({"name": "pay", "class": "B", "amount": {"pointer": "/a/0/b", "currency": "/c"}})
    assert (
        approvals.requirement(make_exchange(method="POST"), body, (), ActionFacts(tool=tool_called(body))) is not None
    )
