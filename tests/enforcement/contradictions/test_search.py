"""One policy a kind of contradiction, its request, and a twin that has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.enforcement.contradictions import Contradiction, Weight, find
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.policy.models import PolicyDocument
from recorder.approvals.settings import ApprovalSettings
from tests.support.clyra_command import clyra

OPEN = {"type": "object", "properties": {"inputs": {"type": "array"}}}
CLOSED = {"type": "object", "properties": {"records": {"type": "array"}}, "additionalProperties": False}
PEOPLE = ApprovalSettings.model_validate(
    {
        "approvers": [
            {"name": "ann", "sub": "ann", "roles": ["finance"]},
            {"name": "bob", "sub": "bob"},
            {"name": "eve", "sub": "eve", "roles": ["finance"], "disabled": True},
        ],
        "duties": [{"agents": "payer", "owner": "ann"}, {"agents": "billing-*", "deployer": "ann"}],
    }
)


def policy(**sections: Any) -> PolicyDocument:
    return PolicyDocument.model_validate_json(json.dumps({"version": 1, **sections}))


def rules(*listed: dict[str, Any], **more: Any) -> PolicyDocument:
    named = [{"name": f"r{at}", **rule} for at, rule in enumerate(listed)]
    return policy(destinations={"crm": {"hosts": ["api.crm.example"], "rules": named}}, **more)


def actions(*listed: dict[str, Any]) -> PolicyDocument:
    named = [{"name": f"a{at}", **action} for at, action in enumerate(listed)]
    return policy(enforcement={"approvals": {"actions": named}})


def limits(*listed: dict[str, Any]) -> PolicyDocument:
    named = [{"name": f"l{at}", **rule} for at, rule in enumerate(listed)]
    return policy(data_platform={"activation": {"rows": {"rules": named}}})


def tools(*listed: dict[str, Any]) -> PolicyDocument:
    named = [{"name": f"t{at}", **rule} for at, rule in enumerate(listed)]
    return policy(genai_security={"tools": {"rules": named}})


def told(found: list[Contradiction]) -> list[tuple[str, str, str]]:
    return [(one.kind.value, one.weight.value, one.places[0]) for one in found]


RULE = "destinations.crm.rules[1]"
TOOL = "genai_security.tools.rules[1]"
ACTION = "enforcement.approvals.actions[1]"
LIMIT = "data_platform.activation.rows.rules"

CASES: list[tuple[str, PolicyDocument, list[tuple[str, str, str]]]] = [
    ("a wider path first", rules({"paths": ["/v1/**"]}, {"paths": ["/v1/a"]}), [("unreachable", "error", RULE)]),
    ("a wider path last", rules({"paths": ["/v1/a"]}, {"paths": ["/v1/**"]}), []),
    (
        "two that cover a third together",
        rules({"methods": ["GET"]}, {"methods": ["POST"], "paths": ["/**"]}, {"methods": ["GET", "POST"]}),
        [("unreachable", "error", "destinations.crm.rules[2]")],
    ),
    (
        "a content type that is not covered",
        rules({"content_types": ["application/*"], "paths": ["/a"]}, {"paths": ["/a"]}),
        [],
    ),
    (
        "a later rule enforces what an earlier one switches off",
        rules(
            {"paths": ["/v1/*"], "modes": {"json": "off"}},
            {"paths": ["/*/contacts"], "modes": {"json.depth": "enforce"}},
        ),
        [("overlap", "warning", f"{RULE}.modes.json.depth")],
    ),
    (
        "the same on paths that never meet",
        rules({"paths": ["/v1/*"], "modes": {"json": "off"}}, {"paths": ["/v2/*"], "modes": {"json.depth": "enforce"}}),
        [],
    ),
    (
        "an enforced schema over duplicate keys that are let pass",
        policy(enforcement={"rules": {"schema": "enforce", "json": "enforce", "json.duplicate_key": "shadow",
                                      "body": "enforce"}}),
        [("undermined", "warning", "enforcement.rules.json.duplicate_key")],
    ),
    ("everything enforced", policy(enforcement={"mode": "enforce"}, genai_security={"unreadable": "block"}), []),
    (
        "conversations that cannot be read pass",
        policy(enforcement={"mode": "enforce"}, genai_security={"unreadable": "mark"}),
        [("undermined", "warning", "genai_security.unreadable")],
    ),
    (
        "the same where injections are named",
        policy(enforcement={"rules": {"injection": "enforce", "body": "enforce"}}),
        [("undermined", "warning", "genai_security.unreadable")],
    ),
    ("defaults that nobody wrote", policy(enforcement={"mode": "enforce"}), []),
    (
        "an exception before what it is one of",
        rules({"paths": ["/v1/up"], "modes": {"json": "shadow"}}, {"paths": ["/v1/**"], "modes": {"json": "enforce"}}),
        [],
    ),
    (
        "an action that goes freely before one that is forbidden",
        actions({"class": "A", "paths": ["/pay/**"]}, {"class": "C", "forbidden": True, "paths": ["/pay/out"]}),
        [("unreachable", "error", ACTION)],
    ),
    (
        "a smaller amount after a larger one",
        actions(
            {"class": "C", "amount": {"pointer": "/sum", "above": "1000"}},
            {"class": "B", "amount": {"pointer": "/sum", "above": "100"}},
        ),
        [],
    ),
    (
        "two actions that take a third together",
        actions({"class": "B", "methods": ["GET", "HEAD"]}, {"class": "B", "methods": ["POST"], "tools": ["*"]},
                {"class": "C", "methods": ["GET", "POST"], "tools": ["send"]}),
        [("unreachable", "error", "enforcement.approvals.actions[2]")],
    ),
    (
        "two actions that leave some of a third",
        actions({"class": "B", "methods": ["GET"]}, {"class": "B", "methods": ["POST"], "tools": ["get"]},
                {"class": "C", "methods": ["GET", "POST"], "tools": ["send"]}),
        [],
    ),
    (
        "a rule of a family of findings after the family",
        actions({"class": "B", "findings": ["bec"]}, {"class": "C", "findings": ["bec.suspected"]}),
        [("unreachable", "error", ACTION)],
    ),
    (
        "a family of findings after one rule of it",
        actions({"class": "C", "findings": ["bec.suspected"]}, {"class": "B", "findings": ["bec"]}),
        [],
    ),
    ("a destination that is not there", actions({"class": "B", "destinations": ["crmm"]}), [
        ("unreachable", "error", "enforcement.approvals.actions[0]")]),
    ("a route that is not there", actions({"class": "B", "routes": ["crm/*"]}), [
        ("unreachable", "error", "enforcement.approvals.actions[0]")]),
    ("a route that is there", actions({"class": "B", "routes": ["def*"]}), []),
    (
        "a limit that was given before",
        limits({"targets": ["crm.*"], "per_run": 5}, {"targets": ["crm.people"], "per_run": 1}),
        [("unreachable", "error", f"{LIMIT}[1].per_run")],
    ),
    (
        "a narrower limit first",
        limits({"targets": ["crm.people"], "per_run": 1}, {"targets": ["crm.*"], "per_run": 5}),
        [],
    ),
    ("a request larger than a run", limits({"per_request": 9, "per_run": 5}), [
        ("never_binds", "warning", f"{LIMIT}[0].per_request")]),
    ("a field allowed and denied", limits({"fields": {"allow": ["email", "ssn"], "deny": ["ss*"]}}), [
        ("allow_and_deny", "error", f"{LIMIT}[0].fields.allow[1]")]),
    ("a field denied inside of what is allowed", limits({"fields": {"allow": ["a*"], "deny": ["ab"]}}), []),
    ("a tool denied after all are allowed", tools({"tools": ["*"]}, {"tools": ["delete_*"], "action": "deny"}), [
        ("unreachable", "error", TOOL)]),
    ("a tool denied for some arguments after it is allowed", tools(
        {"tools": ["pay"]}, {"tools": ["pay"], "when": [{"path": "/sum", "min": 9}], "action": "deny"}), [
        ("unreachable", "error", TOOL)]),
    ("some tools denied for some arguments after one of them is allowed", tools(
        {"tools": ["pay"]}, {"tools": ["pay*"], "when": [{"path": "/sum", "min": 9}], "action": "deny"}), [
        ("overlap", "warning", TOOL)]),
    ("a tool allowed after all are denied", tools({"action": "deny"}, {"tools": ["get"]}), [
        ("unreachable", "error", TOOL)]),
    ("some that are allowed before they would be denied", tools(
        {"tools": ["crm_*"]}, {"tools": ["*_delete"], "action": "deny"}), [("overlap", "warning", TOOL)]),
    ("an allowed exception", tools({"tools": ["crm_get"]}, {"tools": ["crm_*"], "action": "deny"}), []),
    ("a denied exception", tools({"tools": ["crm_delete"], "action": "deny"}, {"tools": ["crm_*"]}), []),
    ("denied first", tools({"tools": ["*_delete"], "action": "deny"}, {"tools": ["crm_*"]}), []),
    ("tools of different names", tools({"tools": ["crm_*"]}, {"tools": ["erp_*"], "action": "deny"}), []),
    ("tools of different agents", tools(
        {"tools": ["crm_*"], "agents": ["a-*"]}, {"tools": ["*_delete"], "agents": ["b-*"], "action": "deny"}), []),
    ("allowed for some arguments", tools(
        {"tools": ["pay"], "when": [{"path": "/sum", "max": 9}]}, {"tools": ["pay"], "action": "deny"}), []),
]  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_contradictions(document: PolicyDocument, expected: list[tuple[str, str, str]], tmp_path: Path) -> None:
    assert told(find(document, tmp_path)) == expected


def test_the_witness_is_a_request_that_shows_it(tmp_path: Path) -> None:
    document = rules({"paths": ["/v1/**"]}, {"paths": ["/v1/a*"], "methods": ["PUT"]})
    (found,) = find(document, tmp_path)
    shown = found.witness
    route = compile_policy(document, tmp_path).match(shown.host, 443, shown.method, shown.path, shown.content_type)
    assert (route.id, shown.method) == ("crm/r0", "PUT")
    assert shown.path.startswith("/v1/a")


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ({"class": "B", "role": "legal"}, "POST api.crm.example/"),
        (
            {"class": "B", "role": "legal", "methods": ["PUT"], "paths": ["/pay/**/out"], "tools": ["send_*"],
             "amount": {"pointer": "/sum", "above": "1000"}},
            "PUT api.crm.example/pay/out, tool send_*, an amount above 1000 at /sum",
        ),
    ],
)  # fmt: skip
def test_a_need_has_a_witness(action: dict[str, Any], line: str, tmp_path: Path) -> None:
    document = policy(
        destinations={"crm": {"hosts": ["api.crm.example"]}},
        enforcement={"approvals": {"actions": [{"name": "a", **action}]}},
    )
    (found,) = find(document, tmp_path, PEOPLE)
    assert str(found.witness) == line


@pytest.mark.parametrize(
    ("action", "short"),
    [
        ({"class": "B"}, False),
        ({"class": "C"}, False),
        ({"class": "B", "role": "finance"}, False),
        ({"class": "C", "role": "finance"}, True),
        ({"class": "B", "role": "finance", "agents": ["payer"]}, True),
        ({"class": "B", "role": "finance", "agents": ["payer", "crm"]}, True),
        ({"class": "B", "role": "finance", "agents": ["billing-eu-*"]}, True),
        ({"class": "B", "role": "finance", "agents": ["billing-*", "crm"]}, True),
        ({"class": "B", "role": "finance", "agents": ["bill*"]}, False),
        ({"class": "B", "role": "finance", "agents": ["pay*"]}, False),
        ({"class": "B", "role": "nobody"}, True),
        ({"class": "C", "forbidden": True}, False),
    ],
)
def test_needs_that_nobody_can_meet(action: dict[str, Any], *, short: bool, tmp_path: Path) -> None:
    found = find(actions(action), tmp_path, PEOPLE)
    assert [one.kind.value for one in found] == (["nobody_qualifies"] if short else [])
    assert not find(actions(action), tmp_path), "without the recorder's settings nothing is said"


@pytest.mark.parametrize(("schema", "disagrees"), [(CLOSED, True), (OPEN, False), ({"$ref": "#/$defs/x"}, False)])
def test_a_schema_that_refuses_the_rows_of_its_profile(
    schema: dict[str, Any], *, disagrees: bool, tmp_path: Path
) -> None:
    (tmp_path / "body.json").write_text(json.dumps(schema))
    document = rules({"paths": ["/crm/**"], "activation": "hubspot", "schema": {"request": "body.json"}})
    kinds = [one.kind.value for one in find(document, tmp_path)]
    assert kinds == (["shapes_disagree"] if disagrees else [])


@pytest.mark.parametrize("name", ["observe", "balanced", "strict", "reverse-etl", "voice", "ci"])
def test_shipped_profiles_have_none_that_is_an_error(name: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f"version: 1\nextends: {name}\n")
    found = find(load_with_source(file).document, tmp_path)
    assert [one for one in found if one.weight is Weight.ERROR] == []


def test_the_command_says_so_and_exits_1(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    listed = [{"name": "all", "paths": ["/**"]}, {"name": "one", "paths": ["/a"]}]
    file.write_text(json.dumps({"version": 1, "destinations": {"crm": {"hosts": ["a.example"], "rules": listed}}}))
    done = clyra("policy", "check", str(file), "--json", home=tmp_path)
    assert done.returncode == 1
    (told_of,) = json.loads(done.stdout)["contradictions"]
    assert told_of["witness"] == {"method": "GET", "host": "a.example", "path": "/a"}
    listed.reverse()
    file.write_text(json.dumps({"version": 1, "destinations": {"crm": {"hosts": ["a.example"], "rules": listed}}}))
    assert clyra("policy", "check", str(file), home=tmp_path).returncode == 0
