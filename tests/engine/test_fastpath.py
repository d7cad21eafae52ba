"""Every patch: written for exactly this source, changes no result, refused for another version, can be taken back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.engine import fastpath

DIGESTS = """
import hashlib, inspect, sys
from mitmproxy import connection, flow, http, optmanager
from mitmproxy.coretypes import multidict
from mitmproxy.net import check
from mitmproxy.net.http import url
from mitmproxy.net.http.http1 import read
from mitmproxy.proxy import context, server
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import tls, websocket
from mitmproxy.proxy.layers.http import _http1, _http2, _http_h2
subjects = [
    http.MessageData, http.Headers, multidict._MultiDict, optmanager._Option.current, context.Context.fork,
    check.is_valid_host, read.connection_close, read.get_header_tokens, read.expected_http_body_size,
    url.parse_authority, url.parse, flow.Flow.__init__, connection.Connection,
    server.ConnectionHandler, server.LiveConnectionHandler, layer.Layer, layer.NextLayer, http_layers.HttpStream,
    http_layers.HttpLayer, http_layers.HttpClient, _http1, _http2, _http_h2, websocket.WebsocketLayer, tls.TLSLayer,
]
for subject in subjects:
    print(subject.__name__, hashlib.sha256(inspect.getsource(subject).encode()).hexdigest()[:16])
