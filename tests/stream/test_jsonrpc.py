"""The id of a JSON-RPC call is read from the opening of its body, however the body is cut and written."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.exchange import Exchange, RequestHead
from clyra_proxy.stream.jsonrpc import LONGEST_ID, LONGEST_OPENING, JsonRpcId, find_id
from clyra_proxy.verdict.denial import JSONRPC_ID
from clyra_proxy.verdict.model import Coverage, Phase, Seen
from tests.support.bodies import cut
from tests.support.exchanges import exchange

MCP = ((b"accept", b"application/json, text/event-stream"), (b"content-type", b"application/json"))
NOTHING = object()


def posted(*fields: tuple[bytes, bytes], method: str = "POST") -> Exchange:
    made = exchange()
    made.request = RequestHead((*MCP, *fields), method, "/mcp", "HTTP/1.1")
    return replace(made, extensions={})


def read(body: bytes, size: int | random.Random = 1 << 20, *, whole: bool = True) -> Any:
    """What is kept in the exchange after `body`; NOTHING when nothing is."""
    made = posted()
    session = JsonRpcId().open(made, Phase.REQUEST_BODY)
    assert session is not None
    for chunk in cut(body, size):
        assert session.feed(chunk) == EVERYTHING
    if whole:
        assert session.finish() == EVERYTHING
        assert not session._opening
    return made.extensions.get(JSONRPC_ID, NOTHING)


CALL = b'{"method":"tools/call","params":{"a":[1,{"id":9,"method":"x"}],"s":"\\"}{"},"jsonrpc":"2.0","id":%s}'
NO_ID = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (CALL % b"12", 12),
        (CALL % b'"a\\u00e9"', "aé"),
        (CALL % b"-3", -3),
        (b' {"id" : 7 , "method":"ping"}\n', 7),
        (NO_ID, None),
        (CALL % b"null", None),
        (CALL % b"true", None),
        (CALL % b"1.5", None),
        (CALL % b"99999999999999999999999999", None),
        (CALL % (b'"' + b"x" * (LONGEST_ID + 1) + b'"'), None),
        (b'{"jsonrpc":"2.0","id":3,"result":{}}', None),
        (b'[{"jsonrpc":"2.0","id":3,"method":"x"}]', (3,)),
        (b"[" + NO_ID + b', {"id":"b","method":"x"}, {"id":4,"result":{}}, {"id":5,"method":"y"}]\n', ("b", 5)),
        (b"[" + NO_ID + b"]", None),
        (b'[{"id":3,"method":"x"}, 7', NOTHING),
        (b'"id"', NOTHING),
        (b"", NOTHING),
        (b'{"id":5,"method":"x","params":{"broken":}}', 5),
        (b'{"id":5,"method":"x","params":1e400}', 5),
        (b'{"id":5,"method":"x"} trailing', 5),
        (b'{"id":5 "method":"x"', NOTHING),
        (b'{"method":"x","params":"' + b"x" * LONGEST_OPENING + b'","id":5}', NOTHING),
        (b'{"id":5,"method":"x","params":"' + b"x" * LONGEST_OPENING + b'"}', 5),
    ],
)
def test_the_id_is_kept(body: bytes, kept: Any, size: int) -> None:
    found = read(body, size)
    assert (type(found), found) == (type(kept), kept) if kept is not NOTHING else found is NOTHING


def test_an_opening_is_enough() -> None:
    opening = b'{"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"rows":["'
    assert read(opening, whole=False) == 41
    assert read(b'{"method":"m","id":4', whole=False) is NOTHING  # it may be 41


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    ),
    st.one_of(st.integers(-(2**60), 2**60), st.text(max_size=30)),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_any_params_in_any_order_and_cut(
    params: object, number: int | str, chance: random.Random, ascii_only: bool
) -> None:
    members = [("method", "m"), ("params", params), ("jsonrpc", "2.0"), ("id", number)]
    chance.shuffle(members)
    body = json.dumps(dict(members), ensure_ascii=ascii_only).encode()
    assert find_id(body) == number
    assert read(body, chance) == number
    orjson.dumps(number)


@pytest.mark.parametrize(
    "made",
    [
        posted(method="GET"),
        posted((b"content-encoding", b"gzip")),
        replace(posted(), request=RequestHead(((b"content-type", b"application/json"),), "POST", "/", "HTTP/1.1")),
    ],
)
def test_other_exchanges_cost_nothing(made: Exchange) -> None:
    assert JsonRpcId().open(made, Phase.REQUEST_BODY) is None


def test_reading_is_no_coverage() -> None:
    made = posted()
    made.request_coverage = Coverage(Seen.SKIPPED, "off")
    session = JsonRpcId().open(made, Phase.REQUEST_BODY)
    assert session is not None
    assert session.coverage == Coverage(Seen.SKIPPED, "off")
