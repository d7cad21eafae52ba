"""No complete bad answer reaches a client that can tell: a clean denial when nothing was sent, a cut answer else.

Over every framing an upstream can use and every client that can listen. A body that ends by closing is sent on in a
framing that shows its end; a client of HTTP/1.0, which knows no such framing, gets the answer whole or not at all.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from tests.support.posting import WAYS, Pair, Way, send
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, dial
from tests.support.record_cases import CASES, CODINGS, GOOD, LARGE, SMALL, coded, is_json, readable
from tests.support.replies import Reply, Step, WaitUntil, split

PATH = "/answers/all"
JSON = ("content-type", "application/json")
ASKED = tuple(way for way in WAYS if way.framing == "length")
FRAMINGS = ("auto", "chunked", "close")


def answered(name: str, count: int, framing: str, coding: str = "") -> Reply:
    fields = (JSON, ("content-encoding", coding)) if coding else (JSON,)
    return Reply(headers=fields, body=split(coded(name, count, coding), 16_000), framing=framing)


def ask(proxy: RunningProxy, pair: Pair, way: Way, reply: Reply, path: str = PATH, method: str = "GET") -> Answer:
    pair.clear()
    pair.of(way).routes[path] = reply
    return send(proxy, pair.of(way), way, path, b"", (), method)


def bad_gateway(answer: Answer) -> dict[str, Any]:
    assert (answer.status, answer.complete) == (502, True)
    problem: dict[str, Any] = json.loads(answer.body)
    assert problem["status"] == 502
    assert "response was refused" in problem["detail"]
    return problem


def never_whole(answer: Answer, name: str, count: int, coding: str = "") -> None:
    """Either a clean denial, or provably cut and no JSON."""
    if answer.status == 502:
        assert bad_gateway(answer)["code"] == CASES[name].code
        return
    assert (answer.status, answer.complete) == (200, False)
    assert len(answer.body) < len(coded(name, count, coding))
    assert not is_json(readable(answer.body, coding))


@pytest.mark.parametrize("way", ASKED, ids=str)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("count", [SMALL, LARGE])
@pytest.mark.parametrize("name", GOOD)
def test_good_answers_arrive_unchanged(
    records_proxy: RunningProxy, pair: Pair, name: str, count: int, framing: str, way: Way
) -> None:
    for coding in CODINGS if count == SMALL else ("", "gzip"):
        answer = ask(records_proxy, pair, way, answered(name, count, framing, coding))
        assert (answer.status, answer.complete) == (200, True)
        assert answer.body == coded(name, count, coding)


@pytest.mark.parametrize("way", ASKED, ids=str)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", [name for name in CASES if name not in GOOD])
def test_bad_answers_never_arrive_whole(
    records_proxy: RunningProxy, pair: Pair, name: str, framing: str, way: Way
) -> None:
    if framing == "auto" and way.server == "h1":  # short, and it says so: judged whole before anything is sent
        answer = ask(records_proxy, pair, way, answered(name, SMALL, framing))
        assert bad_gateway(answer)["code"] == CASES[name].code
    coding = CODINGS[(len(name) + len(framing)) % len(CODINGS)]
    for count, chosen in product((SMALL, LARGE), {"", coding}):
        answer = ask(records_proxy, pair, way, answered(name, count, framing, chosen))
        never_whole(answer, name, count, chosen)


@pytest.mark.parametrize("way", ASKED, ids=str)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_wrong_from_the_start_is_a_clean_denial(
    records_proxy: RunningProxy, pair: Pair, framing: str, way: Way
) -> None:
    problem = bad_gateway(ask(records_proxy, pair, way, answered("bad first record", LARGE, framing)))
    assert (problem["pointer"], problem["row"]) == ("/records/0/id", 0)


# -- HTTP/1.0 ----------------------------------------------------------------------------------------------------------


def ask_as_1_0(proxy: RunningProxy, pair: Pair, reply: Reply) -> Answer:
    pair.clear()
    pair.h1.routes[PATH] = reply
    authority = f"127.0.0.1:{pair.h1.port}"
    with Http1Client(dial(proxy.address)) as client:
        client.send(f"GET http://{authority}{PATH} HTTP/1.0\r\nHost: {authority}\r\n\r\n".encode())
        return client.read()


@pytest.mark.parametrize(("framing", "count"), list(product(FRAMINGS, (SMALL, LARGE))))
def test_an_http_1_0_client_gets_all_or_a_denial(
    records_proxy: RunningProxy, pair: Pair, framing: str, count: int
) -> None:
    answer = ask_as_1_0(records_proxy, pair, answered("good", count, framing))
    assert (answer.status, answer.complete) == (200, True)
    assert answer.body == coded("good", count, "")
    assert answer.header("transfer-encoding") is None
    for name in ("bad last record", "missing last bracket"):
        answer = ask_as_1_0(records_proxy, pair, answered(name, count, framing))
        if framing == "auto" and count == LARGE:  # the length says that it was cut
            assert not answer.complete
        else:
            assert bad_gateway(answer)["code"] == CASES[name].code


# -- answers without a body --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ASKED, ids=str)
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body_pass(
    records_proxy: RunningProxy, pair: Pair, method: str, status: int, way: Way
) -> None:
    length = (("content-length", "1234"),) if method == "HEAD" else ()
    answer = ask(records_proxy, pair, way, Reply(status=status, headers=(JSON, *length)), method=method)
    assert (answer.status, answer.complete, answer.body) == (status, True, b"")
    if method == "HEAD":
        assert answer.header("content-length") == "1234"


# -- events ------------------------------------------------------------------------------------------------------------


def event(number: object) -> bytes:
    return b"data: " + json.dumps({"id": number, "email": "a@mail.test"}).encode() + b"\n\n"


@pytest.mark.parametrize("way", ASKED, ids=str)
@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_each_event_is_judged_before_it_leaves(records_proxy: RunningProxy, pair: Pair, framing: str, way: Way) -> None:
    events = (("content-type", "text/event-stream"),)
    good = [event(number) for number in range(50)] + [b"data: [DONE]\n\n"]
    answer = ask(records_proxy, pair, way, Reply(headers=events, body=good, framing=framing), "/events/all")
    assert (answer.status, answer.complete, answer.body) == (200, True, b"".join(good))
    for bad in (event("seven"), b'data: {"id":1,"id":2,"email":"abc"}\n\n', b'data: {"id":1,\n\n'):
        body: list[Step] = [*good[:20], bad, *good[20:]]
        answer = ask(records_proxy, pair, way, Reply(headers=events, body=body, framing=framing), "/events/all")
        assert not answer.complete or answer.status == 502
        assert bad not in answer.body
        if answer.status == 200:
            assert b"".join(good[:20]).startswith(answer.body)
        first = [bad, *good]
        answer = ask(records_proxy, pair, way, Reply(headers=events, body=first, framing=framing), "/events/all")
        bad_gateway(answer)


def test_good_events_are_out_before_the_bad_one_is_written(records_proxy: RunningProxy, pair: Pair) -> None:
    """The upstream waits with the bad event until the client has read the good ones."""
    pair.clear()
    seen: list[bytes] = []
    good = b"".join(event(number) for number in range(3))
    body: list[Step] = [good, WaitUntil(lambda: b"".join(seen).count(b"data:") == 3), event("seven")]
    pair.h1.routes["/events/slow"] = Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="close")
    authority = f"127.0.0.1:{pair.h1.port}"
    with dial(records_proxy.address) as connection:
        connection.sendall(f"GET http://{authority}/events/slow HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        while piece := connection.recv(65536):
            seen.append(piece)
    raw = b"".join(seen)
    assert raw.count(b"data:") == 3
    assert not raw.endswith(b"0\r\n\r\n")
