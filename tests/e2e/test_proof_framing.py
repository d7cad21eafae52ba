"""What two readers could understand differently never leaves the proxy, and nothing that follows it does either.

Every attempt is followed, on the same connection, by a second request that an upstream would see if it had been
smuggled in. The witness is the journal: no connection carries a request that the proxy has not judged.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.support.posting import Pair
from tests.support.proxy import RunningProxy
from tests.support.raw import Answer, Http1Client, Http2Client, dial

HIDDEN = "GET {url}/hidden HTTP/1.1\r\nHost: {host}\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
ATTEMPTS: dict[str, str] = {
    "both lengths": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 6\r\n" + CHUNKED + "\r\n0\r\n\r\nG",
    "both lengths, other order": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n"
    + CHUNKED
    + "Content-Length: 6\r\n\r\n0\r\n\r\nG",
    "two lengths": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
    "two equal lengths": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5, 5\r\n\r\nabcde",
    "signed length": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: +5\r\n\r\nabcde",
    "negative length": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n",
    "hexadecimal length": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0x5\r\n\r\nabcde",
    "length with underscore": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1_0\r\n\r\n0123456789",
    "gzip, chunked": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked, gzip": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + CHUNKED + "\r\n0\r\n\r\n",
    "identity": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
    "quoted chunked": 'POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "vertical tab": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "form feed": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n",
    "bare return": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\r\n\r\n0\r\n\r\n",
    "length after a bare return": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: \r5\r\n\r\nabcde",
    "space before the colon": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space before the length's colon": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length : 5\r\n\r\nabcde",
    "folded field": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "folded length": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space before the first field": "POST {url}/a HTTP/1.1\r\n Host: {host}\r\nContent-Length: 0\r\n\r\n",
    "bare return in a field": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n",
    "null in a field": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "null in a name": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent\0-Length: 0\r\n\r\n",
    "no name": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n: x\r\nContent-Length: 0\r\n\r\n",
    "no colon": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length\r\n\r\n",
    "two hosts": "GET {url}/a HTTP/1.1\r\nHost: {host}\r\nHost: other.test\r\n\r\n",
    "return in the target": "GET {url}/a\rb HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "fragment in the target": "GET {url}/a#/../b HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "length dropped by the next hop": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nConnection: Content-Length\r\n"
    "Content-Length: 5\r\n\r\nabcde",
    "coding dropped by the next hop": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n"
    "Connection: keep-alive , transfer-encoding\r\n" + CHUNKED + "\r\n5\r\nabcde\r\n0\r\n\r\n",
    "type dropped by the next hop": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    "Connection: x,content-type\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1",
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "not a version": "GET {url}/a HTTP/9.1\r\nHost: {host}\r\n\r\n",
    "chunk size with a sign": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\n+5\r\nabcde\r\n0\r\n\r\n",
    "chunk size with 0x": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\n0x5\r\nabcde\r\n0\r\n\r\n",
    "endless chunk size": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\nffffffffffffffffffff5\r\nabc",
    "chunk without its end": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\n5\r\nabcdeX\r\n0\r\n\r\n",
    "chunk ended by a bare feed": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\n5\r\nabcde\n0\r\n\r\n",
    "extension with a bare feed": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n"
    + CHUNKED
    + "\r\n2;\nxx\r\nab\r\n0\r\n\r\n",
    "extension that never ends": "POST {url}/a HTTP/1.1\r\nHost: {host}\r\n" + CHUNKED + "\r\n2;" + "x" * 100_000,
}
"""Each is refused, or what the upstream gets of it is provably incomplete."""

UNAMBIGUOUS: dict[str, tuple[str, bytes]] = {
    "chunk extension": (CHUNKED + "\r\n5;name=value\r\nabcde\r\n0\r\n\r\n", b"abcde"),
    "trailer fields": (CHUNKED + "\r\n5\r\nabcde\r\n0\r\nContent-Length: 99\r\nX: y\r\n\r\n", b"abcde"),
}
"""One reading: passed on in the proxy's own words, without extension and trailer."""


