"""A denial speaks the client's protocol, says where to look, and shows nothing of a body."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anthropic
import openai
import pytest
from mcp.types import JSONRPCMessage

from clyra_proxy.exchange import Destination, Exchange
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import JSONRPC_ID, Denial, build
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.reasons import Reason
from clyra_proxy.verdict.rules import BY_REASON, RULES
from tests.support.judging import exchange_to, route_under

ROUTE = route_under("extends: strict")
SECRET = "4111-1111-1111-1111"
MCP_HEADERS = (("accept", "application/json, text/event-stream"), ("content-type", "application/json"))


def refused(
    rule: str,
    phase: Phase = Phase.REQUEST_BODY,
    *,
    host: str = "api.example",
    path: str = "/v1/things",
    headers: tuple[tuple[str, str], ...] = (),
    method: str = "POST",
) -> Exchange:
    exchange = exchange_to(
        ROUTE, Destination(host, 443, "https", host, host), path=path, headers=headers, method=method
    )
    found = RULES[rule].finding(
        ROUTE, phase, path="/items/3/name", detail={"row": 3, "schema_pointer": "/items/name", "value": SECRET}
    )
    assert found is not None
    exchange.findings.append(found)
    return exchange


def denied(exchange: Exchange) -> tuple[Denial, Any, dict[str, str]]:
    denial = build(decide(exchange), exchange)
    headers = {name.decode().lower(): value.decode() for name, value in denial.headers}
    return denial, json.loads(denial.body), headers


def test_problem_json_names_verdict_rule_place_and_retry() -> None:
    exchange = refused("schema.violation")
    denial, body, headers = denied(exchange)
    assert denial.status == body["status"] == 422
    assert headers["content-type"] == "application/problem+json"
    assert headers["clyra-verdict"] == body["verdict"] == exchange.id
    assert headers["clyra-reason"] == body["code"] == "schema_violation"
    assert int(headers["content-length"]) == len(denial.body)
    assert body["rule"] == "schema.violation"
    assert (body["pointer"], body["schema_pointer"], body["row"]) == ("/items/3/name", "/items/name", 3)
    assert body["retry"] == "no"
    assert body["message"] == body["detail"]
    assert "retry-after" not in headers


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("phase", [Phase.REQUEST_BODY, Phase.RESPONSE_BODY, Phase.MESSAGE])
@pytest.mark.parametrize(
    ("host", "path", "headers"),
    [
        ("api.example", "/", ()),
        ("api.openai.com", "/v1/chat/completions", ()),
        ("api.anthropic.com", "/v1/messages", ()),
        ("generativelanguage.googleapis.com", "/v1beta/models/g:generateContent", ()),
        ("mcp.example", "/mcp", MCP_HEADERS),
    ],
)
def test_no_shape_of_any_denial_shows_what_is_not_meant_to_be_seen(
    reason: Reason, phase: Phase, host: str, path: str, headers: tuple[tuple[str, str], ...]
) -> None:
    exchange = refused(BY_REASON[reason].id, phase, host=host, path=path, headers=headers)
    denial, body, seen = denied(exchange)
    assert SECRET.encode() not in denial.body
    assert exchange.id.encode() in denial.body
    assert BY_REASON[reason].id.encode() in denial.body
    assert seen["clyra-reason"] == reason.value
    assert len(denial.close_reason.encode()) <= 123
    assert denial.close_code in range(1000, 1016)
    assert isinstance(body, dict)
    if "retry-after" in seen and denial.status != 200:
        assert denial.status in (429, 503)


@pytest.mark.parametrize(
    ("rule", "status", "retry_after"),
    [
        ("json.duplicate_key", 422, None),
        ("schema.row", 422, None),
        ("body.too_large", 413, None),
        ("body.coding_bomb", 413, None),
        ("body.coding_unsupported", 415, None),
        ("body.media_type", 415, None),
        ("body.framing", 400, None),
        ("egress.destination", 403, None),
        ("egress.private_address", 403, None),
        ("egress.host_mismatch", 403, None),
        ("egress.self_connect", 403, None),
        ("egress.tls_unverified", 502, None),
        ("identity.required", 407, None),
        ("identity.rejected", 407, None),
        ("evidence.unavailable", 503, "5"),
        ("check.overflow", 503, "1"),
        ("halt.active", 503, "30"),
        ("check.error", 500, None),
    ],
)
def test_statuses(rule: str, status: int, retry_after: str | None) -> None:
    denial, body, headers = denied(refused(rule))
    assert denial.status == status
    assert headers.get("retry-after") == retry_after
    assert body["retry"] == ("no" if retry_after is None else "later")
    assert ("proxy-authenticate" in headers) == (status == 407)


def test_a_bad_response_is_a_bad_gateway() -> None:
    denial, body, _ = denied(refused("schema.violation", Phase.RESPONSE_BODY))
    assert denial.status == body["status"] == 502
    assert "response was refused" in body["detail"]


def test_mcp_gets_a_json_rpc_error_in_http_200_when_its_call_is_known() -> None:
    exchange = refused("schema.violation", host="mcp.example", path="/mcp", headers=MCP_HEADERS)
    exchange.extensions[JSONRPC_ID] = 7
    denial, body, headers = denied(exchange)
    assert denial.status == 200
    assert headers["content-type"] == "application/json"
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", 7, -32600)
    assert body["error"]["data"]["verdict"] == exchange.id
    message = JSONRPCMessage.model_validate(body).root
    assert message.id == 7  # type: ignore[union-attr]
    exchange.extensions[JSONRPC_ID] = None
    notified, body, _ = denied(exchange)
    assert (notified.status, body["id"]) == (200, None)


def test_mcp_gets_an_error_for_each_call_of_a_batch() -> None:
    exchange = refused("tools.denied", host="mcp.example", path="/mcp", headers=MCP_HEADERS)
    exchange.extensions[JSONRPC_ID] = (7, "b")
    denial, body, _ = denied(exchange)
    assert denial.status == 200
    assert [(one["id"], one["error"]["code"]) for one in body] == [(7, -32050), ("b", -32050)]
    assert all(JSONRPCMessage.model_validate(one) for one in body)


def test_mcp_gets_a_json_rpc_error_in_an_http_error_when_its_call_is_not_known() -> None:
    denial, body, headers = denied(refused("schema.violation", host="mcp.example", path="/mcp", headers=MCP_HEADERS))
    assert denial.status == 422
    assert headers["content-type"] == "application/json"
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", None, -32600)


@pytest.mark.parametrize("headers", [(("mcp-session-id", "s"),), (("mcp-protocol-version", "2025-06-18"),)])
def test_mcp_sessions_are_known_by_their_headers(headers: tuple[tuple[str, str], ...]) -> None:
    _, body, _ = denied(refused("egress.destination", headers=headers))
    assert body["jsonrpc"] == "2.0"
    assert denied(refused("identity.required", headers=headers))[0].status == 407
    assert denied(refused("egress.destination", headers=headers, method="GET"))[0].status == 403


def test_a_head_request_gets_no_body() -> None:
    exchange = refused("egress.destination", method="HEAD")
    denial = build(decide(exchange), exchange)
    assert (denial.status, denial.body) == (403, b"")


@contextmanager
def answering(denial: Denial) -> Iterator[str]:
    """A server on a free port that gives every request the denial; its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(denial.status)
            for name, value in denial.headers:
                self.send_header(name.decode(), value.decode())
            self.end_headers()
            self.wfile.write(denial.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_the_openai_client_raises_its_usual_exception() -> None:
    exchange = refused("schema.violation", host="api.openai.com", path="/v1/chat/completions")
    denial, _, _ = denied(exchange)
    with answering(denial) as url:
        client = openai.OpenAI(api_key="k", base_url=f"{url}/v1")
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "schema_violation"
    assert caught.value.param == "/items/3/name"
    assert exchange.id in caught.value.message


def test_the_anthropic_client_raises_its_usual_exception() -> None:
    exchange = refused("egress.destination", host="api.anthropic.com", path="/v1/messages")
    denial, _, _ = denied(exchange)
    with answering(denial) as url:
        client = anthropic.Anthropic(api_key="k", base_url=url)
        with pytest.raises(anthropic.PermissionDeniedError) as caught:
            client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["clyra"]["rule"] == "egress.destination"
    assert exchange.id in str(caught.value)


def test_gemini_gets_a_google_rpc_status() -> None:
    exchange = refused("json.syntax", host="generativelanguage.googleapis.com", path="/v1beta/models/g:generateContent")
    denial, body, _ = denied(exchange)
    assert denial.status == body["error"]["code"] == 422
    assert body["error"]["status"] == "INVALID_ARGUMENT"
    (info,) = body["error"]["details"]
    assert (info["reason"], info["metadata"]["row"]) == ("JSON_SYNTAX", "3")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("my.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1"),
        ("localhost", "/v1/responses"),
        ("vllm.internal", "/v1/embeddings"),
    ],
)
def test_openai_compatible_servers_are_known_by_their_paths(host: str, path: str) -> None:
    _, body, _ = denied(refused("json.syntax", host=host, path=path))
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("rule", "code"),
    [("json.syntax", 1007), ("body.too_large", 1009), ("egress.destination", 1008), ("check.error", 1011)],
)
def test_an_open_websocket_is_closed_with_a_code(rule: str, code: int) -> None:
    denial, _, _ = denied(refused(rule, Phase.MESSAGE))
    assert denial.close_code == code
    assert denial.close_reason.startswith(RULES[rule].reason.value)