"""

SOURCES = {
    "MessageData": "bad2ea9a351a70d6",
    "Headers": "947aa0298abd4010",
    "_MultiDict": "9d8341c83747569d",
    "current": "6859c2d9c826806e",
    "fork": "cad9374a0689f10a",
    "is_valid_host": "76efad3bee98e9b5",
    "connection_close": "d53e499096578d6b",
    "get_header_tokens": "5d2ae35213c9e619",
    "expected_http_body_size": "bf258f07286cf770",
    "parse_authority": "d8338265c05d8491",
    "parse": "25431c611ea39d3f",
    "__init__": "7c7b602cfb75bf18",
    "Connection": "fc9cbe673085d377",
    "ConnectionHandler": "f7209a1273f3da94",
    "LiveConnectionHandler": "7e512dd40fb290b9",
    "Layer": "e98dedd896fb7cd2",
    "NextLayer": "3cbcbafad282cba3",
    "HttpStream": "baaac4f7cdb36a32",
    "HttpLayer": "8da4a8a48e637b88",
    "HttpClient": "8401d422afdaff15",
    "mitmproxy.proxy.layers.http._http1": "a2ed8918f1c4a070",
    "mitmproxy.proxy.layers.http._http2": "f47bdcb75c97138f",
    "mitmproxy.proxy.layers.http._http_h2": "62b992b8e61893a6",
    "WebsocketLayer": "094cd5f8cf031433",
    "TLSLayer": "c52e04ed2c416749",
}
"""First 16 hex digits of SHA-256 of the source of everything that is patched, subclassed or replaced. A difference
means: read what changed upstream, adapt `clyra_proxy/engine`, run the differential test, then renew this table."""


def test_sources_are_those_the_engine_was_written_for() -> None:
    printed = subprocess.run([sys.executable, "-c", DIGESTS], capture_output=True, text=True, check=True).stdout
    assert dict(line.split() for line in printed.splitlines()) == SOURCES


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fastpath.uninstall()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(fastpath.version, "VERSION", "12.9.9")
            with pytest.raises(fastpath.StartupError, match=r"12\.9\.9"):
                fastpath.install()
            assert not fastpath._replaced
    finally:
        fastpath.install()


def test_install_is_idempotent_and_can_be_taken_back() -> None:
    fastpath.uninstall()
    before = [vars(patch.owner).get(patch.name) for patch in fastpath.PATCHES]
    fastpath.install()
    fastpath.install()
    assert [vars(patch.owner)[patch.name] for patch in fastpath.PATCHES] == [
        patch.replacement for patch in fastpath.PATCHES
    ]
    fastpath.uninstall()
    assert [vars(patch.owner).get(patch.name) for patch in fastpath.PATCHES] == before
    fastpath.install()


NAMES = st.sampled_from([b"Host", b"host", b"X-A", b"x-a", b"Cookie", b"X-\xff"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=6)), max_size=6)


def _look(fields: list[tuple[bytes, bytes]], name: Any) -> list[Any]:
    headers = fastpath.http.Headers(fields)
    try:
        item = headers[name]
    except KeyError:
        item = None
    return [headers.get(name), headers.get(name, "none"), headers.get_all(name), name in headers, item]


@given(FIELDS, st.sampled_from(["host", "HOST", "x-a", b"x-A", "cookie", "absent", "x-\udcff"]))
def test_headers_answer_as_before(fields: list[tuple[bytes, bytes]], name: Any) -> None:
    fastpath.install()
    fast = _look(fields, name)
    fastpath.uninstall()
    try:
        assert fast == _look(fields, name)
    finally:
        fastpath.install()


@given(
    st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", b"HTTP/1.1", "HTTP/3"]),
    st.lists(
        st.sampled_from([b"close", b"keep-alive", b"Close", b"upgrade, close", b" close ", b"", b"\xff"]), max_size=3
    ),
)
def test_the_end_of_a_connection_is_told_as_before(version: Any, values: list[bytes]) -> None:
    headers = fastpath.http.Headers([(b"Connection", value) for value in values])
    assert fastpath.connection_close(version, headers) == fastpath._original_close(version, headers)


FRAMING = st.lists(
    st.sampled_from(
        [(b"Content-Length", b"5"), (b"content-length", b"x"), (b"Transfer-Encoding", b"chunked"),
         (b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"identity"), (b"TE", b"trailers")]
    ),
    max_size=3,
)  # fmt: skip
HEADS = st.lists(
    st.tuples(st.sampled_from(["GET", "HEAD", "CONNECT"]), FRAMING, st.none() | st.sampled_from([100, 200, 204, 304])),
    min_size=2,
    max_size=4,
)


@given(HEADS)
def test_sizes_of_bodies_are_told_as_before_also_when_a_head_changes(heads: list[tuple[str, Any, int | None]]) -> None:
    request, response = fastpath.http.Request.make("GET", "http://a/"), fastpath.http.Response.make()

    def outcome(function: Any, answer: Any) -> Any:
        try:
            return function(request, answer)
        except ValueError as error:
            return str(error)

    for method, fields, status in heads:
        request.method, response.status_code = method, status or 0
        (request if status is None else response).headers = fastpath.http.Headers(fields)
        answer = None if status is None else response
        for _ in range(2):
            assert outcome(fastpath.expected_http_body_size, answer) == outcome(fastpath._original_size, answer)


@pytest.mark.parametrize("fields", [(), [(b"a", b"b"), [b"A", b"c"]], [(b"a", "b")], [("a", b"b")], [b"ab"], [(b"a",)]])
@pytest.mark.parametrize("further", [{}, {"content_type": "x/y", "a": "z"}])
def test_headers_are_made_as_before(fields: Any, further: dict[str, str]) -> None:
    def outcome(function: Any) -> Any:
        made = fastpath.http.Headers.__new__(fastpath.http.Headers)
        try:
            function(made, fields, **further)
        except (TypeError, ValueError) as error:
            return str(error)
        return made.fields

    assert outcome(fastpath.make_headers) == outcome(fastpath._original_init)


AUTHORITIES = st.one_of(
    st.sampled_from(
        ["a.example", "a.example:80", "[::1]:443", "10.0.0.1", "a b", "", "a:99999", "ü.example", "x" * 600]
    ),
    st.text(max_size=12),
)


@given(AUTHORITIES, st.booleans())
def test_authorities_parse_as_before(text: str, check: bool) -> None:
    def outcome(function: Any) -> Any:
        try:
            return function(text, check)
        except ValueError:
            return "refused"

    assert outcome(fastpath.parse_authority) == outcome(fastpath._uncached_authority)
    assert outcome(fastpath.parse_authority) == outcome(fastpath._uncached_authority)


@given(
    st.one_of(
        st.sampled_from(["http://a/", "http://a:1/x?y#z", "https://ü/", "http://", "x" * 600]), st.text(max_size=20)
    )
)
def test_urls_parse_as_before(text: str) -> None:
    def outcome(function: Any) -> Any:
        try:
            return function(text.encode())
        except (ValueError, UnicodeError):
            return "refused"

    assert outcome(fastpath.parse_url) == outcome(fastpath._uncached_url)


@pytest.mark.parametrize("value", [True, 5, "text", None, ["a"], []])
def test_options_answer_as_before_and_lists_stay_copies(value: Any) -> None:
    option = fastpath.optmanager._Option("x", type(value) if value is not None else str | None, value, "", None)
    first = fastpath.current(option)
    assert first == value
    if isinstance(value, list):
        first.append("changed")
        assert fastpath.current(option) == value


def test_a_forked_context_is_independent() -> None:
    from mitmproxy.connection import Client
    from mitmproxy.options import Options

    parent = fastpath.context.Context(Client(peername=("a", 1), sockname=("b", 2)), Options())
    child = fastpath.fork(parent)
    assert vars(child).keys() == vars(parent).keys()
    assert child.server is parent.server
    child.layers.append(object())  # type: ignore[arg-type]
    assert parent.layers == []


def test_identifiers_are_unique() -> None:
    made = fastpath.CheapIdentifiers()
    other = fastpath.CheapIdentifiers()
    assert len({made.uuid4() for _ in range(1000)} | {other.uuid4() for _ in range(1000)}) == 2000


def test_every_patch_says_why() -> None:
    assert all(patch.why for patch in fastpath.PATCHES)
    assert len({(id(patch.owner), patch.name) for patch in fastpath.PATCHES}) == len(fastpath.PATCHES)
