"""The candidate's own judgement of a copy: every room, any split of the bytes, the moment taken over."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import addons
from clyra_proxy.approvals.outcome import STATE, Outcome, Standing
from clyra_proxy.candidate.compiled import Candidate, compile_candidate
from clyra_proxy.candidate.copying import Copy, Holdings, new_copy
from clyra_proxy.candidate.judging import judge
from clyra_proxy.candidate.verdict import CandidateVerdict
from clyra_proxy.exchange import Exchange, RequestHead, ResponseHead
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES
from tests.support.exchanges import exchange

CANARY = "canary-77aa-southern-lights"
POLICY: dict[str, Any] = {
    "enforcement": {
        "mode": "enforce",
        "approvals": {"actions": [{"name": "refunds", "class": "B", "paths": ["/refunds"]}]},
    },
    "destinations": {
        "crm": {
            "hosts": ["api.crm.example"],
            "rules": [
                {"name": "orders", "paths": ["/orders"], "schema": {"request": "order.json", "response": "order.json"}},
                {"name": "rows", "paths": ["/rows"], "activation": "generic-json"},
                {"name": "sql", "paths": ["/api/v2/statements"], "activation": "snowflake"},
                {"name": "chat", "paths": ["/v1/chat/completions"], "genai": "openai-chat"},
            ],
        }
    },
    "genai_security": {"leaks": {"canaries": [{"name": "planted", "value": CANARY}]}},
}
ORDER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
SAID = {"choices": [{"message": {"role": "assistant", "content": CANARY}}]}


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    folder = tmp_path_factory.mktemp("judging")
    (folder / "order.json").write_text(json.dumps(ORDER))
    (folder / "candidate.yaml").write_text(yaml.safe_dump(POLICY))
    (folder / "policy.yaml").write_text("enforcement: {candidate: {policy: candidate.yaml}}\n")
    loaded = load_with_source(folder / "policy.yaml")
    made = compile_candidate(loaded.document, folder, 1, Workshop(MemoryState(), bytes(32)))
    assert made is not None
    return made


def asked(path: str, method: str = "POST", *findings: Finding, coding: str = "") -> Exchange:
    """An exchange that the live policy let through, or not by these findings."""
    fields = [(b"content-type", b"application/json"), *([(b"content-encoding", coding.encode())] if coding else [])]
    made = exchange(method=method)
    made.request = RequestHead(tuple(fields), method, path, "HTTP/1.1")
    made.response = ResponseHead(((b"content-type", b"application/json"),), 200, "HTTP/1.1")
    made.destination.address = "1.1.1.1"
    made.findings.extend(findings)
    made.verdict = decide(made)
    return made


def copy_of(request: Sequence[bytes], response: Sequence[bytes] = ()) -> Copy:
    copy = new_copy(1 << 20, Holdings(1 << 30))
    for part, chunks in ((copy.request, request), (copy.response, response)):
        for chunk in chunks:
            part.take(chunk)
        part.whole = True
    return copy


def judged(candidate: Candidate, one: Exchange, copy: Copy) -> CandidateVerdict:
    return judge(one, copy, candidate, addons.candidate_checks(candidate.policy))


def told(said: CandidateVerdict) -> tuple[str, str, tuple[str, ...]]:
    return said.relation.value, said.decision, said.rules


CASES: dict[str, tuple[str, bytes, bytes, tuple[str, str, tuple[str, ...]]]] = {
    "a good document": ("/orders", b'{"n":1}', b'{"n":2}', ("agree", "allow", ())),
    "a bad document": ("/orders", b'{"n":"x"}', b"", ("stricter", "block", ("schema.violation",))),
    "a bad answer": ("/orders", b'{"n":1}', b'{"n":"x"}', ("stricter", "block", ("schema.violation",))),
    "what must be approved": ("/refunds", b'{"amount":1}', b"{}", ("stricter", "approve", ("approval.required",))),
    "rows": ("/rows", b'[{"id":1},{"id":2}]', b"{}", ("agree", "allow", ())),
    "a mass delete": (
        "/api/v2/statements", b'{"statement":"DELETE FROM people"}', b"{}", ("stricter", "block", ("sql.mass_write",)),
    ),
    "a leak in an answer": (
        "/v1/chat/completions", json.dumps(CHAT).encode(), json.dumps(SAID).encode(),
        ("stricter", "block", ("leak.canary",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "request_body", "answer", "wanted"), CASES.values(), ids=CASES)
def test_every_room_judges(
    candidate: Candidate, path: str, request_body: bytes, answer: bytes, wanted: tuple[str, str, tuple[str, ...]]
) -> None:
    one = asked(path)
    before = (one.verdict, list(one.findings), dict(one.extensions), one.request_coverage, one.response_coverage)
    said = judged(candidate, one, copy_of([request_body], [answer]))
    assert told(said) == wanted
    assert before == (one.verdict, one.findings, one.extensions, one.request_coverage, one.response_coverage)


@given(
    st.lists(st.integers(1, 40), max_size=6), st.booleans(), st.sampled_from([b'{"n":1,"a":"bcdefghij"}', b'{"n":"x"}'])
)
def test_any_split_and_coding_is_judged_alike(candidate: Candidate, cuts: list[int], coded: bool, body: bytes) -> None:
    raw = gzip.compress(body) if coded else body
    chunks, rest = [], raw
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    said = judged(candidate, asked("/orders", coding="gzip" if coded else ""), copy_of([*chunks, rest], [b'{"n":1}']))
    assert said.relation == ("stricter" if b"x" in body else "agree")


def moment(rule: str, **detail: str) -> Finding:
    made = RULES[rule]
    return Finding(made.family, rule, made.reason, made.action, Mode.ENFORCE, Phase.REQUEST_HEAD, detail=detail)


@pytest.mark.parametrize("rule", ["halt.active", "evidence.unavailable"])
def test_what_the_moment_knew_is_taken_over(candidate: Candidate, rule: str) -> None:
    said = judged(candidate, asked("/orders", "POST", moment(rule)), copy_of([b'{"n":1}']))
    assert told(said) == ("agree", "block", (rule,))


@pytest.mark.parametrize(
    ("standing", "relation", "decision"),
    [(Standing.CONSUMED, "agree", "approve"), (Standing.REFUSED, "agree", "block")],
)
def test_a_persons_answer_counts_for_both(
    candidate: Candidate, standing: Standing, relation: str, decision: str
) -> None:
    one = asked("/refunds")
    one.extensions[STATE] = Outcome(standing)
    if (finding := one.extensions[STATE].finding(one.route)) is not None:
        one.findings.append(finding)
        one.verdict = decide(one)
    said = judged(candidate, one, copy_of([b"{}"], [b"{}"]))
    assert (said.relation, said.decision) == (relation, decision)


def test_what_was_cut_off_is_said(candidate: Candidate) -> None:
    copy = copy_of([b'{"n":1,'])
    copy.request.whole = False
    said = judged(candidate, asked("/orders"), copy)
    assert (said.relation, str(said.request_coverage)) == ("unseen", "skipped:incomplete")
