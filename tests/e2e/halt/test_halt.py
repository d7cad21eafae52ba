"""The kill switch end to end on two workers: scopes, streams, ways in, ways that are none, restarts, evidence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
import websockets.exceptions

from clyra_proxy.home import Home
from recorder import signature
from tests.support.certificates import Authority, client_context
from tests.support.halting import Switch, wait_for
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http1Client, Http2Client, dial
from tests.support.upstream import Upstream


def test_everything_is_refused_by_every_worker_until_it_is_resumed(switch: Switch, upstream: Upstream) -> None:
    assert not switch.is_halted(upstream.url)
    told = switch.halt("global")
    assert (told["workers"], told["durable"], told["recorded"]) == (2, True, True)
    assert all(switch.is_halted(upstream.url) for _ in range(12))
    answer = switch.get(upstream.tls_url)
    assert answer.headers["retry-after"] == "30"
    assert answer.headers["content-type"] == "application/problem+json"
    upstream.journal.clear()
    assert switch.is_halted(upstream.tls_url)
    assert not upstream.journal.messages
    assert switch.halt("global")["changed"] is False
    switch.resume("global")
    assert not any(switch.is_halted(upstream.url) for _ in range(4))


@pytest.mark.parametrize(
    ("scope", "agent", "halted"),
    [
        ("agent:bot", "bot", True),
        ("agent:bot", "other", False),
        ("destination:local", "bot", True),
        ("destination:127.0.0.1", "bot", True),
        ("destination:elsewhere", "bot", False),
        ("tenant:acme", "bot", False),
    ],
)
def test_scopes(switch: Switch, upstream: Upstream, scope: str, agent: str, halted: bool) -> None:
    switch.halt(scope)
    assert switch.is_halted(upstream.url, agent) is halted


def test_a_halt_by_a_person_can_end_by_itself(switch: Switch, upstream: Upstream) -> None:
    switch.halt("agent:short", "--for", "1s")
    assert switch.is_halted(upstream.url, "short") or not switch.standing()
    switch.wait_until_halted(upstream.url, "short", halted=False)


def test_an_override_lets_pass_and_ends(switch: Switch, upstream: Upstream) -> None:
    switch.halt("agent:bot")
    told = switch.resume("agent:bot", "--for", "1s", "--by", "ann")
    assert told["halt"]["phase"] == "overridden"
    switch.wait_until_halted(upstream.url, "bot")


def test_denials_speak_the_protocol(switch: Switch, upstream: Upstream) -> None:
    switch.halt("agent:bot")
    with httpx.Client(proxy=switch.proxy.url.replace("//", "//bot:x@"), timeout=60) as client:
        call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "x", "arguments": {}}}
        accepts = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
        told = client.post(f"{upstream.url}/mcp", json=call, headers=accepts)
        assert told.json()["id"] == 7
        assert "halted" in json.dumps(told.json()["error"])
        chat = client.post(f"{upstream.url}/v1/chat/completions", json={"model": "m", "messages": []})
        assert chat.status_code == 503
        assert chat.json()["error"]["code"]


MCP = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}


@pytest.mark.parametrize("accepts", [MCP, {}], ids=["by its head", "by its shape"])
def test_a_halted_tool_is_not_called(switch: Switch, upstream: Upstream, accepts: dict[str, str]) -> None:
    switch.halt("tool:delete_user")
    with httpx.Client(proxy=switch.proxy.url, timeout=60) as client:
        for name, halted in (("delete_user", True), ("read_user", False)):
            call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": name, "arguments": {}}}
            told = _answered_in_time(client, f"{upstream.url}/mcp", call, accepts)
            assert ("halted" in told.text) is halted, told.text
            called = [message for message in upstream.journal.requests("/mcp") if name.encode() in message.body]
            assert bool(called) is not halted


def _answered_in_time(client: httpx.Client, url: str, call: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    """The answer, asked for again while checks are late: on a busy machine the first conversation may be."""
    answers: list[httpx.Response] = []

    def ask() -> bool:
        answers.append(client.post(url, json=call, headers=headers))
        return "check_timeout" not in answers[-1].text

    wait_for(ask, "an answer in time")
    return answers[-1]


# -- streams ---------------------------------------------------------------------------------------------------------


class _Download(threading.Thread):
    """Reads a stream of events until it ends."""

    def __init__(self, switch: Switch, url: str) -> None:
        super().__init__(daemon=True)
        self.switch, self.url = switch, url
        self.began, self.whole, self.text = threading.Event(), False, ""
        self.start()

    def run(self) -> None:
        proxy = self.switch.proxy
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.Client(proxy=proxy.url, verify=proxy.trust(), timeout=60) as client,
            client.stream("GET", self.url) as answer,
        ):
            for piece in answer.iter_text():
                self.text += piece
                self.began.set()
            self.whole = True


def test_streams_of_events_are_cut_on_every_worker(switch: Switch, upstream: Upstream) -> None:
    readers = [_Download(switch, f"{upstream.url}/sse?events=2000&gap=0.05") for _ in range(6)]
    readers += [_Download(switch, f"{upstream.tls_url}/sse?events=2000&gap=0.05") for _ in range(2)]
    for reader in readers:
        assert reader.began.wait(60)
    assert switch.halt("global")["cut"] == 8
    for reader in readers:
        reader.join(60)
        assert not reader.is_alive()
        assert reader.text.count("data:") < 2000


def test_an_upload_is_cut_and_its_client_answered(switch: Switch, upstream: Upstream) -> None:
    with Http1Client(dial(switch.proxy.address, timeout=60)) as client:
        host = f"Host: {upstream.host}:{upstream.port}\r\n"
        head = f"POST {upstream.url}/upload HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"
        client.send(head.encode() + b"5\r\nhello\r\n")
        wait_for(
            lambda: upstream.journal.requests("/upload") and upstream.journal.requests("/upload")[0].received,
            "upload begun",
        )
        switch.halt("destination:local")
        answer = client.read("POST")
        assert (answer.status, answer.header("clyra-reason")) == (503, "halted")
    (message,) = upstream.journal.requests("/upload")
    wait_for(lambda: message.failure, "the upload broken off")
    assert not message.complete


def test_an_upload_over_http2_is_cut_and_its_connection_goes_on(switch: Switch, upstream: Upstream) -> None:
    address, host = ("localhost", upstream.tls_port), f"localhost:{upstream.tls_port}"
    trust = switch.proxy.trust(("h2",))
    with Http2Client(
        dial(address, proxy=switch.proxy.address, tls=trust, server_name="localhost", timeout=60)
    ) as client:
        halted = client.open("POST", "/upload", host, end=False)
        client.data(halted, b"hello", end=False)
        wait_for(
            lambda: upstream.journal.requests("/upload") and upstream.journal.requests("/upload")[0].received,
            "upload begun",
        )
        switch.halt("destination:localhost")
        answer = client.answer(halted)
        assert (answer.status, answer.header("clyra-reason")) == (503, "halted")
        switch.resume("destination:localhost")
        again = client.open("POST", "/again", host, end=False)
        client.data(again, b"hello")
        assert client.answer(again).complete
    (message,) = upstream.journal.requests("/upload")
    wait_for(lambda: message.failure, "the upload broken off")
    assert not message.complete
    assert upstream.journal.complete("/again")


def test_a_request_that_waits_for_its_answer_is_cut(switch: Switch, upstream: Upstream) -> None:
    with Http1Client(dial(switch.proxy.address, timeout=60)) as client:
        client.send(
            f"GET {upstream.url}/slow?seconds=600 HTTP/1.1\r\nHost: {upstream.host}:{upstream.port}\r\n\r\n".encode()
        )
        wait_for(lambda: upstream.journal.requests("/slow"), "request arrived")
        switch.halt("global")
        assert client.read().status == 503


def test_one_stream_of_a_connection_is_cut_and_the_others_go_on(switch: Switch, upstream: Upstream) -> None:
    address = ("localhost", upstream.tls_port)
    trust = switch.proxy.trust(("h2",))
    with Http2Client(
        dial(address, proxy=switch.proxy.address, tls=trust, server_name="localhost", timeout=60)
    ) as client:
        slow = client.open("GET", "/slow?seconds=600", f"localhost:{upstream.tls_port}")
        wait_for(lambda: upstream.journal.requests("/slow"), "request arrived")
        switch.halt("destination:localhost")
        assert client.answer(slow).status == 503
        switch.resume("destination:localhost")
        again = client.open("GET", "/json", f"localhost:{upstream.tls_port}")
        assert client.answer(again).status == 200


def test_a_websocket_is_closed(switch: Switch, upstream: Upstream) -> None:
    async def talk() -> int:
        address = upstream.tls_url.replace("https", "wss") + "/ws/echo"
        async with (
            asyncio.timeout(60),
            websockets.connect(address, proxy=switch.proxy.url, ssl=switch.proxy.trust()) as session,
        ):
            await session.send("one")
            await session.recv()
            await asyncio.to_thread(switch.halt, "global")
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                await session.recv()
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code

    assert asyncio.run(talk()) == 1013


def test_what_is_passed_on_unread_is_cut_and_refused(switch: Switch, authority: Authority) -> None:
    with Upstream(authority.leaf("127.0.0.8"), host="127.0.0.8") as sealed:
        address, tls = (sealed.host, sealed.tls_port), client_context(authority.certificate)

        def connect() -> Http1Client:
            return Http1Client(dial(address, proxy=switch.proxy.address, tls=tls, timeout=60))

        with connect() as client:
            assert client.request("GET", "/json", sealed.host).status == 200
            switch.halt("destination:unread")
            assert client.rest() == b""
        with pytest.raises((ConnectionError, ssl.SSLError)):
            connect()
        switch.resume("destination:unread")
        with connect() as client:
            assert client.request("GET", "/json", sealed.host).status == 200


def test_what_another_scope_halts_goes_on(switch: Switch, upstream: Upstream) -> None:
    reader = _Download(switch, f"{upstream.url}/sse?events=40&gap=0.05")
    assert reader.began.wait(60)
    assert switch.halt("agent:somebody-else")["cut"] == 0
    reader.join(60)
    assert reader.whole
    assert reader.text.count("data:") == 40


# -- ways in, and ways that are none ---------------------------------------------------------------------------------


def test_a_file_halts_and_its_end_resumes_nothing(switch: Switch, upstream: Upstream) -> None:
    sentinel = switch.proxy.home.halts / "HALT"
    sentinel.touch()
    try:
        switch.wait_until_halted(upstream.url)
        refused = switch.proxy.clyra("resume", "global", "--reason", "too early")
        assert refused.returncode == 1
        assert "HALT" in refused.stderr
    finally:
        sentinel.unlink()
    assert switch.is_halted(upstream.url)
    switch.resume("global")
    assert not switch.is_halted(upstream.url)


def test_a_signal_halts(switch: Switch, upstream: Upstream) -> None:
    os.kill(switch.proxy.process.pid, signal.SIGUSR1)
    switch.wait_until_halted(upstream.url)


def _post(proxy: RunningProxy, path: str, order: dict[str, Any], lines: str = "") -> int:
    body = json.dumps(order).encode()
    headers = dict(line.split(": ", 1) for line in lines.split("\r\n") if line)
    wanted = urllib.request.Request(f"http://{proxy.health}{path}", body, headers, method="POST")
    try:
        with urllib.request.urlopen(wanted, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _signed(home: Home, path: str, order: dict[str, Any], key: bytes | None = None) -> str:
    secret = bytes.fromhex((home.halts / "keys" / "operator.key").read_text()) if key is None else key
    return signature.sign("POST", path, "application/json", json.dumps(order).encode(), "operator", secret)


def test_signed_calls_halt_and_release_and_unsigned_ones_do_nothing(switch: Switch, upstream: Upstream) -> None:
    proxy, order = switch.proxy, {"scope": "global", "reason": "from afar"}
    assert _post(proxy, "/v0/halt", order) == 401
    assert _post(proxy, "/v0/halt", order, _signed(proxy.home, "/v0/halt", order, b"x" * 32)) == 401
    assert _post(proxy, "/v0/halt", order, _signed(proxy.home, "/v0/resume", order)) == 401
    assert not switch.is_halted(upstream.url)
    assert _post(proxy, "/v0/halt", order, _signed(proxy.home, "/v0/halt", order)) == 200
    assert switch.is_halted(upstream.url)
    assert _post(proxy, "/v0/resume", order) == 401
    once = _signed(proxy.home, "/v0/resume", order)
    assert _post(proxy, "/v0/resume", order, once) == 200
    assert not switch.is_halted(upstream.url)
    switch.halt("global")
    assert _post(proxy, "/v0/resume", order, once) == 401
    assert switch.is_halted(upstream.url)


def test_the_command_line_signs_too(switch: Switch, upstream: Upstream) -> None:
    key = str(switch.proxy.home.halts / "keys" / "operator.key")
    elsewhere = ("--url", f"http://{switch.proxy.health}", "--key", key)
    assert switch.halt("agent:bot", *elsewhere)["workers"] == 2
    assert switch.standing()[0]["by"] == "operator"
    assert switch.is_halted(upstream.url, "bot")
    switch.resume("agent:bot", *elsewhere)
    assert not switch.is_halted(upstream.url, "bot")


def test_nothing_that_a_client_can_reach_releases(switch: Switch, upstream: Upstream) -> None:
    switch.halt("agent:bot")
    proxy = switch.proxy
    host, port = proxy.health.split(":")
    with httpx.Client(proxy=proxy.url.replace("//", "//other:x@"), timeout=60) as client:
        for place in (f"http://{proxy.health}", proxy.url):
            answer = client.post(f"{place}/v0/resume", json={"scope": "agent:bot", "reason": "let me"})
            assert answer.status_code in (401, 403, 502, 508), (place, answer.status_code)
    with socket.create_connection((host, int(port)), 10) as raw:
        raw.sendall(b"POST /v0/resume HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        assert b" 413 " in raw.recv(200)
    assert switch.is_halted(upstream.url, "bot")


WORKLOAD = """
import os, socket, sys
home = sys.argv[1]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
got = []
for path in ("halt/halts.json", "halt/keys/operator.key", "run/proxy.sock", "halt/HALT"):
    for work in (lambda p: open(p).read(), lambda p: open(p, "w"), os.unlink):
        try:
            work(os.path.join(home, path)); got.append(path)
        except OSError:
            pass
