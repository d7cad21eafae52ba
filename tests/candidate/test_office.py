"""The worker's side: nothing that the candidate does reaches the exchange, and everybody is told in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

import addons
from clyra_proxy.candidate import office as office_module
from clyra_proxy.candidate.compiled import Candidate, compile_candidate
from clyra_proxy.candidate.office import COUNTER, CandidateOffice
from clyra_proxy.candidate.verdict import verdict_of
from clyra_proxy.errors import PolicyError
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.policy.load import load_with_source
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.verdict.model import Decision
from tests.support.exchanges import exchange

STRICT = "enforcement: {mode: enforce, egress: strict}\ngenai_security: {enabled: false}\n"
OPEN = (
    "enforcement: {mode: enforce}\ndestinations: {crm: {hosts: [api.crm.example]}}\ngenai_security: {enabled: false}\n"
)


class Heard:
    """Counts and records as the worker's own would be told."""

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.records: list[dict[str, Any]] = []

    def add(self, name: str, labels: str = "", amount: float = 1) -> None:
        assert name == COUNTER
        self.counted.append(labels)

    def note(self, line: bytes) -> None:
        self.records.append(orjson.loads(line))


def candidate_of(folder: Path, text: str, **settings: Any) -> Candidate:
    (folder / "candidate.yaml").write_text(text)
    lines = "".join(f", {name}: {value}" for name, value in settings.items())
    (folder / "policy.yaml").write_text(f"enforcement: {{candidate: {{policy: candidate.yaml{lines}}}}}\n")
    loaded = load_with_source(folder / "policy.yaml")
    made = compile_candidate(loaded.document, loaded.base_dir, 1, Workshop(MemoryState(), bytes(32)))
    assert made is not None
    return made


def settle(candidate: Candidate | None, *exchanges: Exchange) -> tuple[Heard, list[str]]:
    heard, told = Heard(), []

    async def body() -> None:
        office = CandidateOffice(lambda: candidate, lambda one: addons.candidate_checks(one.policy), heard, heard)
        for one in exchanges:
            office.begin(one)
            office.then(one, lambda it: told.append(it.id))
        await asyncio.wait_for(office.close(), 60)

    asyncio.run(body())
    return heard, told


def test_without_a_candidate_it_is_told_at_once() -> None:
    one = exchange(method="GET")
    heard, told = settle(None, one)
    assert (told, heard.counted, one.extensions) == ([one.id], [], {})


@pytest.mark.parametrize(
    ("text", "decision", "relation"),
    [
        (STRICT, Decision.ALLOW, "stricter"),
        (STRICT, Decision.BLOCK, "agree"),
        (OPEN, Decision.BLOCK, "looser"),
        (OPEN, Decision.ALLOW, "unseen"),
    ],
)
def test_both_directions(tmp_path: Path, text: str, decision: Decision, relation: str) -> None:
    one = exchange(decision=decision, method="GET")
    one.destination.address = "1.1.1.1"
    heard, told = settle(candidate_of(tmp_path, text), one)
    assert (told, heard.counted) == ([one.id], [relation])
    assert [record["data"]["exchange"] for record in heard.records] == [one.id] * (relation in ("stricter", "looser"))


def test_a_candidate_that_raises_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("quotes a body")

    monkeypatch.setattr(office_module, "judge", broken)
    one = exchange()
    before = (one.verdict, list(one.findings), one.denial)
    heard, told = settle(candidate_of(tmp_path, OPEN), one)
    said = verdict_of(one)
    assert said is not None
    assert (said.as_json()["relation"], said.why) == ("failed", "RuntimeError")
    assert (told, heard.counted, heard.records) == ([one.id], ["failed"], [])
    assert (one.verdict, list(one.findings), one.denial) == before


def test_a_share_is_judged_by_a_stable_key(tmp_path: Path) -> None:
    candidate = candidate_of(tmp_path, STRICT, sample="{percent: 30, by: agent}")
    many = [exchange(f"01930000-0000-7000-8000-{n:012d}", method="GET", agent=f"a{n % 60}") for n in range(240)]
    heard, told = settle(candidate, *many)
    assert sorted(told) == sorted(one.id for one in many)
    judged = {one.identity.agent for one in many if verdict_of(one) is not None}
    assert 4 <= len(judged) <= 40
    assert len(heard.counted) == 4 * len(judged)


class Untouchable:
    """The store that workers share: whoever uses it has failed the test."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"the shared store was asked for {name}")


def test_its_state_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "candidate.yaml").write_text("data_platform: {activation: {quarantine: true}}\n")
    (tmp_path / "policy.yaml").write_text("enforcement: {candidate: {policy: candidate.yaml}}\n")
    loaded = load_with_source(tmp_path / "policy.yaml")
    shared: Any = Untouchable()
    made = compile_candidate(loaded.document, tmp_path, 1, Workshop(shared, bytes(32), folder=tmp_path / "data"))
    assert made is not None
    assert made.policy.activation is not None
    assert made.policy.activation.quarantine is None
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nonsense: 1\n", "nonsense"),
        ("enforcement: {candidate: {policy: x.yaml}}\n", "candidate of its own"),
    ],
)
def test_a_bad_file_is_told_as_the_candidates(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(PolicyError, match=f"candidate policy cannot be used.*{what}"):
        candidate_of(tmp_path, text)


def test_what_it_would_ask_is_named(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("")
    text = OPEN.replace("{mode: enforce}", "{mode: enforce, upstream_ca: roots.pem}")
    assert candidate_of(tmp_path, text).unasked == ("trust",)