def filled(text: str, pair: Pair) -> bytes:
    host = f"127.0.0.1:{pair.h1.port}"
    return text.replace("{url}", f"http://{host}").replace("{host}", host).encode("latin-1")


def tell(proxy: RunningProxy, data: bytes) -> tuple[Answer, bytes]:
    """Send bytes and stop sending; the first answer and whatever comes after it."""
    with Http1Client(dial(proxy.address, timeout=3)) as client:
        with contextlib.suppress(OSError):
            client.send(data)
        answer = client.read()
        client.socket.settimeout(0.2)
        return answer, client.rest()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_ambiguous_requests_and_what_follows_them_go_nowhere(
    records_proxy: RunningProxy, pair: Pair, name: str
) -> None:
    answer, after = tell(records_proxy, filled(ATTEMPTS[name] + HIDDEN, pair))
    assert answer.status in (0, 400, 403, 431)
    assert b"HTTP/1.1 200" not in after
    journal = pair.h1.journal
    assert journal.settled()
    assert not [message for message in journal.messages if message.complete]
    assert not journal.requests("/hidden")
    assert not any(message.framing == "invalid" for message in journal.messages)
    assert not any(b"hidden" in connection.raw for connection in journal.connections)


@pytest.mark.parametrize("name", UNAMBIGUOUS)
def test_what_has_one_reading_is_passed_on_in_its_plainest_form(
    records_proxy: RunningProxy, pair: Pair, name: str
) -> None:
    rest, body = UNAMBIGUOUS[name]
    data = filled("POST {url}/echo HTTP/1.1\r\nHost: {host}\r\n" + rest, pair)
    answer, _ = tell(records_proxy, data + filled(HIDDEN.replace("/hidden", "/json"), pair))
    assert (answer.status, answer.body) == (200, body)
    first, second = pair.h1.journal.messages
    assert (first.path, bytes(first.body), first.trailers) == ("/echo", body, [])
    assert second.path == "/json"
    raw = b"".join(bytes(connection.raw) for connection in pair.h1.journal.connections)
    assert b"name=value" not in raw


def test_a_line_that_ends_in_a_bare_feed_has_one_reading_or_none(records_proxy: RunningProxy, pair: Pair) -> None:
    data = filled("POST {url}/echo HTTP/1.1\nHost: {host}\nContent-Length: 2\n\nab" + HIDDEN, pair)
    answer, _ = tell(records_proxy, data)
    assert answer.status in (200, 400)
    for connection in pair.h1.journal.connections:
        assert b"\n" not in bytes(connection.raw).replace(b"\r\n", b"")
    assert [bytes(message.body) for message in pair.h1.journal.requests("/echo")] in ([], [b"ab"])


@pytest.mark.parametrize("other", ["other.test", "127.0.0.1:1", "localhost"])
def test_the_target_and_the_host_must_name_the_same(records_proxy: RunningProxy, pair: Pair, other: str) -> None:
    answer, _ = tell(records_proxy, filled("GET {url}/a HTTP/1.1\r\nHost: " + other + "\r\n\r\n", pair))
    assert answer.status == 403
    assert not pair.h1.journal.messages


def test_what_was_pipelined_behind_a_refused_request_is_not_served(records_proxy: RunningProxy, pair: Pair) -> None:
    """A refusal in mid-body closes the connection: where the next request begins could be the sender's to say."""
    bad = b'{"source":"crm","records":[{"id":"seven","email":"abc"}]}'
    head = "POST {url}/records/a HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    for framing in (f"Content-Length: {len(bad) + 40}\r\n\r\n", CHUNKED + "\r\n39\r\n"):
        pair.clear()
        answer, after = tell(records_proxy, filled(head + framing, pair) + bad + filled(HIDDEN, pair))
        assert answer.status in (0, 422)
        assert b"HTTP/1.1 200" not in after
        assert not pair.h1.journal.messages


