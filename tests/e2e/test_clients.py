"""Real clients, unchanged, through the running proxy: what they get, what the upstream saw, what the log says."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from clyra_proxy.demo.completions import MODEL, reply_to
from tests.support.processes import run
from tests.support.proxy import RunningProxy
from tests.support.upstream import Upstream

SAID = "does this arrive"


@dataclass(frozen=True, slots=True)
class Program:
    """argv: the command with `{url}` for the upstream. path: what it must reach. protocol: towards the upstream."""

    argv: tuple[str, ...]
    path: str
    prints: str


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, "{url}", MODEL, SAID)


def node(code: str) -> tuple[str, ...]:
    return ("node", "-e", code, "{url}", MODEL, SAID)


OPENAI = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="k", max_retries=0)
messages = [{"role": "user", "content": sys.argv[3]}]
"""
ANTHROPIC = """
import sys, anthropic
client = anthropic.Anthropic(base_url=sys.argv[1], api_key="k", max_retries=0)
asked = dict(model=sys.argv[2], max_tokens=100, messages=[{"role": "user", "content": sys.argv[3]}])
"""
POST = '{"rows":[1,2,3]}'
CURL = ("curl", "-sS", "--fail-with-body", "-H", "Content-Type: application/json", "-d", POST)
PROGRAMS = {
    "curl http/1.1": Program((*CURL, "--http1.1", "{url}/echo"), "/echo", POST),
    "curl http/2": Program((*CURL, "--http2", "{url}/echo"), "/echo", POST),
    "curl compressed": Program(("curl", "-sS", "--compressed", "{url}/coded/gzip"), "/coded/gzip", '{"fill": "xxxx'),
    "httpx": Program(
        python("import sys, httpx; print(httpx.post(sys.argv[1] + '/echo', json={'a': 1}).raise_for_status().text)"),
        "/echo",
        '{"a":1}',
    ),
    "httpx streaming upload": Program(
        python(
            "import sys, httpx; rows = (b'[%d' % n if n == 0 else b',%d' % n for n in range(5000))\n"
            "def body():\n    yield from rows\n    yield b']'\n"
            "answer = httpx.post(sys.argv[1] + '/echo', content=body(), headers={'content-type': 'application/json'})\n"
            "print(len(answer.raise_for_status().json()))"
        ),
        "/echo",
        "5000",
    ),
    "requests": Program(
        python("import sys, requests; print(requests.post(sys.argv[1] + '/echo', json={'a': 1}).text)"),
        "/echo",
        '{"a": 1}',
    ),
    "urllib": Program(
        python("import sys, urllib.request as r; print(r.urlopen(sys.argv[1] + '/json').read().decode())"),
        "/json",
        '{"fill": "xxx',
    ),
    "node fetch": Program(
        node(
            "fetch(process.argv[1] + '/echo', {method: 'POST', body: JSON.stringify({a: 1}),"
            " headers: {'content-type': 'application/json'}}).then((r) => r.text()).then(console.log)"
        ),
        "/echo",
        '{"a":1}',
    ),
    "node https": Program(
        node(
            "require('https').get(process.argv[1] + '/json', (r) => { let t = '';"
            " r.on('data', (d) => t += d); r.on('end', () => console.log(t)); })"
        ),
        "/json",
        '{"fill": "xxx',
    ),
    "openai": Program(
        python(
            OPENAI + "answer = client.chat.completions.create(model=sys.argv[2], messages=messages)\n"
            "print(answer.choices[0].message.content)"
        ),
        "/v1/chat/completions",
        reply_to(SAID),
    ),
    "openai streaming": Program(
        python(
            OPENAI + "stream = client.chat.completions.create(model=sys.argv[2], messages=messages, stream=True)\n"
            "print(''.join(event.choices[0].delta.content or '' for event in stream))"
        ),
        "/v1/chat/completions",
        reply_to(SAID),
    ),
    "anthropic": Program(
        python(ANTHROPIC + "print(client.messages.create(**asked).content[0].text)"), "/v1/messages", reply_to(SAID)
    ),
    "anthropic streaming": Program(
        python(ANTHROPIC + "with client.messages.stream(**asked) as stream:\n    print(''.join(stream.text_stream))"),
        "/v1/messages",
        reply_to(SAID),
    ),
}


