"""A real witness process: every answer of the protocol, races, restarts, and a crash at the worst moment."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from recorder import cosignature, note
from recorder.anchoring import web
from recorder.anchoring.errors import AnchorError, ContradictionError
from recorder.witness import client
from recorder.witness.decision import Head
from recorder.witness.memory import Memory
from recorder.witness.request import format_request
from tests.support.certificates import Authority
from tests.support.clyra_command import clyra
from tests.support.witness_process import SignedLog, WitnessProcess

ORIGIN = "log.example/main"


def history(size: int, mark: bytes = b"") -> list[bytes]:
    return [sha256(mark + number.to_bytes(4)).digest() for number in range(size)]


@pytest.fixture
def log() -> SignedLog:
    return SignedLog(ORIGIN, history(50))


@pytest.fixture
def witness(tmp_path: Path, log: SignedLog) -> Iterator[WitnessProcess]:
    with WitnessProcess(tmp_path / "w1", "witness.example/w1", log.vkey) as started:
        yield started


def assert_cosigned(answer: httpx.Response, witness: WitnessProcess, raw: bytes) -> None:
    assert answer.status_code == 200, answer.text
    signed = note.parse_checkpoint(raw + answer.content)
    assert set(cosignature.cosigned_at(signed, [witness.vkey])) == {witness.vkey}


def test_it_cosigns_a_log_as_it_grows(witness: WitnessProcess, log: SignedLog) -> None:
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 49)):
        assert_cosigned(witness.add(log.request(old, new)), witness, log.checkpoint(new))


def test_it_refuses_what_the_protocol_says(witness: WitnessProcess, log: SignedLog) -> None:
    stranger = SignedLog("log.example/other", history(5))
    impostor = SignedLog(ORIGIN, log.leaves)
    assert witness.add(b"not a request").status_code == 400
    assert witness.add(stranger.request(0, 5)).status_code == 404
    assert witness.add(impostor.request(0, 5)).status_code == 403
    assert witness.add(format_request(9, [], log.checkpoint(5))).status_code == 400
    assert witness.add(log.request(0, 20)).status_code == 200
    conflict = witness.add(log.request(5, 30))
    assert (conflict.status_code, conflict.content) == (409, b"20\n")
    assert conflict.headers["content-type"] == "text/x.tlog.size"
    assert witness.add(format_request(20, log.proof(19, 30), log.checkpoint(30))).status_code == 422
    assert witness.add(format_request(20, [*log.proof(20, 30), bytes(32)], log.checkpoint(30))).status_code == 422
    assert witness.add(log.request(20, 30)).status_code == 200


def test_a_split_view_and_a_rollback_are_refused_and_named(witness: WitnessProcess, log: SignedLog) -> None:
    assert witness.add(log.request(0, 20)).status_code == 200
    other = SignedLog(ORIGIN, [*log.leaves[:10], *history(40, b"rewritten")])
    other.key = log.key
    assert witness.add(other.request(20, 20)).status_code == 409
    assert witness.add(other.request(20, 40)).status_code == 422
    with web.client(10) as http:
        for size, words in ((20, "another history"), (40, "does not accept"), (12, "rolled back")):
            with pytest.raises(ContradictionError, match=words):
                client.ask(http, witness.url, witness.vkey, other.checkpoint(size), 20, other.proof)
    assert_cosigned(witness.add(log.request(20, 21)), witness, log.checkpoint(21))


def test_the_client_learns_the_size_from_the_witness(witness: WitnessProcess, log: SignedLog) -> None:
    with web.client(10) as http:
        for known, size in ((0, 7), (0, 19), (3, 30), (50, 31), (31, 31)):
            done = client.ask(http, witness.url, witness.vkey, log.checkpoint(size), known, log.proof)
            signed = note.parse_checkpoint(log.checkpoint(size) + done.line)
            assert cosignature.cosigned_at(signed, [witness.vkey]) == {witness.vkey: done.at}


def test_what_it_knows_outlives_a_kill(tmp_path: Path, log: SignedLog) -> None:
    first = WitnessProcess(tmp_path / "w1", "witness.example/w1", log.vkey)
    assert first.add(log.request(0, 20)).status_code == 200
    first.running.kill()
    with WitnessProcess(tmp_path / "w1", "witness.example/w1") as second:
        assert second.vkey == first.vkey
        assert second.add(log.request(0, 10)).content == b"20\n"
        assert_cosigned(second.add(log.request(20, 25)), second, log.checkpoint(25))


def test_a_crash_between_storing_and_answering_costs_nothing(tmp_path: Path, log: SignedLog) -> None:
    """It stored size 20, nobody has a cosignature; no other history of size 20 can ever get one."""
    broken = WitnessProcess(tmp_path / "w1", "witness.example/w1", log.vkey, crash=True)
    with pytest.raises(httpx.TransportError):
        broken.add(log.request(0, 20))
    broken.running.process.wait(10)
    other = SignedLog(ORIGIN, history(30, b"other"))
    other.key = log.key
    with WitnessProcess(tmp_path / "w1", "witness.example/w1") as witness, web.client(10) as http:
        assert witness.add(other.request(0, 20)).content == b"20\n"
        assert witness.add(other.request(20, 20)).status_code == 409
        done = client.ask(http, witness.url, witness.vkey, log.checkpoint(20), 0, log.proof)
        assert done.line


def test_of_many_at_once_only_one_history_wins(witness: WitnessProcess, log: SignedLog) -> None:
    views = [SignedLog(ORIGIN, history(30, bytes([number]))) for number in range(8)]
    for view in views:
        view.key = log.key
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda view: witness.add(view.request(0, 20)).status_code, views * 4))
    assert codes.count(200) == 1
    assert set(codes) == {200, 409}


def test_two_processes_on_one_file_cannot_both_win(tmp_path: Path) -> None:
    """The compare-and-set is the database's, not the process's."""
    path = tmp_path / "witness.db"
    start = threading.Barrier(8)

    def race(number: int) -> bool:
        with closing(Memory(path)) as memory:
            known = memory.head(ORIGIN)
            start.wait()
            return memory.replace(ORIGIN, known, Head(9, bytes([number]) * 32), b"note", 1)

    with closing(Memory(path)):
        pass
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(8))) == 1
    with closing(Memory(path)) as memory:
        assert not memory.replace(ORIGIN, Head(), Head(3, bytes(32)), b"older", 2)
        assert memory.head(ORIGIN).size == 9


def test_a_log_added_while_it_runs_is_watched(witness: WitnessProcess, tmp_path: Path) -> None:
    late = SignedLog("log.example/late", history(5))
    assert witness.add(late.request(0, 5)).status_code == 404
    shown = clyra("witness", "--home", tmp_path / "w1", "--log", late.vkey, "--show")
    assert shown.stdout.strip() == str(witness.vkey)
    assert_cosigned(witness.add(late.request(0, 5)), witness, late.checkpoint(5))


def test_what_is_not_the_protocol_is_turned_away(witness: WitnessProcess) -> None:
    with httpx.Client(base_url=witness.url, trust_env=False) as http:
        assert http.get("/health").text == "ok\n"
        assert http.get("/add-checkpoint").status_code == 405
        assert http.get("/").status_code == 404
        assert http.post("/add-checkpoint", content=b"x" * 100_000).status_code == 400
        with contextlib.suppress(httpx.TransportError):  # it may close while the body is still being sent
            assert http.post("/add-checkpoint", content=b"x" * (9 << 20)).status_code == 413
        assert http.get("/health").text == "ok\n"


def test_a_disk_that_cannot_be_written_yields_no_cosignature(witness: WitnessProcess, log: SignedLog) -> None:
    with closing(sqlite3.connect(witness.home / "witness.db", isolation_level=None)) as other:
        other.execute("DROP TABLE heads")
    answer = witness.add(log.request(0, 5))
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "signature lines"),
        (b"HTTP/1.1 500 Sorry\r\ncontent-length: 0\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "answered 301"),
        (b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\n5\n", "refused the checkpoint as conflicting"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n" + b"x" * 2_000_000, "too long or too slow"),
        (b"nonsense", "cannot be reached"),
        (b"", "cannot be reached"),
        (None, "cannot be reached"),
    ],
)
def test_a_witness_that_answers_badly_is_an_error_not_a_cosignature(
    log: SignedLog, answer: bytes | None, words: str
) -> None:
    """None: it accepts the connection and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            received = b""
            while not received.endswith(log.checkpoint(9)):
                received += peer.recv(65_536)
            if answer is None:
                done.wait(20)
            else:
                peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    key = cosignature.Vkey("w.example/1", log.key.public, cosignature.WITNESS_TYPE)
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    try:
        with web.client(1.0) as http, pytest.raises(AnchorError, match=words):
            client.ask(http, url, key, log.checkpoint(9), 9, log.proof, 1.0)
    finally:
        done.set()
        server.close()
        thread.join(20)


def test_over_tls_only_the_configured_authority_is_believed(tmp_path: Path, log: SignedLog) -> None:
    authority = Authority(tmp_path / "ca")
    leaf = authority.leaf()
    options = ("--tls-cert", leaf.certificate, "--tls-key", leaf.key)
    with WitnessProcess(tmp_path / "w1", "witness.example/w1", log.vkey, options=options) as witness:
        assert witness.url.startswith("https://")
        with web.client(10, str(authority.certificate)) as http:
            assert client.ask(http, witness.url, witness.vkey, log.checkpoint(9), 0, log.proof).line
        with web.client(10) as http, pytest.raises(AnchorError, match="cannot be reached"):
            client.ask(http, witness.url, witness.vkey, log.checkpoint(9), 9, log.proof)
    with pytest.raises(AnchorError, match="certificate authority"):
        web.client(10, str(tmp_path / "nothing.pem"))
