"""Spooled bodies reach an upstream only when all of them passed; rows are judged one by one, in every row format."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.posting import WAYS, Pair, Way, send
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, dial
from tests.support.record_cases import CASES, GOOD, LARGE, SMALL, coded

TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=xyz",
}


def line(number: object) -> bytes:
    return json.dumps({"id": number, "email": "a@mail.test"}).encode() + b"\n"


def part(name: str, text: str) -> bytes:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()


CSV_GOOD = b"id,email\r\n" + b"".join(b"%d,a@mail.test\r\n" % at for at in range(3000))
ROWS: dict[str, tuple[bytes, list[tuple[bytes, int]]]] = {
    "ndjson": (
        b"".join(line(at) for at in range(3000)),
        [
            (line("seven") + b"".join(line(at) for at in range(3000)), 0),
            (b"".join(line("seven" if at == 2500 else at) for at in range(3000)), 2500),
            (b"".join(line(at) for at in range(2999)) + line("seven"), 2999),
            (b"".join(line(at) for at in range(2000)) + b'{"id":1,"id":2,"email":"abc"}\n', 2000),
            (b"".join(line(at) for at in range(2000)) + line(1)[:-1] + line(2), 2000),
            (b"".join(line(at) for at in range(2000)) + line(1)[:9], 2000),
        ],
    ),
    "csv": (
        CSV_GOOD,
        [
            (CSV_GOOD.replace(b"2500,", b"seven,"), 2500),
            (CSV_GOOD.replace(b"\r\n0,", b"\r\nx,"), 0),
            (CSV_GOOD + b"1,abc,more\r\n", 3000),
            (CSV_GOOD + b'1,"abc\r\n', 3000),
        ],
    ),
    "form": (
        b"id=7&email=a%40mail.test",
        [(b"id=seven&email=a%40mail.test", 0), (b"id=7", 0), (b"id=7&id=8&email=abc", 0)],
    ),
    "multipart": (
        part("id", "7") + part("email", "a@mail.test") + b"--xyz--\r\n",
        [
            (part("id", "seven") + part("email", "a@mail.test") + b"--xyz--\r\n", 0),
            (part("id", "7") + part("email", "a@mail.test"), 0),
            (part("id", "7") + part("id", "8") + part("email", "abc") + b"--xyz--\r\n", 0),
        ],
    ),
}


def post(proxy: RunningProxy, pair: Pair, way: Way, path: str, kind: str, body: bytes) -> Answer:
    pair.clear()
    return send(proxy, pair.of(way), way, path, body, (("content-type", TYPES[kind]),))


def cases() -> Iterator[tuple[str, int]]:
    for kind, (_, bad) in ROWS.items():
        yield from ((kind, at) for at in range(len(bad)))


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("path", ["/rows/in", "/spooled-rows/in"])
@pytest.mark.parametrize("kind", ROWS)
def test_good_rows_arrive_unchanged(records_proxy: RunningProxy, pair: Pair, kind: str, path: str, way: Way) -> None:
    body, _ = ROWS[kind]
    answer = post(records_proxy, pair, way, path, kind, body)
    assert (answer.status, answer.complete) == (200, True)
    (message,) = pair.of(way).journal.requests(path)
    assert (message.complete, message.sha256) == (True, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize("path", ["/rows/in", "/spooled-rows/in"])
@pytest.mark.parametrize(("kind", "at"), list(cases()))
def test_bad_rows_never_arrive_in_a_whole_message(
    records_proxy: RunningProxy, pair: Pair, kind: str, at: int, path: str
) -> None:
    body, row = ROWS[kind][1][at]
    for way in WAYS:
        answer = post(records_proxy, pair, way, path, kind, body)
        assert (answer.status, answer.complete) == (422, True)
        problem: dict[str, Any] = json.loads(answer.body)
        assert problem["code"] in ("row_invalid", "json_duplicate_key", "json_trailing", "json_incomplete")
        if kind in ("ndjson", "csv"):
            assert problem["row"] == row
        journal = pair.of(way).journal
        assert journal.settled()
        assert not journal.complete(path)
        if path == "/spooled-rows/in":
            assert not journal.connections
        for message in journal.requests(path):
            assert body.startswith(message.body)
            if kind in ("ndjson", "csv"):
                assert message.body.count(b"\n") <= row + (kind == "csv")


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_a_spooled_body_arrives_only_when_all_of_it_passed(
    records_proxy: RunningProxy, pair: Pair, count: int, way: Way
) -> None:
    for at, name in enumerate(CASES):
        coding = ("", "gzip", "zstd")[at % 3]
        fields = [("content-type", "application/json"), *([("content-encoding", coding)] if coding else [])]
        body = coded(name, count, coding)
        pair.clear()
        answer = send(records_proxy, pair.of(way), way, "/spooled/batch", body, fields)
        journal = pair.of(way).journal
        if name in GOOD:
            assert answer.status == 200
            (message,) = journal.requests("/spooled/batch")
            assert (message.complete, message.sha256) == (True, hashlib.sha256(body).hexdigest())
        else:
            assert answer.status == 422
            assert not journal.connections


def test_the_upstream_is_not_called_before_the_last_byte(records_proxy: RunningProxy, pair: Pair) -> None:
    body = coded("good", LARGE, "")
    authority = f"127.0.0.1:{pair.h1.port}"
    head = f"POST http://{authority}/spooled/slow HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n"
    with Http1Client(dial(records_proxy.address)) as client:
        client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
        other = threading.Thread(target=_ask_something, args=(records_proxy, pair))
        other.start()
        other.join()  # the proxy has served another exchange meanwhile: it had time to call
        assert [message.path for message in pair.h1.journal.messages] == ["/json"]
        client.send(body[-1:])
        assert client.read().status == 200
    (message,) = pair.h1.journal.complete("/spooled/slow")
    assert message.sha256 == hashlib.sha256(body).hexdigest()


def _ask_something(proxy: RunningProxy, pair: Pair) -> None:
    assert send(proxy, pair.h1, WAYS[0], "/json", b"", (), "GET").status == 200
