"""Why a record cannot be judged again: a real bundle for every reason, and the twin that can."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

import addons
from clyra_proxy.identity.proxy_auth import new_token
from clyra_proxy.policy.compiler import compile_policy
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.replay.judging import Replayer
from clyra_proxy.replay.policies import KnownPolicy
from clyra_proxy.replay.reasons import NotReplayable
from clyra_proxy.replay.running import Totals, replay
from recorder.reading import open_bundle
from tests.support.evidence_log import EvidenceLog, exchange

POLICY = """
enforcement: {mode: enforce, egress: strict}
destinations:
  api: {hosts: [api.example.com], allow_private: true}
"""
RULES_BY_PATH = POLICY.rstrip()[:-1] + ", rules: [{name: rows, paths: [/v1/**]}]}\n"
RULES_BY_TYPE = POLICY.rstrip()[:-1] + ", rules: [{name: rows, content_types: [text/csv]}]}\n"
WITH_SCHEMA = POLICY.rstrip()[:-1] + ", schema: {request: any.json}}\n"
NOT_NAMES = POLICY.replace("egress: strict", "egress: strict, rules: {egress.host_mismatch: off}")
CLOSED = POLICY.replace("allow_private: true", "allow_private: false")
KNOWS_CALLERS = POLICY + f"identity: {{agents: {{one: {{token: {new_token()[1]}}}}}}}\n"
OWN_CA = POLICY.replace("egress: strict", "egress: strict, upstream_ca: ca.pem")

MASKED = {"method": "GET", "target": "/v1/***"}
JSON = {"len": 3, "mt": "application/json", "c": "1" * 64}
UNTYPED = {"io": {"req": {"len": 0, "mt": None}}, "data": {"headers": ["content-type"]}}
SELF_TEST = {"agent": {"uid": "clyra-selftest"}, "data": {"route": "selftest/required"}}
READ = {"act": {"method": "GET"}, "io": {"req": {"len": 0}, "res": {"len": 0, "status": 200}}}
FINDING = {"check": "x", "reason": "overflow", "action": "block", "mode": "enforce", "phase": "request_head"}


def finding(rule: str, **more: Any) -> dict[str, Any]:
    return {"findings": [{**FINDING, "rule": rule, **more}], "findings_total": 1}


REFUSED = {"result": "refused", "action": "block", "would_action": "block"}
DENIED = {"decision": "deny", "rule": "egress.destination", "reason": "destination_unknown"}

# name -> (changes of the record, policy of then, policy at hand, is the policy of then given, reason or outcome)
CASES: dict[str, tuple[dict[str, Any], str, str, bool, str]] = {
    "judged": (READ, POLICY, POLICY, True, "same"),
    "a write without a body": ({"io": READ["io"]}, POLICY, POLICY, True, "same"),
    "circumstance": ({**READ, "data": finding("check.overflow", error=True)}, POLICY, POLICY, True, "circumstance"),
    "a halt": ({**READ, "data": finding("halt.active")}, POLICY, POLICY, True, "circumstance"),
    "a rule of another version": ({**READ, "data": finding("genai.future")}, POLICY, POLICY, True, "rule_unknown"),
    "findings cut": ({**READ, "data": {"findings_total": 40}}, POLICY, POLICY, True, "findings_cut"),
    "no outcome": ({**READ, "phase": "intent"}, POLICY, POLICY, True, "no_outcome"),
    "the self-test": (
        {**READ, **SELF_TEST}, POLICY, POLICY, True, "self_test",
    ),
    "a masked path": ({**READ, "act": MASKED}, POLICY, RULES_BY_PATH, True, "target_masked"),
    "a masked path that nobody asks about": ({**READ, "act": MASKED}, POLICY, POLICY, True, "same"),
    "a type that is not recorded": (
        {**READ, **UNTYPED}, POLICY, RULES_BY_TYPE, True, "content_type_unknown",
    ),
    "another policy, and not that of then": (READ, POLICY, CLOSED, False, "recorded_policy_unknown"),
    "a rule that was off": (READ, NOT_NAMES, POLICY, True, "rule_was_off"),
    "a rule that is off now": (READ, POLICY, NOT_NAMES, True, "same"),
    "callers that must be known now": (READ, POLICY, KNOWS_CALLERS, True, "identity_changed"),
    "other authorities": (READ, POLICY, OWN_CA, True, "trust_changed"),
    "no address, and a closer look": ({**READ, "data": {"address": None}}, POLICY, CLOSED, True, "address_unknown"),
    "no address, and the same look": ({**READ, "data": {"address": None}}, CLOSED, POLICY, True, "same"),
    "an address, and a closer look": (READ, POLICY, CLOSED, True, "same"),
    "refused then": (
        {**READ, "verdict": DENIED, "io": {"req": {"len": 0}, "res": {"len": 0, "status": 403}},
         "data": {**REFUSED, **finding("egress.destination", check="egress", reason="destination_unknown")}},
        "enforcement: {mode: enforce, egress: strict}", POLICY, True, "refused_then",
    ),
    "a transfer that broke": (
        {"io": {"req": JSON}, "data": {"result": "failed"}, "body": b"[1]"},
        POLICY, POLICY, True, "exchange_failed",
    ),
    "a body that is only committed to": (
        {"io": {"req": JSON}}, POLICY, POLICY, True, "body_not_disclosed",
    ),
    "a text that nobody reads": (
        {"io": {"req": {"len": 3, "mt": "text/plain"}, "res": {"len": 3, "mt": "text/plain", "status": 200}}},
        POLICY, POLICY, True, "same",
    ),
    "a body that was cut off": (
        {"io": {"req": JSON, "res": {"len": 0, "status": 422}}, "verdict": DENIED | {"rule": "json.syntax"},
         "body": b"[1]",
         "data": {**REFUSED, **finding("json.syntax", check="schema", reason="json_syntax", phase="request_body")}},
        POLICY, POLICY, True, "body_incomplete",
    ),
    "messages that a schema asks about": (
        {**READ, **UNTYPED, "data": {"websocket": True}}, WITH_SCHEMA, WITH_SCHEMA, True, "messages_not_recorded",
    ),
    "messages that nobody asks about": ({**READ, **UNTYPED, "data": {"websocket": True}}, POLICY, POLICY, True, "same"),
    "a coding that is not recorded": (
        {"io": {"req": JSON}, "data": {"headers": ["content-encoding"]}, "body": b"[1]"},
        POLICY, POLICY, True, "coding_unknown",
    ),
}  # fmt: skip


def _known(text: str, folder: Path) -> KnownPolicy:
    (folder / "ca.pem").write_text("not looked at here")
    (folder / "any.json").write_text('{"type": "object"}')
    return KnownPolicy.of(compile_policy(parse_policy(text), folder), folder)


def _event(changes: dict[str, Any], policy: str) -> dict[str, Any]:
    event = exchange("x", **{name: value for name, value in changes.items() if name != "body"})
    event["verdict"]["policy_sha256"] = policy
    event["data"] |= {"route": "api", "address": changes.get("data", {}).get("address", "93.184.215.14")}
    if changes.get("data", {}).get("route"):
        event["data"]["route"] = changes["data"]["route"]
    for part in (event["data"], event.get("io", {}).get("req", {})):
        for name in [name for name, value in part.items() if value is None]:
            del part[name]
    return event


@pytest.mark.parametrize("name", CASES)
def test_a_reason_is_given_or_a_verdict(name: str, tmp_path: Path) -> None:
    changes, then, now, given, expected = CASES[name]
    before, at_hand = _known(then, tmp_path), _known(now, tmp_path)
    log = EvidenceLog(tmp_path / "home").write([_event(changes, before.compiled.sha256)])
    by_hash = {at_hand.compiled.sha256: at_hand} | ({before.compiled.sha256: before} if given else {})
    bundle = open_bundle(log.seal(), log.layout.trust.read_bytes())
    if "body" in changes:
        _disclose(bundle, changes["body"])
    totals = Totals()
    (line,) = replay(bundle, Replayer(at_hand, addons.default_checks(), by_hash), totals)
    assert line.get("why", line["outcome"]) == expected, line
    assert totals.exchanges == 1
    assert (totals.not_replayable == 1) is (expected in set(NotReplayable))


def _disclose(bundle: Any, body: bytes) -> None:
    """Stand a disclosure beside the bundle that is open already, without making a real commitment first."""
    line = {"field": "req", "kind": "body", "v": "def-disclosure/0", "value": base64.b64encode(body).decode()}
    raw = orjson.dumps(line) + b"\n"
    member = bundle.member
    bundle.member = lambda name, limit=0: raw if name.startswith("disclosures/") else member(name, limit)


def test_every_reason_has_a_case() -> None:
    assert {case[4] for case in CASES.values()} - {"same"} == set(NotReplayable)
