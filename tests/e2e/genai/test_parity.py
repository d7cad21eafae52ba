"""One conversation, one verdict: whole, in pieces, compressed, streamed, over h2 and over WebSocket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.rehearsal.pack import Case, Place, shipped_cases
from clyra_proxy.genai.rehearsal.samples import fill
from tests.e2e.genai.conftest import CANARY, DENIED_TOOL, SECURITY
from tests.e2e.genai.ways import Road, open_road, request_ways, response_ways, talk
from tests.support.certificates import Authority
from tests.support.genai.said import Said, Use
from tests.support.genai.upstream import ModelUpstream
from tests.support.genai.verdicts import VerdictLog
from tests.support.proxy import RunningProxy, local_policy

SENT = [case for case in shipped_cases() if case.place in (Place.USER, Place.TOOL_RESULT, Place.TOOL_DESCRIPTION)]
ANSWERED = [case for case in shipped_cases() if case.place is Place.ASSISTANT or case.vector == "secrets"]
UNHURRIED = settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],  # an example takes a second: what failed is small enough
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    derandomize=True,
)
PIECE = re.compile(r'"(?:content|text|delta|partial_json|arguments)":"((?:[^"\\]|\\.)*)"')
"""A string in which a protocol puts a piece of text or of arguments."""
PIECES = st.sampled_from([1, 2, 3, 5, 16, 61, 200])


@pytest.fixture(scope="module")
def road(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, shared_models: ModelUpstream
) -> Iterator[Road]:
    """Through a proxy that remembers nothing of earlier exchanges, so that a verdict depends on its own alone."""
    tools = {**SECURITY["tools"], "pin": "off"}
    budgets = {"loops": {"enabled": False}, "drift": {"enabled": False}}
    policy = local_policy(authority, genai_security={**SECURITY, "tools": tools, "budgets": budgets})
    with RunningProxy.start(tmp_path_factory.mktemp("parity"), policy) as proxy:
        made = open_road(proxy, shared_models)
        yield made
        made.http1.close()
        made.http2.close()


type Verdict = tuple[str, tuple[tuple[str, str], ...]]


def verdicts(road: Road, traces: dict[str, str], log: VerdictLog) -> dict[str, Verdict]:
    """Way -> (action, rules with what each asks for)."""
    found = {}
    for way, trace in traces.items():
        ours = log.of(trace)
        rules = {(one["rule"], one["action"]) for one in ours["findings"]}
        found[way] = (ours["action"], tuple(sorted(rules)))
    return found


def assert_one(found: dict[str, Verdict], what: str) -> None:
    by_verdict: dict[Verdict, list[str]] = {}
    for way, verdict in found.items():
        by_verdict.setdefault(verdict, []).append(way)
    assert len(by_verdict) == 1, f"{what}: {by_verdict}"


@UNHURRIED
@given(case=st.sampled_from(SENT), cut=PIECES)
def test_a_prompt_has_one_verdict_however_it_is_sent(road: Road, case: Case, cut: int) -> None:
    road.models.begin_anew()
    log = VerdictLog(road.proxy.home.verdict_log)
    found = verdicts(road, request_ways(road, case, cut), log)
    assert len(found) >= 8
    assert_one(found, case.id)


SAYINGS = {
    "canary": Said(f"It is {CANARY}, keep it."),
    "denied call": Said("I will do that.", (Use(DENIED_TOOL, {"disk": "/dev/sda"}),)),
    "harmless call": Said("One moment.", (Use("weather", {"city": "Bergen"}),)),
    "harmless": Said("It rains in Bergen, as always."),
    **{case.id: Said(case.text) for case in ANSWERED},
}


SECRET = fill("{github}", "parity")


@UNHURRIED
@given(name=st.sampled_from(sorted(SAYINGS)), cut=PIECES, piece=st.sampled_from([1, 4, 11, 0]))
def test_an_answer_has_one_verdict_however_it_comes(road: Road, name: str, cut: int, piece: int) -> None:
    road.models.begin_anew()
    said = SAYINGS[name]
    road.models.said = Said(said.text, said.uses, piece)
    log = VerdictLog(road.proxy.home.verdict_log)
    ways = response_ways(road, cut)
    assert_one(verdicts(road, {way: trace for way, (trace, _) in ways.items()}, log), name)


FORBIDDEN = {
    "canary": (Said(f"It is {CANARY}, keep it."), CANARY),
    "secret": (Said(f"The token is {SECRET} for now."), SECRET),
    "call": (Said("", (Use(DENIED_TOOL, {"disk": "/dev/sda"}),)), "/dev/sda"),
}


@UNHURRIED
@given(name=st.sampled_from(sorted(FORBIDDEN)), cut=PIECES, piece=st.sampled_from([1, 4, 11, 0]))
def test_what_must_not_arrive_does_not_arrive_in_any_way(road: Road, name: str, cut: int, piece: int) -> None:
    road.models.begin_anew()
    said, forbidden = FORBIDDEN[name]
    road.models.said = Said(said.text, said.uses, piece)
    for way, (_, received) in response_ways(road, cut).items():
        assert forbidden not in text_of(received), way


def text_of(answer: bytes) -> str:
    """Everything a client would put together: the answer itself, and the pieces of its events joined."""
    raw = answer.decode("utf-8", "replace")
    joined = "".join(PIECE.findall(raw))
    return raw + json.loads(f'"{joined}"').replace("\\", "")


@pytest.mark.parametrize("piece", [0, 1, 7, 200])
def test_what_must_not_arrive_does_not_arrive_in_messages(road: Road, piece: int) -> None:
    """A message that is passed on cannot be taken back: what would be redacted elsewhere may be refused here."""
    road.models.begin_anew()
    said, forbidden = FORBIDDEN["secret"]
    road.models.said = Said(said.text, said.uses, piece)
    log = VerdictLog(road.proxy.home.verdict_log)
    trace, received = talk(road, [{"type": "response.create"}], answers=200)
    ours = log.of(trace)
    assert {one["rule"] for one in ours["findings"]} == {"leak.secret"}
    assert ours["action"] in ("redact", "block")
    assert forbidden not in received.decode()


@pytest.mark.parametrize("name", ["harmless", "canary"])
def test_a_message_has_the_verdict_of_a_body(road: Road, name: str) -> None:
    road.models.begin_anew()
    road.models.said = SAYINGS[name]
    log = VerdictLog(road.proxy.home.verdict_log)
    trace, _ = talk(road, [{"type": "response.create"}], answers=200)
    whole = response_ways(road, 16)["openai whole"][0]
    assert_one(verdicts(road, {"websocket": trace, "whole": whole}, log), name)
