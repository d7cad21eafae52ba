"""Mirrors seen from outside: a real proxy, a real upstream, and second upstreams of every kind."""

from __future__ import annotations

import json

import pytest

from tests.e2e.mirror.conftest import Stage
from tests.support.replies import Reply

JSON = (("content-type", "application/json"),)


def answer(value: object) -> Reply:
    return Reply(headers=JSON, body=(json.dumps(value).encode(),))


def test_a_read_is_mirrored_without_its_secrets_and_marked(stage: Stage) -> None:
    stage.real.routes["/read/user"] = answer({"name": "a"})
    stage.mirror.routes["/read/user"] = answer({"name": "a"})
    secrets = {
        "Authorization": "Bearer s3cr3t-value",
        "Cookie": "session=abc",
        "X-Api-Key": "k",
        "Stripe-Signature": "t=1,v1=abc",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
    }
    with stage.client() as client:
        said = client.get("/read/user?page=2&access_token=abcdefgh", headers={**secrets, "X-Plain": "kept"})
    assert said.status_code == 200
    (real,) = stage.real.journal.complete("/read/user")
    (copy,) = stage.mirrored("/read/user")
    assert copy.target == "/read/user?page=2&access_token=stripped"
    assert all(copy.header(name) is None for name in secrets if name != "Connection")
    assert copy.header("clyra-mirror") == "1"
    assert copy.header("x-plain") == "kept"
    trace, span = (real.header("traceparent") or "").split("-")[1:3]
    assert (copy.header("traceparent") or "").split("-")[1] == trace
    assert (copy.header("traceparent") or "").split("-")[2] != span
    assert copy.authority == stage.mirror.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/read/thing", {}),
        ("PUT", "/read/thing", {}),
        ("DELETE", "/read/thing", {}),
        ("GET", "/read/over", {"X-HTTP-Method-Override": "DELETE"}),
        ("GET", "/read/form?_method=delete", {}),
    ],
)
def test_a_write_is_not_mirrored_to_what_is_no_sandbox(
    stage: Stage, method: str, path: str, headers: dict[str, str]
) -> None:
    word = path[1:].partition("?")[0]
    before = stage.counted(word).get("suppressed_write", 0)
    with stage.client() as client:
        assert client.request(method, path, headers=headers).status_code == 200
        client.get("/read/last")
    assert stage.mirrored("/read/last")  # one that came later is there
    assert stage.wait_for_count(word, "suppressed_write", before + 1) == before + 1
    assert not stage.mirror.journal.complete(path.partition("?")[0])


def test_a_sandbox_gets_exactly_the_bytes_that_went_upstream(stage: Stage) -> None:
    rows = [{"id": 1, "name": "a"}, {"id": 2, "ssn": "078-05-1120"}, {"id": 3, "name": "ü  "}]
    body = json.dumps(rows, indent=1).encode()
    with stage.client() as client:
        client.post("/sandbox/rows", content=body, headers={"content-type": "application/json", "X-Own": "1"})
    (real,) = stage.real.journal.complete("/sandbox/rows")
    (copy,) = stage.mirrored("/sandbox/rows")
    assert json.loads(bytes(real.body)) == [rows[0], rows[2]]
    assert copy.body == real.body
    assert copy.method == "POST"
    assert copy.header("x-own") is None


def test_a_streamed_upload_is_mirrored_as_it_went(stage: Stage) -> None:
    chunks = [b'{"a":[', b"1," * 500, b"2]}"]
    with stage.client() as client:
        client.post("/sandbox/stream", content=iter(chunks), headers={"content-type": "application/json"})
    (copy,) = stage.mirrored("/sandbox/stream")
    assert bytes(copy.body) == b"".join(chunks)
    assert copy.framing == "length"


def test_what_is_refused_is_not_mirrored(stage: Stage) -> None:
    with stage.client() as client:
        bad = client.post("/sandbox/bad", content=b'{"a":1,"a":2}', headers={"content-type": "application/json"})
        client.post("/sandbox/good", content=b"{}", headers={"content-type": "application/json"})
    assert bad.status_code >= 400
    assert stage.mirrored("/sandbox/good")
    assert not stage.mirror.journal.complete("/sandbox/bad")


