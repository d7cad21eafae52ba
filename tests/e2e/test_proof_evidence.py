"""No evidence, no action: while the recorder cannot take a record, writes are refused and reads are declared later."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from tests.support.certificates import Authority
from tests.support.posting import WAYS, Pair, Way, send
from tests.support.processes import run
from tests.support.proxy import CLYRA, RunningProxy, local_policy
from tests.support.raw import Answer
from tests.support.recorder_process import RecorderProcess

JSON = (("content-type", "application/json"),)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecorderProcess]:
    """A recorder that the proxy does not look after."""
    home = tmp_path_factory.mktemp("apart") / "home"
    run([*CLYRA, "init"], env={"CLYRA_HOME": str(home)}, check=True)
    process = RecorderProcess(home)
    yield process.wait_ready()
    process.process.send_signal(signal.SIGCONT)
    process.kill()


@pytest.fixture(scope="module")
def apart(recorder: RecorderProcess, authority: Authority) -> Iterator[RunningProxy]:
    folder = recorder.layout.root.parent
    with RunningProxy.start(folder, local_policy(authority), with_recorder=False) as running:
        yield running


def readyz(proxy: RunningProxy) -> int:
    try:
        with urllib.request.urlopen(f"http://{proxy.health}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def write(proxy: RunningProxy, pair: Pair, way: Way, method: str = "POST") -> Answer:
    return send(proxy, pair.of(way), way, "/unrecorded", b'{"a":1}', JSON, method)


def refused_writes(proxy: RunningProxy, pair: Pair, *methods: str) -> None:
    for way, method in product((WAYS[0], WAYS[-1]), methods):
        answer = write(proxy, pair, way, method)
        assert (answer.status, answer.complete) == (503, True)
        assert int(answer.header("retry-after") or "") > 0
        assert json.loads(answer.body)["code"] == "evidence_unavailable"
        assert not pair.of(way).journal.connections


def read(proxy: RunningProxy, pair: Pair, path: str) -> None:
    assert send(proxy, pair.h1, WAYS[0], path, b"", (), "GET").status == 200
    assert len(pair.h1.journal.complete(path)) == 1


def test_a_recorder_that_is_stopped_then_killed(apart: RunningProxy, pair: Pair, recorder: RecorderProcess) -> None:
    assert readyz(apart) == 200
    assert write(apart, pair, WAYS[0]).status == 200
    pair.clear()

    recorder.process.send_signal(signal.SIGSTOP)
    refused_writes(apart, pair, "POST")
    read(apart, pair, "/json")
    assert eventually(lambda: readyz(apart) == 503)

    recorder.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: readyz(apart) == 200)
    pair.clear()
    assert eventually(lambda: write(apart, pair, WAYS[0]).status == 200)
    assert len(pair.h1.journal.complete("/unrecorded")) == 1

    pair.clear()
    recorder.process.kill()
    recorder.process.wait()
    refused_writes(apart, pair, "POST", "PUT", "PATCH", "DELETE")
    read(apart, pair, "/sse")
    assert eventually(lambda: readyz(apart) == 503)

    with_new = RecorderProcess(recorder.layout.root)
    try:
        with_new.wait_ready()
        assert eventually(lambda: readyz(apart) == 200)
        pair.clear()
        assert eventually(lambda: write(apart, pair, WAYS[0]).status == 200)
        for path in ("/json", "/sse"):
            assert eventually(lambda path=path: in_log(apart, path)), path  # type: ignore[misc]
    finally:
        with_new.kill()


def in_log(proxy: RunningProxy, path: str) -> bool:
    """Whether the exchange, served while nobody recorded, is in the log by now."""
    lines = proxy.wait_for_verdicts(1, where=lambda entry: entry["http_request"]["url"]["path"] == path)
    identifier = lines[0]["metadata"]["correlation_uid"]
    raw = b"".join(file.read_bytes() for file in (proxy.home.root / "recorder").glob("log.db*"))
    return identifier.encode() in raw
