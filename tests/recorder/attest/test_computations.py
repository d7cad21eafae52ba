"""Every test of the closed set, on real bundles: a case that passes, one that fails, one that cannot be told."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.approval import sign
from recorder.approval_store import ApprovalStore
from recorder.attest.controls import Control, Framework, Mapping
from recorder.attest.evaluate import assess
from recorder.attest.outcome import FAIL, NOT_EVIDENCED, PASS
from recorder.attest.registry import TESTS
from recorder.reading import open_bundle
from tests.support.approvals import approver, certificate, consume_event
from tests.support.evidence_log import POLICY, EvidenceLog, denied, exchange, shadowed

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64
PAST, FUTURE = "2020-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"


def request(approval: str, **data: Any) -> dict[str, Any]:
    event = exchange("r", phase="intent")
    shape = {"action_class": "A", "payload": {"sha256": ONE, "c14n": "jcs"}, "deadline": FUTURE}
    shape |= {"quorum": {"need": 1, "of": 3}, **data}
    del event["trace"]
    return {**event, "typ": "pef.approval.request", "appr": {"id": approval, "state": "requested"}, "data": shape}


def grant(approval: str, **data: Any) -> dict[str, Any]:
    shape = {"payload_sha256": ONE, "approver_c": TWO, "binding": ["webauthn"], "mfa": True, **data}
    return {
        "typ": "pef.approval.grant",
        "appr": {"id": approval, "cert_sha256": ONE, "state": "granted"},
        "data": shape,
    }


def deny(approval: str) -> dict[str, Any]:
    data = {"payload_sha256": ONE, "reason": "not now"}
    return {"typ": "pef.approval.deny", "appr": {"id": approval, "state": "denied"}, "data": data}


def consume(approval: str, of: str, **data: Any) -> dict[str, Any]:
    """To be replaced by `written` with a consume record whose certificate is real."""
    return {"typ": "pef.approval.consume", "appr": {"id": approval}, "data": {"exchange": of, **data}}


def written(log: EvidenceLog, events: list[dict[str, Any]]) -> EvidenceLog:
    """Write the events; every use of an approval gets a certificate that the recorder signed and keeps."""
    seal, kept = log.layout.keys.signing_key("seal"), ApprovalStore(log.layout.approvals)
    for at, event in enumerate(events):
        if event["typ"] == "pef.approval.consume":
            who = replace(approver("bob", hardware=False), subject_commitment=TWO)
            made = certificate(time.time(), approver=who, requester_commitment=ONE)
            signed = sign(made, seal)
            kept.keep(signed)
            events = [*events[:at], consume_event(signed, made, **event["data"]), *events[at + 1 :]]
    return log.write(events)


def halt(change: str, name: str = "h1", scope: str = "global", **data: Any) -> dict[str, Any]:
    shape = {"halt": name, "change": change, "scope": scope, "cause": "manual", "channel": "cli", "reason": "drill"}
    return {"typ": "pef.halt", "data": {**shape, **data}}


def bypass(change: str, until: str = FUTURE, **data: Any) -> dict[str, Any]:
    shape = {
        "bypass": "b1",
        "change": change,
        "checks": ["schema"],
        "reason": "incident 7",
        "until": until,
        "actor": "ann",
    }
    return {"typ": "pef.bypass", "data": {**shape, **data}}


def contradiction(state: str) -> dict[str, Any]:
    data = {"contradiction": "c1", "policy_sha256": POLICY, "kind": "shadows", "rules": ["a", "b"], "severity": "error"}
    return {"typ": "pef.contradiction", "data": {**data, "state": state}}


def call(name: str = "v", result: str = "completed", **voice: Any) -> dict[str, Any]:
    facts = {"call": name, "direction": "outbound", **voice}
    return exchange(
        name,
        typ="pef.tool_call",
        data={"result": result, "voice": facts, "tool": {"protocol": "other", "name": "dial"}},
    )


def classed(name: str, result: str = "completed") -> dict[str, Any]:
    return exchange(name, data={"action_class": "A", "result": result})


def write(name: str) -> list[dict[str, Any]]:
    return [exchange(name, phase="intent"), exchange(name, phase="outcome")]


def large(value: str) -> dict[str, Any]:
    return request("p", exchange="a", amount={"value": value, "currency": "EUR"})


ANYBODY = {"auth": "none"}
LARGE = {"min_amount": "500", "currency": "EUR"}
READ = {"method": "GET"}
COMMITTED = {"io": {"req": {"len": 12, "c": ONE}, "res": {"len": 34, "status": 200, "c": TWO}}}
FAILED_CHECK = {
    "findings": [
        {
            "check": "schema", "rule": "check.error", "reason": "check_error", "action": "block", "mode": "shadow",
            "phase": "request_body", "error": True,
        }
    ],
    "findings_total": 1,
}  # fmt: skip

CLOSED = denied("b", rule="check.error", reason="check_error", data=FAILED_CHECK)
UNLISTED = denied("b", rule="egress.destination", reason="destination_unknown")
OTHERS_HALTED = halt("halt", scope="agent", target="agent-9")

CASES: list[tuple[str, str, list[dict[str, Any]], dict[str, Any]]] = [
    ("evidence_verified", PASS, [exchange("a")], {}),
    ("end_anchored", NOT_EVIDENCED, [exchange("a")], {}),
    ("end_anchored", NOT_EVIDENCED, [exchange("a")], {"max_unanchored": 5000}),
    ("writes_recorded_ahead", PASS, [*write("a"), *write("b")], {}),
    ("writes_recorded_ahead", PASS, [denied("a")], {}),
    ("writes_recorded_ahead", FAIL, [*write("a"), exchange("b")], {}),
    ("writes_recorded_ahead", NOT_EVIDENCED, [exchange("a", act=READ)], {}),
    ("nothing_lost", PASS, [exchange("a")], {}),
    ("clock_steady", PASS, [exchange("a")], {}),
    ("traces_complete", PASS, [exchange("a")], {}),
    ("traces_complete", NOT_EVIDENCED, [halt("halt")], {}),
    ("bodies_committed", PASS, [exchange("a", **COMMITTED)], {}),
    ("bodies_committed", FAIL, [exchange("a")], {}),
    ("bodies_committed", NOT_EVIDENCED, [denied("a")], {}),
    ("retention_set", PASS, [exchange("a")], {"years": 7}),
    ("retention_set", FAIL, [exchange("a")], {"years": 7, "months": 1}),
    ("callers_identified", PASS, [exchange("a")], {}),
    ("callers_identified", FAIL, [exchange("a"), exchange("b", agent={"auth": "none"})], {}),
    ("callers_identified", PASS, [exchange("a"), exchange("b", agent=ANYBODY, act=READ)], {"writes_only": True}),
    ("callers_identified", NOT_EVIDENCED, [denied("a", agent={"auth": "none"})], {}),
    ("policy_enforced", PASS, [exchange("a")], {}),
    ("policy_enforced", FAIL, [exchange("a"), shadowed("b")], {}),
    ("policy_enforced", NOT_EVIDENCED, [halt("halt")], {}),
    ("nothing_withheld_passed", PASS, [exchange("a"), denied("b")], {}),
    ("nothing_withheld_passed", FAIL, [shadowed("a")], {}),
    ("no_error_passed", PASS, [exchange("a"), CLOSED], {}),
    ("no_error_passed", FAIL, [exchange("a", data=FAILED_CHECK)], {}),
    ("no_error_passed", NOT_EVIDENCED, [halt("halt")], {}),
    ("destinations_known", PASS, [exchange("a"), UNLISTED], {}),
    ("destinations_known", FAIL, [shadowed("a")], {}),
    ("transport_encrypted", PASS, [exchange("a")], {}),
    ("transport_encrypted", FAIL, [exchange("a"), exchange("b", act={"host": "http://x.test:80"})], {}),
    ("transport_encrypted", NOT_EVIDENCED, [denied("a", act={"host": "http://x.test:80"})], {}),
    ("sensitive_data_guarded", PASS, [exchange("a", sec={"dlp_hits": 0}), denied("b", sec={"dlp_hits": 2})], {}),
    ("sensitive_data_guarded", FAIL, [exchange("a", sec={"pii": ["iban"]})], {}),
    ("sensitive_data_guarded", NOT_EVIDENCED, [exchange("a")], {}),
    ("denies_with_reason", PASS, [denied("a")], {}),
    ("denies_with_reason", NOT_EVIDENCED, [exchange("a")], {}),
    ("changes_approved", PASS, [consume("p", "a"), classed("a")], {}),
    ("changes_approved", PASS, [classed("a", "refused")], {}),
    ("changes_approved", FAIL, [consume("p", "a"), classed("a"), classed("b")], {}),
    ("changes_approved", FAIL, [classed("a"), consume("p", "a")], {}),
    ("changes_approved", NOT_EVIDENCED, [exchange("a")], {}),
    ("changes_approved", FAIL, [large("500.00"), exchange("a")], LARGE),
    ("changes_approved", NOT_EVIDENCED, [large("499.99"), exchange("a")], LARGE),
    ("duties_segregated", PASS, [grant("p"), consume("p", "a", requester_c=ONE, deployer_c=THREE)], {}),
    ("duties_segregated", PASS, [request("p", requester_c=ONE), grant("p"), consume("p", "a", deployer_c=THREE)], {}),
    ("duties_segregated", FAIL, [grant("p"), consume("p", "a", requester_c=TWO, deployer_c=THREE)], {}),
    ("duties_segregated", FAIL, [grant("p"), consume("p", "a", requester_c=ONE, deployer_c=ONE)], {}),
    ("duties_segregated", FAIL, [grant("p"), consume("p", "a", requester_c=ONE, deployer_c=TWO)], {}),
    ("duties_segregated", NOT_EVIDENCED, [grant("p"), consume("p", "a", requester_c=ONE)], {}),
    ("duties_segregated", PASS, [grant("p"), consume("p", "a", requester_c=ONE)], {"deployer": False}),
    ("duties_segregated", NOT_EVIDENCED, [exchange("a")], {}),
    ("approvals_strong", PASS, [grant("p")], {}),
    ("approvals_strong", FAIL, [grant("p", binding=["session"])], {}),
    ("approvals_strong", FAIL, [grant("p", mfa=False)], {}),
    ("approvals_strong", FAIL, [grant("p")], {"phishing_resistant": True}),
    ("approvals_strong", NOT_EVIDENCED, [exchange("a")], {}),
    ("requests_answered", PASS, [request("p"), grant("p"), request("q"), deny("q")], {}),
    ("requests_answered", FAIL, [request("p"), grant("p"), request("q", deadline=PAST)], {}),
    ("requests_answered", NOT_EVIDENCED, [request("p")], {}),
    ("people_decide", PASS, [deny("p")], {}),
    ("people_decide", NOT_EVIDENCED, [request("p")], {}),
    ("halt_tested", PASS, [halt("halt", took_ms=900), halt("resume")], {"max_took_ms": 1000}),
    ("halt_tested", FAIL, [halt("halt", took_ms=1100), halt("resume")], {"max_took_ms": 1000}),
    ("halt_tested", NOT_EVIDENCED, [exchange("a")], {}),
    ("halt_held", PASS, [halt("halt"), denied("a"), halt("resume"), *write("b")], {}),
    ("halt_held", FAIL, [halt("halt"), *write("a"), halt("resume")], {}),
    ("halt_held", PASS, [OTHERS_HALTED, halt("halt", "h2"), halt("resume", "h2"), *write("a")], {}),
    ("halt_held", NOT_EVIDENCED, [OTHERS_HALTED, *write("a")], {}),
    ("bypasses_bounded", PASS, [exchange("a")], {}),
    ("bypasses_bounded", FAIL, [bypass("begin")], {}),
    ("bypasses_bounded", FAIL, [bypass("begin", until=PAST)], {}),
    ("contradictions_settled", PASS, [contradiction("open"), contradiction("resolved")], {}),
    ("contradictions_settled", FAIL, [contradiction("resolved"), contradiction("open")], {}),
    ("contradictions_settled", NOT_EVIDENCED, [exchange("a")], {}),
    ("disclosure_shown", PASS, [call(disclosure="given"), call("w", disclosure="not_required")], {}),
    ("disclosure_shown", FAIL, [call(disclosure="given"), call("w", disclosure="not_given")], {}),
    ("disclosure_shown", NOT_EVIDENCED, [call(disclosure="given"), call("w")], {}),
    ("disclosure_shown", PASS, [call(result="refused", disclosure="not_given")], {}),
    ("consent_kept", PASS, [call(consent="express"), call("w", direction="inbound")], {}),
    ("consent_kept", FAIL, [call(consent="none")], {}),
    ("written_consent_kept", PASS, [call(consent="written")], {}),
    ("written_consent_kept", FAIL, [call(consent="express")], {}),
    ("do_not_call_kept", PASS, [call(do_not_call="clear")], {}),
    ("do_not_call_kept", FAIL, [call(do_not_call="listed")], {}),
    ("do_not_call_kept", PASS, [call(result="refused", do_not_call="listed")], {}),
    ("recording_announced", PASS, [call(recording="off")], {}),
    ("recording_announced", FAIL, [call(recording="not_announced")], {}),
    ("caller_attested", PASS, [call(attestation="A")], {}),
    ("caller_attested", FAIL, [call(attestation="B")], {}),
    ("calling_hours_kept", PASS, [call(local_time="08:00"), call("w", local_time="20:59")], {}),
    ("calling_hours_kept", FAIL, [call(local_time="21:00")], {}),
    ("calling_hours_kept", NOT_EVIDENCED, [call()], {}),
    ("revocation_kept", PASS, [call(consent="written", opt_out=True), call("w", "refused", consent="revoked")], {}),
    ("revocation_kept", FAIL, [call(consent="revoked")], {}),
    ("revocation_kept", NOT_EVIDENCED, [call()], {}),
]  # fmt: skip
LLM = {"llm": {"provider": "openai", "operation": "chat", "model": "gpt-x"}}
NAMELESS = {"llm": {"provider": "openai", "operation": "chat"}}
CASES += [
    ("models_named", PASS, [exchange("a", typ="pef.llm_call", data=LLM)], {}),
    ("models_named", FAIL, [exchange("a", typ="pef.llm_call", data=NAMELESS)], {}),
    ("models_named", NOT_EVIDENCED, [exchange("a")], {}),
]


def mapping_of(test: str, parameters: dict[str, Any]) -> Mapping:
    words = {"title": "t", "shows": "s", "cannot_show": "c"}
    control = Control.model_validate(
        {"id": "X-1", "source": "x", "clause": "1", "tests": [{"test": test, "parameters": parameters}], **words}
    )
    framework = Framework.model_validate(
        {
            "framework": "test", "title": "t", "version": 1, "reviewed": "2026-11-22", "scope": "s", "not_covered": "n",
            "sources": [{"id": "x", "title": "t", "reference": "r"}], "controls": [control.model_dump()],
        }
    )  # fmt: skip
    return Mapping(framework, "e" * 64)


def outcome_of(log: EvidenceLog, test: str, parameters: dict[str, Any], **window: int) -> Any:
    bundle = open_bundle(log.seal(**window), log.layout.trust.read_bytes())
    assessment = assess(mapping_of(test, parameters), bundle)
    ((_, outcome),) = assessment.controls[0].tests
    assert assessment.controls[0].result == outcome.result
    assert set(outcome.records) <= set(range(assessment.provenance.start, assessment.provenance.end))
    assert set(outcome.failures) <= set(range(assessment.provenance.start, assessment.provenance.end))
    return outcome


@pytest.mark.parametrize(
    ("test", "expected", "events", "parameters"),
    CASES,
    ids=[f"{n}-{case[0]}-{case[1]}" for n, case in enumerate(CASES)],
)
def test_a_test_says_what_the_records_show(
    test: str, expected: str, events: list[dict[str, Any]], parameters: dict[str, Any], tmp_path: Path
) -> None:
    outcome = outcome_of(written(EvidenceLog(tmp_path / "home"), events), test, parameters)
    assert outcome.result == expected, outcome
    if expected == FAIL and test != "retention_set":
        assert outcome.failures
    assert outcome.counts


def test_every_test_has_a_case_that_passes() -> None:
    assert {name for name, result, _, _ in CASES if result == PASS} == set(TESTS) - {"end_anchored"}


def test_lost_events_fail_and_their_number_is_told(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "home").write([exchange("a")]).write([exchange("b")], lost=5)
    outcome = outcome_of(log, "nothing_lost", {})
    assert (outcome.result, outcome.counts["lost"], outcome.counts["gaps"]) == (FAIL, 5, 1)
    assert outcome_of(log, "nothing_lost", {"max_lost": 5}).result == PASS


def test_an_outcome_whose_intent_lies_before_the_window_is_not_blamed(tmp_path: Path) -> None:
    log = EvidenceLog(tmp_path / "home").write([*write("a"), *write("b")])
    first = open_bundle(log.seal(), log.layout.trust.read_bytes()).provenance.end - 3
    outcome = outcome_of(log, "writes_recorded_ahead", {}, start=first)
    assert outcome.result == PASS
    assert outcome.counts == {
        "answered": 1,
        "unanswered_or_not_ahead": 0,
        "refused": 0,
        "still_open": 0,
        "before_window": 1,
    }


def test_without_a_trust_file_nothing_is_called_verified(tmp_path: Path) -> None:
    bundle = open_bundle(EvidenceLog(tmp_path / "home").write([exchange("a")]).seal())
    ((_, outcome),) = assess(mapping_of("evidence_verified", {}), bundle).controls[0].tests
    assert outcome.result == NOT_EVIDENCED