try:
    socket.socket(socket.AF_UNIX).connect(os.path.join(home, "run/proxy.sock")); got.append("socket")
except OSError:
    pass
for pid in sys.argv[2:]:
    try:
        os.kill(int(pid), 15); got.append(pid)
    except OSError:
        pass
print(got)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_of_the_machine_reaches_nothing(switch: Switch, upstream: Upstream) -> None:
    switch.halt("agent:bot")
    proxy = switch.proxy
    told = subprocess.run(
        [sys.executable, "-c", WORKLOAD, str(proxy.home.root), str(proxy.process.pid)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == "[]\n", told
    assert switch.is_halted(upstream.url, "bot")
    modes = [path.stat().st_mode & 0o077 for path in proxy.home.halts.rglob("*")]
    assert modes
    assert not any(modes)
    assert proxy.home.proxy_control.stat().st_mode & 0o077 == 0


# -- by itself -------------------------------------------------------------------------------------------------------


def test_an_upstream_that_fails_is_halted_tried_and_comes_back(switch: Switch, upstream: Upstream) -> None:
    bad, good = f"{upstream.url}/status/500", f"{upstream.url}/json"

    def trip() -> bool:
        switch.get(bad, "spiky")
        return any(halt["scope"] == "agent:spiky" for halt in switch.standing())

    wait_for(trip, "tripped")
    (halt,) = switch.standing()
    assert (halt["cause"], halt["rule"], halt["channel"]) == ("upstream", "halt.upstream_errors", "automatic")
    assert not switch.is_halted(good, "calm")
    wait_for(lambda: switch.standing()[0]["phase"] == "probing", "half open")
    switch.get(bad, "spiky")
    wait_for(lambda: switch.standing()[0]["phase"] == "halted", "halted again after a bad trial")

    def tried() -> bool:
        switch.get(good, "spiky")
        return not switch.standing()

    wait_for(tried, "back after good trials")
    kinds = [record["data"]["change"] for record in switch.records("pef.halt") if record["data"].get("rule")]
    assert kinds == ["halt", "probe", "halt", "probe", "resume"]


def test_every_change_is_in_the_evidence(switch: Switch) -> None:
    begun = switch.halt("agent:proved")
    switch.resume("agent:proved", "--for", "10m", "--by", "ann")
    switch.resume("agent:proved")
    told = [record["data"] for record in switch.records("pef.halt", "pef.bypass")]
    ours = [data for data in told if data.get("halt", data.get("bypass")) == begun["halt"]["id"]]
    assert [(("bypass" if "bypass" in data else "halt"), data["change"]) for data in ours] == [
        ("halt", "halt"),
        ("halt", "override"),
        ("bypass", "begin"),
        ("halt", "resume"),
        ("bypass", "end"),
    ]
    assert ours[1]["actor"].startswith("ann (")
    assert ours[0]["actor_auth"] == "os"
    assert ours[0]["reason"] == "a drill"


# -- restarts --------------------------------------------------------------------------------------------------------


def test_a_halt_outlives_worker_and_proxy(tmp_path: Path, authority: Authority, upstream: Upstream) -> None:
    policy = local_policy(authority)
    with RunningProxy.start(tmp_path, policy, workers=2) as proxy:
        switch = Switch(proxy)
        switch.halt("global")
        workers = json.loads(proxy.clyra("status", "--json").stdout)["workers"]
        for worker in workers:
            os.kill(worker["pid"], signal.SIGKILL)
        wait_for(lambda: json.loads(proxy.clyra("status", "--json").stdout)["ready"], "workers are back")
        assert switch.is_halted(upstream.url)
        proxy.process.kill()
    offline = proxy.clyra("halt", "agent:later", "--reason", "while it is down", "--json")
    assert "No proxy runs here" in json.loads(offline.stdout)["note"]
    with RunningProxy.start(tmp_path, policy, workers=1) as proxy:
        switch = Switch(proxy)
        assert switch.is_halted(upstream.url)
        switch.resume("global")
        assert not switch.is_halted(upstream.url)
        assert switch.is_halted(upstream.url, "later")
        told = [record["data"] for record in switch.records("pef.halt")]
        assert {(data["scope"], data["change"]) for data in told} >= {("global", "halt"), ("agent", "halt")}