def _at(proxy: RunningProxy, path: str, count: int) -> list[dict[str, Any]]:
    """The verdicts about a path, once there are `count`."""
    return proxy.wait_for_verdicts(count, where=lambda line: line["http_request"]["url"]["path"] == path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_works_unchanged(name: str, upstream: Upstream, proxy: RunningProxy, client_env: dict[str, str]) -> None:
    program = PROGRAMS[name]
    if shutil.which(program.argv[0]) is None:
        pytest.skip(f"needs {program.argv[0]}")
    before = len(_at(proxy, program.path, 0))
    done = run([word.replace("{url}", upstream.tls_url) for word in program.argv], env=client_env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(program.prints)
    (message,) = upstream.journal.requests(program.path)
    assert message.complete
    (verdict,) = _at(proxy, program.path, before + 1)[before:]
    ours = verdict["unmapped"]["clyra"]
    assert ours["decision"] == "allow"
    assert ours["request_body"]["seen"] == ours["request_body"]["released"] == message.received
    assert message.header("traceparent") == f"00-{ours['trace_id']}-{ours['span_id']}-01"


WEBSOCKET = """
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1].replace("https", "wss") + "/ws/echo") as socket:
        for text in ("one", "two", "x" * 100_000):
            await socket.send(text)
            assert await socket.recv() == text
    print("closed", socket.close_code)
asyncio.run(main())
"""


def test_websockets(upstream: Upstream, proxy: RunningProxy, client_env: dict[str, str]) -> None:
    done = run([sys.executable, "-c", WEBSOCKET, upstream.tls_url], env=client_env)
    assert (done.returncode, done.stdout.strip()) == (0, "closed 1000"), done.stderr
    assert [len(payload) for _, payload in upstream.journal.requests("/ws/echo")[0].frames] == [3, 3, 100_000]
    (verdict,) = _at(proxy, "/ws/echo", 1)
    assert verdict["unmapped"]["clyra"]["websocket"] is True


def test_a_bad_payload_never_completes_whatever_the_client(
    upstream: Upstream, proxy: RunningProxy, client_env: dict[str, str]
) -> None:
    rows = json.dumps([{"id": number} for number in range(500)] + [{"id": "no number"}])
    for flag in ("--http1.1", "--http2"):
        command = ["curl", "-sS", flag, "-H", "Content-Type: application/json", "-d", rows, "-w", "\n%{http_code}"]
        done = run([*command, f"{upstream.tls_url}/orders/new"], env=client_env)
        *body, status = done.stdout.splitlines()
        assert status == "422", done.stdout + done.stderr
        answer = json.loads("".join(body))
        assert answer["code"] == "schema_violation"
        assert answer["pointer"] == "/500/id"
    assert upstream.journal.complete("/orders/new") == []


def test_what_is_not_on_the_list_is_refused(
    upstream: Upstream, proxy: RunningProxy, client_env: dict[str, str]
) -> None:
    for url in ("http://169.254.169.254/latest/meta-data/", "https://nowhere.invalid/"):
        done = run(["curl", "-sS", "-o", "-", "-w", "\n%{http_code}\n%{http_connect}", url], env=client_env)
        assert "403" in done.stdout.splitlines()[-2:], done.stdout + done.stderr


def test_a_run_is_named_in_the_verdict(upstream: Upstream, proxy: RunningProxy) -> None:
    command = ("curl", "-sS", "--fail-with-body", f"{upstream.tls_url}/json")
    done = proxy.clyra("run", "--agent", "nightly-sync", "--run", "run-7", "--", *command)
    assert done.returncode == 0, done.stderr
    (verdict,) = proxy.wait_for_verdicts(1, where=lambda line: line["actor"]["app_name"] == "nightly-sync")
    assert verdict["unmapped"]["clyra"]["run"] == "run-7"