def test_a_secret_in_a_body_is_stripped(stage: Stage) -> None:
    body = {"user": "a", "password": "hunter2hunter2", "note": "ghp_" + "aB3dE5gH7jK9" * 3}
    with stage.client() as client:
        client.post("/sandbox/login", json=body)
    (copy,) = stage.mirrored("/sandbox/login")
    (real,) = stage.real.journal.complete("/sandbox/login")
    assert json.loads(bytes(real.body)) == body
    assert json.loads(bytes(copy.body)) == {"user": "a", "password": "stripped", "note": "stripped"}


def test_the_target_gets_its_own_secret(stage: Stage) -> None:
    with stage.client() as client:
        client.get("/keyed/x", headers={"Authorization": "Bearer mine"})
    (copy,) = stage.mirrored("/keyed/x")
    assert copy.header("authorization") == "Own own-secret-of-the-target"
    assert copy.authority == f"127.0.0.1-shadow:{stage.real.port}"


def test_answers_are_compared_without_a_value_in_the_log(stage: Stage) -> None:
    stage.real.routes["/diff/order"] = answer({"id": 7, "sum": 10, "who": "alice", "gone": 1, "rows": [1, 2]})
    stage.mirror.routes["/diff/order"] = answer({"id": 7, "sum": "10", "who": "mallory", "new": 1, "rows": [1, 2]})
    with stage.client() as client:
        client.get("/diff/order?name=alice")
    stage.wait(lambda: stage.pairs("diff/order"))
    (pair,) = stage.pairs("diff/order")
    assert pair["result"] == "different"
    assert pair["status"] == [200, 200]
    found = {one["at"]: one["kind"] for one in pair["differences"]}
    assert found == {"/sum": "type", "/who": "value", "/gone": "missing", "/new": "added"}
    assert not {"alice", "mallory"} & set(json.dumps(stage.lines()).replace('"', " ").split())


def test_equal_answers_are_the_same(stage: Stage) -> None:
    for upstream, number in ((stage.real, "1"), (stage.mirror, "2")):
        upstream.routes["/diff/same"] = answer({"a": [1, {"b": None}], "request_id": number * 20})
    with stage.client() as client:
        client.get("/diff/same")
    stage.wait(lambda: stage.pairs("diff/same"))
    assert [pair["result"] for pair in stage.pairs("diff/same")] == ["same"]


def test_a_stream_of_events_is_compared_by_its_head_alone(stage: Stage) -> None:
    events = Reply(headers=(("content-type", "text/event-stream"),), body=(b"data: 1\n\n",), framing="chunked")
    stage.real.routes["/diff/events"] = stage.mirror.routes["/diff/events"] = events
    with stage.client() as client:
        assert client.get("/diff/events").text == "data: 1\n\n"
    stage.wait(lambda: stage.pairs("diff/events"))
    (pair,) = stage.pairs("diff/events")
    assert (pair["result"], pair["bodies"]) == ("same", False)


def test_nobody_waits_for_a_mirror_that_is_dead_or_hangs(stage: Stage) -> None:
    """The hung one takes connections and never answers: with two at once and 40 in line, the rest is dropped."""
    with stage.client() as client:
        for _ in range(60):
            assert client.get("/silent/x").status_code == 200
        for _ in range(20):
            assert client.get("/dead/x").status_code == 200
    assert len(stage.real.journal.complete("/silent/x")) == 60
    assert len(stage.real.journal.complete("/dead/x")) == 20
    assert stage.wait_for_count("silent/x", "dropped_queue", 20) == 20


