"""Server-sent events with schemas by name, through the proxy: good ones arrive, the first bad one ends the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.replies import Reply
from tests.support.upstream import Upstream

CHUNK = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FILES = {"chunk": CHUNK, "text": {"type": "string"}, "failure": {"type": "object", "required": ["code"]}}

CHUNK_EVENT = b'data: {"n":1}\n\n'
TEXT_EVENT = b'event: text\ndata: "hello"\n\n'
FAILURE_EVENT = b'event: failure\ndata: {"code":7}\n\n'
GOOD = (CHUNK_EVENT, TEXT_EVENT, b'event: other\ndata: {"n":2}\n\n', FAILURE_EVENT, b"data: [DONE]\n\n")


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("events")
    for name, schema in FILES.items():
        (folder / f"{name}.json").write_text(json.dumps(schema))
    schemas = {"response": "chunk.json", "events": {"text": "text.json", "failure": "failure.json"}}
    shadow = {"name": "shadow", "paths": ["/shadow"], "schema": schemas, "modes": {"schema": "shadow"}}
    rules = [{"name": "events", "paths": ["/events"], "schema": schemas}, shadow]
    with RunningProxy.start(folder, local_policy(authority, destinations={"local": {"rules": rules}})) as running:
        yield running


def listen(proxy: RunningProxy, upstream: Upstream, path: str, events: tuple[bytes, ...]) -> tuple[int, bytes, bool]:
    """(status, what arrived, whether it ended as it should)."""
    upstream.routes[path] = Reply(headers=(("content-type", "text/event-stream"),), body=events, framing="chunked")
    arrived = b""
    with (
        httpx.Client(proxy=proxy.url, verify=proxy.trust(), trust_env=False, timeout=15) as client,
        client.stream("GET", f"{upstream.tls_url}{path}") as answer,
    ):
        try:
            for piece in answer.iter_raw():
                arrived += piece
        except httpx.RemoteProtocolError:
            return answer.status_code, arrived, False
        return answer.status_code, arrived, True


def test_each_event_falls_under_the_schema_of_its_name(listening: RunningProxy, upstream: Upstream) -> None:
    assert listen(listening, upstream, "/events", GOOD) == (200, b"".join(GOOD), True)


BAD = {
    "a named event that fits the others": (b'event: text\ndata: {"n":1}\n\n', "/type"),
    "an event without a name that fits a name": (b'data: "hello"\n\n', "/type"),
    "a name in other letters": (b'event: TEXT\ndata: "hello"\n\n', "/type"),
    "a member missing": (b'event: failure\ndata: {"n":1}\n\n', "/required"),
}


@pytest.mark.parametrize(("event", "pointer"), BAD.values(), ids=BAD)
def test_the_first_bad_event_ends_the_stream(
    listening: RunningProxy, upstream: Upstream, event: bytes, pointer: str
) -> None:
    listening.begin_anew()
    status, arrived, whole = listen(listening, upstream, "/events", (*GOOD[:4], event, CHUNK_EVENT))
    if status == 502:  # nothing had been sent yet
        assert json.loads(arrived)["rule"] == "schema.row"
    else:
        assert (status, whole) == (200, False)
        assert b"".join(GOOD[:4]).startswith(arrived)
    line = listening.wait_for_verdicts(1)[-1]["unmapped"]["clyra"]
    assert (line["decision"], line["rule"]) == ("block", "schema.row")
    detail = line["findings"][0]["detail"]
    assert (detail["row"], detail["schema_pointer"]) == (4, pointer)


def test_in_shadow_a_bad_event_passes_and_is_noted(listening: RunningProxy, upstream: Upstream) -> None:
    listening.begin_anew()
    events = (CHUNK_EVENT, b"event: text\ndata: 1\n\n", TEXT_EVENT)
    assert listen(listening, upstream, "/shadow", events) == (200, b"".join(events), True)
    line = listening.wait_for_verdicts(1)[-1]["unmapped"]["clyra"]
    assert (line["decision"], line["would_action"]) == ("allow", "block")
    assert [finding["rule"] for finding in line["findings"]] == ["schema.row"]
