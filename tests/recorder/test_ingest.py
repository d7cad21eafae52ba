"""The recorder as a process: who may hand in what, over which socket, and what is answered."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder import signature
from recorder.admission import parse_batch
from recorder.interface import (
    APPROVAL_DESK_PATH,
    APPROVALS_PATH,
    ERASURES_PATH,
    KEYS_PATH,
    RECORDS_MEDIA,
    RECORDS_PATH,
    SEAL_PATH,
    SNAPSHOTS_PATH,
    STATUS_PATH,
)
from recorder.layout import Layout
from recorder.local import get_status, request_seal
from recorder.service import Service
from recorder.store import Committed, Store
from recorder.verify.bundle import verify_bundle
from tests.support.certificates import Authority
from tests.support.recorder_process import (
    RecorderProcess,
    UnixHttp,
    batch_body,
    intent,
    outcome,
    post,
    running_recorder,
    signed_headers,
)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecorderProcess]:
    with running_recorder(tmp_path_factory.mktemp("rec")) as running:
        yield running


_numbers = iter(range(1, 10_000))


def _fresh() -> bytes:
    name = f"s{next(_numbers)}"
    return batch_body(name, 1, [intent(name), outcome(name)])


def test_a_signed_batch_is_durable_when_answered(recorder: RecorderProcess) -> None:
    before = get_status(recorder.layout.socket)
    status, document = post(recorder.layout, _fresh())
    assert (status, document["acked"], document["size"]) == (200, 2, before["size"] + 2)
    after = get_status(recorder.layout.socket)
    assert (after["size"], after["root"]) == (document["size"], document["root"])
    assert recorder.layout.socket.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", None),
        ("signature-input", None),
        ("content-digest", None),
        ("signature", "clyra=:AAAA:"),
        ("signature", "other=:" + "A" * 43 + "=:"),
        ("signature", "clyra=:" + "A" * 43 + "=:"),
        ("content-digest", "sha-256=:" + "A" * 43 + "=:"),
        ("content-digest", "md5=:AAAA:"),
    ],
)
def test_a_wrong_signature_is_refused(recorder: RecorderProcess, name: str, value: str | None) -> None:
    body = _fresh()
    headers = signed_headers(recorder.layout, body)
    headers.pop(name)
    if value is not None:
        headers[name] = value
    assert post(recorder.layout, body, headers)[0] == 401
    assert post(recorder.layout, body)[0] == 200


def test_a_signature_is_for_one_body_one_key_and_one_time(recorder: RecorderProcess) -> None:
    body, other = _fresh(), _fresh()
    headers = signed_headers(recorder.layout, body)
    assert post(recorder.layout, other, headers)[0] == 401
    assert post(recorder.layout, body, headers)[0] == 200
    replay = post(recorder.layout, body, headers)
    assert replay[0] == 401
    assert "already made" in replay[1]["title"]
    unknown = {**signed_headers(recorder.layout, body)}
    unknown["signature-input"] = unknown["signature-input"].replace('keyid="source"', 'keyid="nobody"')
    assert post(recorder.layout, body, unknown)[0] == 401


@pytest.mark.parametrize("shift", [-3600, -301, 301, 3600])
def test_stale_and_early_signatures_are_refused(recorder: RecorderProcess, shift: int) -> None:
    body = _fresh()
    assert post(recorder.layout, body, signed_headers(recorder.layout, body, time.time() + shift))[0] == 401


@pytest.mark.parametrize("body", [b"", b"no json", b'{"source":"P","first":1}', b'{"source":"recorder","first":1}'])
def test_an_unusable_batch_is_refused(recorder: RecorderProcess, body: bytes) -> None:
    assert post(recorder.layout, body)[0] == 400


def test_a_batch_of_another_media_type_is_refused(recorder: RecorderProcess) -> None:
    body = _fresh()
    headers = signed_headers(recorder.layout, body) | {"content-type": "application/json"}
    assert post(recorder.layout, body, headers)[0] == 400


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"DELETE /v0/records HTTP/1.1\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /v0/records HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v0/records HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n", 413),
        (b"POST /v0/records HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", 400),
        (b"GET /v0/status HTTP/1.1\r\na: 1\r\na: 2\r\n\r\n", 400),
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(40)) + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * 20_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", 400),
    ],
)
def test_requests_outside_the_profile(recorder: RecorderProcess, raw: bytes, status: int) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(recorder.layout.socket))
        client.sendall(raw)
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert get_status(recorder.layout.socket)["error"] == ""


def test_one_connection_carries_many_requests_but_none_ahead_of_its_turn(recorder: RecorderProcess) -> None:
    connection = UnixHttp(recorder.layout.socket)
    for _ in range(5):
        body = _fresh()
        connection.request("POST", RECORDS_PATH, body, signed_headers(recorder.layout, body))
        assert json.loads(connection.getresponse().read())["acked"] == 2
    connection.close()


def test_every_route_is_served_on_a_connection_that_handed_in_records(recorder: RecorderProcess) -> None:
    connection = UnixHttp(recorder.layout.socket)
    for _ in range(2):
        body = _fresh()
        connection.request("POST", RECORDS_PATH, body, signed_headers(recorder.layout, body))
        assert json.loads(connection.getresponse().read())["acked"] == 2
        connection.request("GET", STATUS_PATH)
        assert json.loads(connection.getresponse().read())["error"] == ""
        connection.request("POST", SEAL_PATH, b"- -")
        assert json.loads(connection.getresponse().read())["origin"]
        connection.request("GET", "/elsewhere")
        assert connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("before", [0, 1])
def test_requests_ahead_of_their_turn_are_refused(recorder: RecorderProcess, before: int) -> None:
    """On a connection nobody has used yet, and on one that the writer reads already."""

    def raw(body: bytes) -> bytes:
        head = "".join(f"{key}: {value}\r\n" for key, value in signed_headers(recorder.layout, body).items())
        return f"POST {RECORDS_PATH} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(recorder.layout.socket))
        for _ in range(before):
            client.sendall(raw(_fresh()))
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        client.sendall(raw(_fresh()) + raw(_fresh()))
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert client.recv(4096) == b""


async def test_the_status_does_not_wait_for_the_disk_and_a_full_queue_is_said(
    layout: Layout, open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = threading.Event()
    commit = Store.commit

    def stuck(store: Store, *given: Any) -> Committed:
        disk.wait(10)
        return commit(store, *given)

    monkeypatch.setattr(Store, "commit", stuck)
    store = open_store()
    service = Service(layout, store, seal=lambda *_: pytest.fail("nobody asked"))
    await service.listen_unix()
    body = batch_body("p", 1, [intent("x")])
    waiting = asyncio.create_task(asyncio.to_thread(post, layout, body))
    while not service.writer.pending_bytes:  # noqa: ASYNC110 - set on another thread
        await asyncio.sleep(0.01)
    status = await asyncio.to_thread(get_status, layout.socket)
    assert status["pending_bytes"] == len(body)
    assert not service.writer.submit(None, parse_batch(body, "source", ""), 64 << 20)
    disk.set()
    assert (await waiting)[0] == 200
    stopping = [asyncio.create_task(asyncio.to_thread(post, layout, batch_body(f"s{n}", 1, []))) for n in range(5)]
    await asyncio.gather(*stopping)
    await service.stop()
    assert service.writer.pending_bytes == 0
    assert not layout.socket.exists()


def test_many_sources_at_once_are_grouped(recorder: RecorderProcess) -> None:
    async def one(number: int) -> int:
        reader, writer = await asyncio.open_unix_connection(recorder.layout.socket)
        body = batch_body(f"many-{number}", 1, [intent(f"m{number}-{n}") for n in range(20)])
        head = "".join(f"{key}: {value}\r\n" for key, value in signed_headers(recorder.layout, body).items())
        writer.write(f"POST {RECORDS_PATH} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body)
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])

    async def every() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(40)))

    assert set(asyncio.run(every())) == {200}


def test_sealing_through_the_socket(recorder: RecorderProcess) -> None:
    post(recorder.layout, _fresh())
    first = request_seal(recorder.layout.socket, None, None)
    post(recorder.layout, _fresh())
    second = request_seal(recorder.layout.socket, None, None)
    assert second["start"] == first["end"]
    for bundle in (first, second):
        report = verify_bundle(Path(bundle["path"]), recorder.layout.trust.read_bytes())
        assert (report.verdict, report.bundle) == ("prefix", bundle["digest"])


def test_sealing_by_size_and_a_clean_stop(tmp_path: Path) -> None:
    recorder = RecorderProcess(tmp_path / "home", "--seal-records", "10")
    try:
        recorder.wait_ready()
        post(recorder.layout, batch_body("p", 1, [intent(str(n)) for n in range(20)]))
        deadline = time.monotonic() + 20
        while not list(recorder.layout.bundles.glob("*.zip")) and time.monotonic() < deadline:
            time.sleep(0.05)
        (bundle,) = recorder.layout.bundles.glob("*.zip")
        assert recorder.stop() == 0
    finally:
        if recorder.process.poll() is None:
            recorder.kill()
    assert not recorder.layout.socket.exists()
    assert verify_bundle(bundle, recorder.layout.trust.read_bytes()).verdict == "prefix"


def test_two_recorders_on_one_store(recorder: RecorderProcess, tmp_path: Path) -> None:
    second = RecorderProcess(recorder.layout.root)
    assert second.process.wait(20) == 1
    assert "Another recorder" in Path(second.log.name).read_text()
    second.log.close()
    assert post(recorder.layout, _fresh())[0] == 200


def test_tcp_needs_a_client_certificate_and_a_signature(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server, client = authority.leaf("127.0.0.1"), authority.leaf("proxy.test", client=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = [f"--tls-cert={server.certificate}", f"--tls-key={server.key}", f"--client-ca={authority.certificate}"]
    with running_recorder(tmp_path / "home", f"--tcp=127.0.0.1:{port}", *files) as recorder:
        body = batch_body("p", 1, [intent("x")])
        bare = ssl.create_default_context(cafile=str(authority.certificate))
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            _post_tls(port, bare, body, {})
        bare.load_cert_chain(client.certificate, client.key)
        assert _post_tls(port, bare, body, {}) == 400
        assert _post_tls(port, bare, body, {"content-type": RECORDS_MEDIA}) == 401
        assert _post_tls(port, bare, body, signed_headers(recorder.layout, body)) == 200


def _post_tls(port: int, context: ssl.SSLContext, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("POST", RECORDS_PATH, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tcp", "127.0.0.1:1"], "--tls-cert"),
        (["--tcp", "127.0.0.1:x", "--tls-cert", "a", "--tls-key", "b", "--client-ca", "c"], "--tcp needs"),
    ],
)
def test_a_bad_command_line_says_so(tmp_path: Path, options: list[str], words: str) -> None:
    recorder = RecorderProcess(tmp_path / "home", *options)
    assert recorder.process.wait(20) == 1
    said = Path(recorder.log.name).read_text()
    recorder.log.close()
    assert words in said
    assert "Traceback" not in said


def test_nonces_are_remembered_until_they_expire_and_no_longer() -> None:
    key, replays = b"k" * 32, signature.Replays()

    def check(text: str, body: bytes, now: float) -> None:
        headers = dict(line.split(": ", 1) for line in text.strip().split("\r\n"))
        signature.verify("POST", "/p", headers, body, key, replays, now)

    for moment in range(0, 400, 20):
        text = signature.sign("POST", "/p", "m/m", b"b", "n", key, 1_000_000 + moment)
        check(text, b"b", 1_000_000 + moment)
        with pytest.raises(signature.SignatureRefused, match="already"):
            check(text, b"b", 1_000_000 + moment)
        assert len(replays.seen) <= 3


@pytest.mark.parametrize("path", [KEYS_PATH, APPROVALS_PATH, ERASURES_PATH, SNAPSHOTS_PATH, APPROVAL_DESK_PATH])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"op": []}',
        b'{"op": "list", "limit": {}}',
        b'{"op": "answer", "id": {}, "nonce": []}',
        b'{"basis": [], "key_id": {}}',
    ],
    ids=lambda body: body[:16].decode("latin-1"),
)
def test_an_order_that_makes_no_sense_is_answered(recorder: RecorderProcess, path: str, body: bytes) -> None:
    before = get_status(recorder.layout.socket)["size"]
    with contextlib.closing(UnixHttp(recorder.layout.socket)) as connection:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    assert 400 <= answer.status <= 500
    assert document["title"]
    assert get_status(recorder.layout.socket)["size"] == before