def test_requests_behind_a_refused_one_that_ended_are_judged_alone(records_proxy: RunningProxy, pair: Pair) -> None:
    bad = b'{"source":"crm","records":[{"id":"seven","email":"abc"}]}'
    head = "POST {url}/records/a HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    request = filled(head + f"Content-Length: {len(bad)}\r\n\r\n", pair) + bad
    answer, after = tell(records_proxy, request + filled(HIDDEN, pair) + request)
    assert answer.status == 422
    assert [message.path for message in pair.h1.journal.messages] in (["/hidden"], [])
    assert after.count(b"HTTP/1.1 422") == len(pair.h1.journal.messages)


# -- HTTP/2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("declared", [2, 10])
def test_a_length_that_is_not_the_body_s(records_proxy: RunningProxy, pair: Pair, declared: int, server: str) -> None:
    upstream = pair.h2 if server == "h2" else pair.h1
    authority = f"localhost:{upstream.tls_port}"
    connection = dial(("localhost", upstream.tls_port), proxy=records_proxy.address, tls=records_proxy.trust(("h2",)))
    with Http2Client(connection) as client:
        stream = client.open("POST", "/a", authority, [("content-length", str(declared))], end=False)
        client.data(stream, b"abcde")
        answer = client.answer(stream)
    assert answer.status != 200
    assert upstream.journal.settled()
    assert not upstream.journal.complete("/a")


H2_ATTEMPTS: dict[str, list[tuple[str, str]]] = {
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "transfer-encoding and length": [("transfer-encoding", "chunked"), ("content-length", "5")],
    "two lengths": [("content-length", "5"), ("content-length", "6")],
    "line end in a value": [("x", "a\r\nx-injected: 1")],
    "request in a value": [("x", "a\r\n\r\nGET /hidden HTTP/1.1\r\nhost: a\r\n\r\n")],
    "feed in a value": [("x", "a\nx-injected: 1")],
    "null in a value": [("x", "a\0b")],
    "line end in a name": [("x\r\nx-injected", "1")],
    "colon in a name": [("x: 1", "y")],
    "upper case name": [("Transfer-Encoding", "chunked")],
    "connection": [("connection", "x-secret"), ("x-secret", "1")],
    "another host": [("host", "other.test")],
    "two hosts": [("host", "other.test"), ("host", "another.test")],
    "pseudo field after a field": [("x", "1"), (":path", "/hidden")],
}


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize("name", H2_ATTEMPTS)
def test_http_2_heads_that_would_be_read_differently(
    records_proxy: RunningProxy, pair: Pair, name: str, server: str
) -> None:
    upstream = pair.h2 if server == "h2" else pair.h1
    answer = _raw_h2(records_proxy, upstream.tls_port, H2_ATTEMPTS[name], "/a")
    assert answer.status != 200
    assert upstream.journal.settled()
    assert not upstream.journal.messages


@pytest.mark.parametrize("server", ["h1", "h2"])
@pytest.mark.parametrize(
    "path", ["/a#b", "/a b", "/a\r\nx-injected: 1", "/a HTTP/1.1\r\nhost: b\r\n\r\nGET /hidden", "a", "", "*"]
)
def test_http_2_targets_that_would_be_read_differently(
    records_proxy: RunningProxy, pair: Pair, path: str, server: str
) -> None:
    upstream = pair.h2 if server == "h2" else pair.h1
    answer = _raw_h2(records_proxy, upstream.tls_port, [], path)
    assert answer.status != 200
    assert upstream.journal.settled()
    assert not upstream.journal.messages


def _raw_h2(proxy: RunningProxy, port: int, fields: list[tuple[str, str]], path: str) -> Answer:
    connection = dial(("localhost", port), proxy=proxy.address, tls=proxy.trust(("h2",)), timeout=3)
    with Http2Client(connection) as client:
        client.h2.config.normalize_outbound_headers = False  # the client is told not to mend what it is given
        stream = client.open("POST", path, f"localhost:{port}", fields, end=False)
        client.data(stream, b"abcde")
        return client.answer(stream)