def test_a_share_is_the_same_for_the_same_key(stage: Stage) -> None:
    paths = [f"/share/{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(30)]
    with stage.client() as client:
        for _ in range(2):
            for path in paths:
                client.get(path)
        client.get("/read/after")
    assert stage.mirrored("/read/after")
    stage.wait(lambda: not any(len(stage.mirror.journal.complete(path)) == 1 for path in paths))
    times = {len(stage.mirror.journal.complete(path)) for path in paths}
    assert times == {0, 2}  # never once: the same key has the same answer; each has 1 chance in 2^30 to be missing


def test_a_large_body_is_counted_and_not_mirrored(stage: Stage) -> None:
    with stage.client() as client:
        client.post("/small/declared", content=b"x" * 2000)
        client.post("/small/chunked", content=iter([b"x" * 600] * 3))
        client.post("/small/fits", content=b"x" * 1000)
    assert stage.mirrored("/small/fits")
    for word in ("small/declared", "small/chunked"):
        assert stage.wait_for_count(word, "dropped_body") == 1
        assert not stage.mirror.journal.complete(f"/{word}")


def test_the_pace_is_kept(stage: Stage) -> None:
    with stage.client() as client:
        for _ in range(10):
            client.get("/slowly/x")
    assert stage.wait_for_count("slowly/x", "dropped_rate", 5) >= 5
    assert stage.mirrored("/slowly/x")


def test_a_private_address_must_be_declared(stage: Stage) -> None:
    with stage.client() as client:
        assert client.get("/closed/x").status_code == 200
    assert stage.wait_for_count("closed/x", "suppressed_address") == 1
    assert not stage.mirror.journal.complete("/closed/x")


def test_a_certificate_must_chain_to_what_the_target_trusts(stage: Stage) -> None:
    with stage.client() as client:
        client.get("/secure/x")
        client.get("/untrusted/x")
    assert stage.mirrored("/secure/x")
    assert stage.wait_for_count("untrusted/x", "failed") == 1
    assert not stage.mirror.journal.complete("/untrusted/x")


def test_a_mirrored_request_is_not_mirrored_again(stage: Stage) -> None:
    with stage.client() as client:
        client.get("/read/again", headers={"clyra-mirror": "1"})
    assert stage.wait_for_count("read/again", "suppressed_mirrored") == 1
    assert not stage.mirror.journal.complete("/read/again")


def test_the_log_is_for_its_owner_and_metrics_are_told(stage: Stage) -> None:
    with stage.client() as client:
        client.get("/read/metrics")
    stage.wait(lambda: stage.proxy.home.mirror_log.exists())
    assert stage.proxy.home.mirror_log.stat().st_mode & 0o777 == 0o600

    def told() -> str:
        import urllib.request

        with urllib.request.urlopen(f"http://{stage.proxy.health}/metrics", timeout=10) as page:
            return str(page.read().decode())

    stage.wait(lambda: 'clyra_mirror_requests_total{outcome="mirrored",target="reading"}' in told())
    assert 'clyra_mirror_requests_total{outcome="mirrored",target="reading"}' in told()


def test_the_report_tells_what_was_done_and_where_answers_differ(stage: Stage) -> None:
    stage.real.routes["/diff/told"] = answer({"sum": 1})
    stage.mirror.routes["/diff/told"] = answer({"sum": 2})
    with stage.client() as client:
        for _ in range(3):
            client.get("/diff/told")
        client.post("/diff/told")
    stage.wait(lambda: len(stage.pairs("diff/told")) == 3)
    assert stage.wait_for_count("diff/told", "suppressed_write") == 1
    assert stage.wait_for_count("diff/told", "mirrored", 3) == 3
    told = json.loads(stage.proxy.clyra("mirror", "report", "--json", "--target", "reading", check=True).stdout)
    routes = {one["route"]: one for one in told["routes"]}
    (reads,) = [one for route, one in routes.items() if "GET /diff/told" in route]
    assert (reads["mirrored"], reads["same"], reads["different"]) == (3, 0, 3)
    assert reads["differences"] == [{"at": "/sum", "kind": "value", "pairs": 3}]
    assert 0.4 < reads["share_low"] < reads["share_high"] == 1.0
    assert "/sum value in 3 of 3 pairs" in stage.proxy.clyra("mirror", "report", check=True).stdout


def test_a_halted_destination_is_not_mirrored_and_the_mirror_can_be_halted_alone(stage: Stage) -> None:
    with stage.client() as client:
        client.get("/halted/before")
        assert stage.mirrored("/halted/before")
        stage.proxy.clyra("halt", "destination:reading", "--reason", "a test", check=True)
        try:
            assert client.get("/halted/mirror").status_code == 200
            assert stage.wait_for_count("halted/mirror", "suppressed_halt") == 1
        finally:
            stage.proxy.clyra("resume", "destination:reading", "--reason", "a test", check=True)
        stage.proxy.clyra("halt", "destination:local", "--reason", "a test", check=True)
        try:
            assert client.get("/halted/all").status_code == 503
        finally:
            stage.proxy.clyra("resume", "destination:local", "--reason", "a test", check=True)
        client.get("/halted/after")
        assert stage.mirrored("/halted/after")
    assert not stage.mirror.journal.complete("/halted/all")
    assert not stage.mirror.journal.complete("/halted/mirror")
