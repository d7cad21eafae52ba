"""A second policy on live traffic through the running proxy: what happens is the first one's, what is told is both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
import yaml

from tests.support.asking import connect, line_of, ours, wait_for_records
from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
from tests.support.replies import Reply
from tests.support.upstream import Upstream

ORDER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CANARY = "canary-51f0-northern-lights"


def _schema(path: str, side: str = "request") -> dict[str, Any]:
    return {"name": path.strip("/").replace("/", "-"), "paths": [path], "schema": {side: "order.json"}}


def _destinations(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"local": {"rules": list(rules)}}


@pytest.fixture(scope="module")
def judged_twice(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """The live policy lists 127.0.0.2 and binds /live and /both; the candidate lists another host and binds more."""
    folder = tmp_path_factory.mktemp("candidate")
    (folder / "order.json").write_text(json.dumps(ORDER))
    candidate = local_policy(
        authority,
        destinations={
            "local": {
                "rules": [
                    _schema("/candidate"),
                    _schema("/both"),
                    _schema("/answer", "response"),
                    _schema("/events", "response"),
                    _schema("/ws/candidate"),
                    {"name": "leaky", "paths": ["/leaky"], "genai": "generic"},
                ]
            },
            "more": {"hosts": ["extra.invalid"], "ports": "any"},
        },
        genai_security={"leaks": {"canaries": [{"name": "planted", "value": CANARY}]}},
    )
    (folder / "candidate.yaml").write_text(yaml.safe_dump(candidate))
    live = local_policy(
        authority,
        destinations={"near": {"hosts": ["127.0.0.2"], "ports": "any", "allow_private": True}}
        | _destinations(_schema("/live"), _schema("/both"), {"name": "never", "paths": ["/both"]}),
        enforcement={"candidate": {"policy": "candidate.yaml", "max_body_bytes": 65536, "budget_ms": 20000}},
    )
    with RunningProxy.start(folder, live) as running:
        yield running


def _ask(proxy: RunningProxy, method: str, url: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    """(status, what the log says under `unmapped.clyra`)."""
    proxy.begin_anew()
    with httpx.Client(proxy=proxy.url, verify=proxy.trust(), trust_env=False, timeout=60) as client:
        kind = {"content-type": "application/json"} if body else {}
        answer = client.request(method, url, content=body or None, headers=kind)
    (line,) = proxy.wait_for_verdicts(1, where=lambda it: it["http_request"]["http_method"] == method)
    return answer.status_code, ours(line)


CASES: dict[str, tuple[str, bytes, int, str, str, list[str]]] = {
    "both allow": ("/both", b'{"n":1}', 200, "allow", "agree", []),
    "both block": ("/both", b'{"n":"x"}', 422, "block", "agree", ["schema.violation"]),
    "only the live policy blocks": ("/live", b'{"n":"x"}', 422, "allow", "looser", []),
    "only the candidate blocks": ("/candidate", b'{"n":"x"}', 200, "block", "stricter", ["schema.violation"]),
    "the candidate blocks the answer": ("/answer", b'{"a":1}', 200, "block", "stricter", ["schema.violation"]),
    "a body it cannot keep whole": ("/candidate", b'{"n":1,"a":"' + b"x" * 70_000 + b'"}', 200, "allow", "unseen", []),
}


@pytest.mark.parametrize(("path", "body", "status", "decision", "relation", "rules"), CASES.values(), ids=CASES)
def test_the_live_policy_acts_and_both_are_told(
    judged_twice: RunningProxy,
    upstream: Upstream,
    path: str,
    body: bytes,
    status: int,
    decision: str,
    relation: str,
    rules: list[str],
) -> None:
    upstream.routes["/answer"] = Reply(headers=(("content-type", "application/json"),), body=(b'{"n":"x"}',))
    got, line = _ask(judged_twice, "POST", f"{upstream.tls_url}{path}", body)
    told = line["candidate"]
    assert (got == 200) == (status == 200)
    assert (told["relation"], told["decision"], told["rules"]) == (relation, decision, rules)
    assert told["differs"] is (relation in ("stricter", "looser"))
    assert told["policy_sha256"] != line["policy_sha256"]
    if relation == "unseen":
        assert told["request_coverage"] == "skipped:too_large"


def test_an_answer_refused_by_the_candidate_reaches_the_client(judged_twice: RunningProxy, upstream: Upstream) -> None:
    body = json.dumps({"text": CANARY}).encode()
    upstream.routes["/leaky"] = Reply(headers=(("content-type", "application/json"),), body=(body,))
    got, line = _ask(judged_twice, "POST", f"{upstream.tls_url}/leaky", b'{"prompt":"hello"}')
    assert (got, line["decision"]) == (200, "allow")
    assert (line["candidate"]["relation"], line["candidate"]["rules"]) == ("stricter", ["leak.canary"])


def test_a_stream_of_events_is_judged_as_it_came(judged_twice: RunningProxy, upstream: Upstream) -> None:
    events = (b'data: {"n":1}\n\n', b'data: {"n":"x"}\n\n')
    upstream.routes["/events"] = Reply(headers=(("content-type", "text/event-stream"),), body=events, framing="chunked")
    got, line = _ask(judged_twice, "GET", f"{upstream.tls_url}/events")
    assert (got, line["decision"]) == (200, "allow")
    assert (line["candidate"]["relation"], line["candidate"]["rules"]) == ("stricter", ["schema.row"])


def test_destinations_are_compared_both_ways(judged_twice: RunningProxy, upstream: Upstream) -> None:
    refused = connect(judged_twice, "extra.invalid:443")
    assert refused.status == 403
    line = ours(line_of(judged_twice, refused))
    assert (line["decision"], line["candidate"]["relation"]) == ("block", "looser")
    got, line = _ask(judged_twice, "GET", f"http://127.0.0.2:{upstream.port}/closed")
    assert got != 403
    assert (line["candidate"]["relation"], line["candidate"]["rules"]) == ("stricter", ["egress.destination"])


def test_messages_of_a_session_are_judged(judged_twice: RunningProxy, upstream: Upstream) -> None:
    async def talk() -> str | bytes:
        address = f"{upstream.tls_url.replace('https', 'wss')}/ws/candidate"
        async with (
            asyncio.timeout(60),
            websockets.connect(address, proxy=judged_twice.url, ssl=judged_twice.trust()) as socket,
        ):
            await socket.send('{"n":"x"}')
            return await socket.recv()

    assert asyncio.run(talk()) == '{"n":"x"}'
    (line,) = judged_twice.wait_for_verdicts(1, where=lambda it: it["http_request"]["url"]["path"] == "/ws/candidate")
    told = ours(line)["candidate"]
    assert (told["relation"], told["rules"]) == ("stricter", ["schema.violation"])


def test_a_difference_is_a_record_and_an_agreement_is_none(judged_twice: RunningProxy, upstream: Upstream) -> None:
    _, agreed = _ask(judged_twice, "POST", f"{upstream.tls_url}/both", b'{"n":2}')
    _, differs = _ask(judged_twice, "POST", f"{upstream.tls_url}/candidate", b'{"n":"y"}')
    records = wait_for_records(judged_twice, differs["verdict"], 3)
    (record,) = [one for one in records if one["typ"] == "pef.shadow_diff"]
    assert record["data"]["live"]["action"] == "allow"
    assert record["data"]["shadow"]["rule"] == "schema.violation"
    assert record["data"]["shadow"]["policy_sha256"] == differs["candidate"]["policy_sha256"]
    assert {one["typ"] for one in wait_for_records(judged_twice, agreed["verdict"], 2)} == {"pef.http_call"}


def test_commands_show_what_differs(judged_twice: RunningProxy, upstream: Upstream) -> None:
    _, line = _ask(judged_twice, "POST", f"{upstream.tls_url}/candidate", b'{"n":"z"}')
    shown = judged_twice.clyra("tail", "--candidate-differs", "--no-follow", "--lines", "1000", "--json", check=True)
    told = [ours(json.loads(one)) for one in shown.stdout.splitlines()]
    assert line["verdict"] in {one["verdict"] for one in told}
    assert all(one["candidate"]["differs"] for one in told)
    story = judged_twice.clyra("explain", line["verdict"], check=True).stdout
    assert "candidate" in story
    assert "stricter" in story


def test_the_daily_review_tells_differences_and_contradictions(judged_twice: RunningProxy, upstream: Upstream) -> None:
    _, line = _ask(judged_twice, "POST", f"{upstream.tls_url}/candidate", b'{"n":"w"}')
    wait_for_records(judged_twice, line["verdict"], 3)
    page = judged_twice.clyra("report", "--daily-review", "--date", "all", "--format", "markdown", check=True).stdout
    assert "Decided otherwise by the candidate policy" in page
    assert "allow, would block" in page
    assert "no request reaches the rule" in page


def test_a_bad_candidate_keeps_both_policies(judged_twice: RunningProxy, upstream: Upstream) -> None:
    file = judged_twice.policy.parent / "candidate.yaml"
    good = file.read_text()
    try:
        file.write_text("nonsense: 1\n")
        refused = judged_twice.clyra("proxy", "reload")
        checked = judged_twice.clyra("policy", "check", str(judged_twice.policy))
        _, line = _ask(judged_twice, "POST", f"{upstream.tls_url}/candidate", b'{"n":"x"}')
    finally:
        file.write_text(good)
    assert refused.returncode != 0
    assert "nonsense" in refused.stdout + refused.stderr
    assert checked.returncode == 1
    assert line["policy_generation"] == 1
    assert line["candidate"]["relation"] == "stricter"
