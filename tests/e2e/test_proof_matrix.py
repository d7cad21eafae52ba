"""No complete bad document reaches an upstream, whatever the protocols, framing, content coding, size and wrong.

The witness is the upstream's own journal: the message of a bad body is never complete there, and what arrived of it
is no JSON text; a good body arrives byte for byte. The client is told what is wrong and where.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import product

import pytest

from tests.support.posting import WAYS, Pair, Way, send
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer
from tests.support.record_cases import CASES, CODINGS, GOOD, LARGE, SMALL, Case, coded, is_json, readable

PATH = "/records/batch"


def chosen(count: int, ways_each: int) -> Iterator[tuple[str, str, Way, int]]:
    """`ways_each` of the ways for every case and coding, such that each case and each coding meets every way."""
    for (at, name), (nth, coding) in product(enumerate(CASES), enumerate(CODINGS)):
        for turn in range(ways_each):
            yield name, coding, WAYS[(at + 3 * nth + turn) % len(WAYS)], count


def everything() -> Iterator[tuple[str, str, Way, int]]:
    for count, name, coding, way in product((SMALL, LARGE), CASES, CODINGS, WAYS):
        yield name, coding, way, count


def prove(proxy: RunningProxy, pair: Pair, name: str, coding: str, way: Way, count: int) -> None:
    """Send one body and hold the whole claim against what came out on both sides."""
    case, body = CASES[name], coded(name, count, coding)
    fields = [("content-type", "application/json"), *([("content-encoding", coding)] if coding else [])]
    pair.clear()
    answer = send(proxy, pair.of(way), way, PATH, body, fields)
    journal = pair.of(way).journal
    assert journal.settled()
    if not case.code:
        assert (answer.status, answer.complete) == (200, True)
        (message,) = journal.requests(PATH)
        assert (message.complete, message.received) == (True, len(body))
        assert message.sha256 == hashlib.sha256(body).hexdigest()
        assert message.protocol == ("HTTP/2.0" if way.server == "h2" else "HTTP/1.1")
        return
    assert journal.complete(PATH) == []
    for message in journal.requests(PATH):
        assert message.received < len(body)
        assert not is_json(readable(bytes(message.body), coding))
    if count == SMALL:
        assert not journal.messages
    refused(answer, case, count)


def refused(answer: Answer, case: Case, count: int) -> None:
    assert (answer.status, answer.complete) == (422, True)
    assert answer.header("content-type") == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == 422
    assert problem["code"] == answer.header("clyra-reason") == case.code
    assert problem["verdict"] == answer.header("clyra-verdict")
    assert problem["retry"] == "no"
    if (place := case.place(count)) is not None:
        assert problem.get("pointer", "") == place
    if case.row(count) >= 0:
        assert problem["row"] == case.row(count)
    if case.schema_pointer is not None:
        assert problem["schema_pointer"] == case.schema_pointer


def _ids(choice: object) -> str:
    return str(choice) or "identity"


@pytest.mark.parametrize(("name", "coding", "way", "count"), list(chosen(SMALL, 2)), ids=_ids)
def test_small_bodies(records_proxy: RunningProxy, pair: Pair, name: str, coding: str, way: Way, count: int) -> None:
    prove(records_proxy, pair, name, coding, way, count)


@pytest.mark.parametrize(("name", "coding", "way", "count"), list(chosen(LARGE, 1)), ids=_ids)
def test_large_bodies(records_proxy: RunningProxy, pair: Pair, name: str, coding: str, way: Way, count: int) -> None:
    prove(records_proxy, pair, name, coding, way, count)


@pytest.mark.comprehensive
@pytest.mark.parametrize(("name", "coding", "way", "count"), list(everything()), ids=_ids)
def test_the_full_product(
    records_proxy: RunningProxy, pair: Pair, name: str, coding: str, way: Way, count: int
) -> None:
    prove(records_proxy, pair, name, coding, way, count)


def test_the_sample_meets_every_pair_of_choices() -> None:
    sample = list(chosen(SMALL, 2))
    assert {(name, way) for name, _, way, _ in sample} == set(product(CASES, WAYS))
    assert {(coding, way) for _, coding, way, _ in sample} == set(product(CODINGS, WAYS))
    assert {(name, coding) for name, coding, _, _ in sample} == set(product(CASES, CODINGS))
    assert GOOD
