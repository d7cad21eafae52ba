"""Calls of tools recognised by their shape, wherever they are posted; everything else passes as it did."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.genai.wire.watching import MOST_BYTES, WATCHED, WatchingSession
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.protocol import SPOKEN
from tests.genai.wire.conftest import Open
from tests.support.data_path import House
from tests.support.exchanges import exchange
from tests.support.replies import Reply

PLACE = "/v2/hook"
JSON = {"content-type": "application/json"}
LONGEST = 4 << 20


def call(text: str = "ATTACK", **more: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 7,
        "method": "tools/call",
        "params": {"name": "x", "arguments": {"q": text}},
        **more,
    }


BAD = json.dumps(call()).encode()
LAST = json.dumps({"params": {"name": "x", "arguments": {"q": "ATTACK"}}, "id": 7, "method": "tools/call"}).encode()


def say(house: House) -> str:
    house.upstream.routes[PLACE] = Reply(headers=(("content-type", "application/json"),), body=[b'{"ok":true}'])
    return f"http://{house.authority}{PLACE}"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(BAD, JSON, id="plain"),
        pytest.param(BAD, {}, id="no content type"),
        pytest.param(BAD, {"content-type": "text/plain"}, id="said to be text"),
        pytest.param(BAD, {"content-type": "application/vnd.tool+json; charset=utf-8"}, id="some JSON"),
        pytest.param(BAD.replace(b"tools/call", b"\\u0074ools\\/call"), JSON, id="escapes"),
        pytest.param(b" \r\n" + BAD, JSON, id="blanks before"),
        pytest.param(LAST, JSON, id="the method last, no version"),
        pytest.param(gzip.compress(BAD), {**JSON, "content-encoding": "gzip"}, id="gzip"),
        pytest.param(json.dumps(call("ATTACK " + "x" * 100_000)).encode(), JSON, id="long"),
    ],
)
async def test_a_call_is_judged_and_refused_in_its_own_shape(opened: Open, body: bytes, fields: dict[str, str]) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(say(house), content=body, headers=fields)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["jsonrpc"], told["id"], answer.headers["clyra-reason"]) == ("2.0", 7, "prompt_injection")
        assert not house.upstream.journal.requests(PLACE)


async def test_a_call_that_comes_late_is_refused_without_its_id(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        body = b'{"jsonrpc":"2.0","z":"%b",%b' % (b"z" * 100_000, LAST[1:])
        answer = await client.post(say(house), content=body, headers=JSON)
        assert (answer.status_code, answer.headers["clyra-reason"]) == (403, "prompt_injection")
        assert not house.upstream.journal.requests(PLACE)


async def test_each_call_of_a_batch_is_answered(opened: Open) -> None:
    async with opened("enforce") as (house, client):
        batch = [{"jsonrpc": "2.0", "method": "ping", "id": 1}, call(id="b")]
        answer = await client.post(say(house), json=batch)
        assert [one["id"] for one in answer.json()] == [1, "b"]
        assert not house.upstream.journal.requests(PLACE)


async def test_the_answer_of_a_call_is_judged_too(opened: Open) -> None:
    result = {"jsonrpc": "2.0", "id": 7, "result": {"content": [{"type": "text", "text": "it is SECRET999"}]}}
    async with opened("enforce") as (house, client):
        url = say(house)
        house.upstream.routes[PLACE] = Reply(
            headers=(("content-type", "application/json"),), body=[json.dumps(result).encode()]
        )
        answer = await client.post(url, json=call("fine"))
        assert answer.json()["result"]["content"][0]["text"] == "it is [gone]"


async def test_shadow_only_tells(opened: Open) -> None:
    async with opened("shadow") as (house, client):
        answer = await client.post(say(house), content=BAD, headers=JSON)
        assert answer.json() == {"ok": True}
        ended = await house.verdict()
        assert ended.verdict is not None
        assert "injection.direct" in {finding.rule for finding in ended.verdict.findings}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"note":"ATTACK by tools/call"}', id="speaks of a call"),
        pytest.param(b'{"method":"eth_call","jsonrpc":"2.0","id":1,"params":["ATTACK"]}', id="another JSON-RPC"),
        pytest.param(b'{"inner":%b}' % BAD, id="a call inside"),
        pytest.param(b'[{"name":"ATTACK"}]', id="rows"),
        pytest.param(b'{"note":"ATTACK","fill":"%b"}' % (b"x" * 100_000), id="long"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"m","params":["ATTACK%b"]}' % (b"x" * 100_000), id="long, JSON-RPC"
        ),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_what_calls_no_tool_passes_unjudged(opened: Open, body: bytes) -> None:
    async with opened("enforce") as (house, client):
        answer = await client.post(say(house), content=body, headers=JSON)
        assert answer.json() == {"ok": True}
        assert [one.body for one in house.upstream.journal.requests(PLACE)] == [body]


@pytest.mark.parametrize(("genai", "media"), [("off", "application/json"), ("auto", "application/octet-stream")])
async def test_where_nothing_is_watched(opened: Open, genai: str, media: str) -> None:
    async with opened("enforce", destinations={"local": {"genai": genai}}) as (house, client):
        answer = await client.post(say(house), content=BAD, headers={"content-type": media})
        assert answer.json() == {"ok": True}


class Collecting:
    """Stands for the session of a conversation."""

    check_id, mode = "genai", Mode.ENFORCE
    coverage = Coverage(Seen.FULL)

    def __init__(self) -> None:
        self.body = b""
        self.ended = False

    def feed(self, data: bytes) -> int:
        self.body += data
        return 0

    def finish(self) -> int:
        self.ended = True
        return EVERYTHING


@given(st.lists(st.integers(0, len(LAST)), max_size=6))
def test_any_split_is_the_same_call_and_nothing_leaves_before(cuts: list[int]) -> None:
    made, inner = exchange(), Collecting()
    session = WatchingSession(made, Mode.ENFORCE, LONGEST, lambda: inner)
    places = [0, *sorted(cuts), len(LAST)]
    assert all(session.feed(LAST[start:end]) == 0 for start, end in itertools.pairwise(places))
    assert session.finish() == EVERYTHING
    assert (inner.body, inner.ended, made.extensions[SPOKEN]) == (LAST, True, "mcp")
    assert session.coverage.seen is Seen.FULL


@pytest.mark.parametrize(
    ("parts", "marks"),
    [
        ([b"--boundary"], [EVERYTHING]),
        ([b" \n", b"name,mail"], [0, EVERYTHING]),
        ([b"{", b"x" * MOST_BYTES], [0, EVERYTHING]),
        ([b'{"jsonrpc":', b"x" * MOST_BYTES, b"x" * LONGEST], [0, 0, EVERYTHING]),
    ],
)
def test_it_lets_go_as_soon_as_it_can(parts: list[bytes], marks: list[int]) -> None:
    made = exchange()
    session = WatchingSession(made, Mode.ENFORCE, LONGEST, Collecting)
    assert [session.feed(part) for part in parts] == marks
    assert WATCHED not in made.extensions
    assert (session.feed(BAD), session.finish()) == (EVERYTHING, EVERYTHING)
    assert SPOKEN not in made.extensions
