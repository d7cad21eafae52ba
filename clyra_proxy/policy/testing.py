"""Running the cases written beside a policy, through the same code that judges live traffic.

A case takes the way of an exchange without its sockets: match, destination, addresses, body gate, decision, denial.
What a case cannot show (TLS verification, how a caller proves who it is, evidence) is not simulated. Of policy engines
those are asked that run in this process (Cedar).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from clyra_proxy.checks import BodyCheck
from clyra_proxy.egress.dial import inspect_addresses
from clyra_proxy.egress.head import inspect_head
from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead
from clyra_proxy.genai.wire.check import GenAiCheck
from clyra_proxy.genai.wire.offline import judge_offline
from clyra_proxy.policy.compiler import CompiledPolicy
from clyra_proxy.policy.files import read_named, read_text
from clyra_proxy.policy.load import validate
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.source import parse
from clyra_proxy.policy.testcases import CaseExpectation, CaseRequest, TestCase
from clyra_proxy.services.failure import ServiceFailure
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.decide import collect_findings, decide
from clyra_proxy.verdict.denial import build
from clyra_proxy.verdict.identifiers import new_identifier
from clyra_proxy.verdict.model import Action, Phase, Verdict


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went. differences: `field: expected X, got Y`, empty when it passed."""

    name: str
    route: str
    verdict: Verdict
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


class _CaseFile(Section):
    tests: list[TestCase]


def cases_beside(policy_file: Path) -> list[TestCase]:
    """Cases of `NAME.tests.yaml` beside `NAME.yaml`, none when there is no such file. Raises PolicyError."""
    file = policy_file.with_suffix(".tests.yaml")
    if not file.is_file():
        return []
    return validate(_CaseFile, parse(read_text(file), str(file))).tests


def run_cases(
    policy: CompiledPolicy, cases: Sequence[TestCase], base_dir: Path, checks: Sequence[BodyCheck]
) -> list[CaseResult]:
    """Run every case. checks: the body checks of the house. Raises PolicyError when a body file cannot be read."""
    return [run_case(policy, case, base_dir, checks) for case in cases]


def run_case(policy: CompiledPolicy, case: TestCase, base_dir: Path, checks: Sequence[BodyCheck]) -> CaseResult:
    """Judge one request and compare with what was expected."""
    body = _body(case.request, base_dir)
    exchange = _exchange(policy, case.request, len(body))
    _judge(exchange, case.request, body, (*checks, GenAiCheck(lambda: policy.genai)))
    _ask_engines(policy, exchange, body)
    verdict = decide(exchange)
    return CaseResult(case.name, exchange.route.id, verdict, tuple(_differences(case.expect, exchange, verdict)))


def _exchange(policy: CompiledPolicy, request: CaseRequest, length: int) -> Exchange:
    url = urlsplit(request.url)
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("host", url.netloc.rpartition("@")[2])
    if "json_body" in request.model_fields_set:
        headers.setdefault("content-type", "application/json")
    if length:
        headers.setdefault("content-length", str(length))
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
    sni = request.sni if request.sni is not None else host if url.scheme == "https" else ""
    return Exchange(
        id=new_identifier(),
        client_ip="127.0.0.1",
        client_port=0,
        destination=Destination(host, port, url.scheme, authority=headers["host"], sni=sni),
        request=RequestHead(fields, request.method, path, "HTTP/1.1"),
        route=policy.match(host, port, request.method, path, headers.get("content-type", "")),
        policy_sha256=policy.sha256,
        policy_generation=policy.generation,
        identity=Identity() if request.agent is None else Identity(request.agent, "proxy", request.tenant or ""),
    )


def _judge(exchange: Exchange, request: CaseRequest, body: bytes, checks: Sequence[BodyCheck]) -> None:
    exchange.findings.extend(inspect_head(exchange))
    if request.resolves_to:
        exchange.findings.extend(inspect_addresses(exchange.route, request.resolves_to))
    gate = exchange.request_gate = open_gate(exchange, Phase.REQUEST_BODY, checks)
    try:
        if body:
            gate.feed(body)
        gate.finish()
    except BodyRefused:
        pass  # the finding is in the exchange
    exchange.request_coverage = gate.coverage
    judge_offline(exchange)


def _ask_engines(policy: CompiledPolicy, exchange: Exchange, body: bytes) -> None:
    """Asked only about what nothing has refused, as on the wire."""
    if policy.engines is None or any(finding.stops for finding in collect_findings(exchange)):
        return
    from clyra_proxy.enforcement.engines.gathering import question_of

    try:
        question = question_of(exchange, policy.approvals, body)
    except ServiceFailure as failure:
        told = policy.engines.refuse_all(policy.engines.engines, failure.cause, exchange.route)
    else:
        told = policy.engines.judge_here(question, body, exchange.route)
    exchange.findings.extend(one.finding for one in told if one.finding is not None)


def _body(request: CaseRequest, base_dir: Path) -> bytes:
    if "json_body" in request.model_fields_set:
        return orjson.dumps(request.json_body)
    if request.body is not None:
        return request.body.encode("utf-8")
    if request.body_file is None:
        return b""
    return read_named(request.body_file, base_dir, by="A test")


def _differences(expect: CaseExpectation, exchange: Exchange, verdict: Verdict) -> list[str]:
    deciding = verdict.deciding
    blocked = verdict.action >= Action.APPROVE
    seen: dict[str, object] = {
        "decision": verdict.decision.value,
        "would": verdict.would_action.word,
        "rule": deciding.rule if deciding is not None else "none",
        "reason": deciding.reason.value if deciding is not None else None,
        "path": deciding.path if deciding is not None else None,
        "route": exchange.route.id,
        "status": build(verdict, exchange).status if blocked else None,
    }
    wanted = expect.model_dump(mode="json", exclude_unset=True)
    return [f"{name}: expected {value}, got {seen[name]}" for name, value in wanted.items() if value != seen[name]]


def all_cases(document: PolicyDocument, policy_file: Path) -> list[TestCase]:
    """Cases inside the policy, then those beside it. Raises PolicyError."""
    return [*document.tests, *cases_beside(policy_file)]
